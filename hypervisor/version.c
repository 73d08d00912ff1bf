// SPDX-License-Identifier: MIT
// HYPERVISOR_xen_version (public/version.h): what a guest may ask about the hypervisor it runs on.

#include <hv/boot_info.h>
#include <hv/domain.h>
#include <hv/guest_access.h>
#include <hv/hypercall.h>
#include <hv/string.h>

#include <xen/version.h>

// The ABI we speak: Xen 4.17.
#define VERSION_MAJOR 4
#define VERSION_MINOR 17
#define EXTRAVERSION  ".0-proxenos"
#define CAPABILITIES  "xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 "

static const struct xen_compile_info compile_info = {
    .compiler = "gcc " __VERSION__,
    .compile_by = "proxenos",
    .compile_date = __DATE__ " " __TIME__,
};

// Copies a string into a guest's buffer of `size` bytes, filled up with zeros.
static long give_string(gva_t arg, const char *string, size_t size)
{
    char buf[1024] = {0};

    hv_strlcpy(buf, string, size);
    return copy_to_guest(arg, buf, size);
}

static long give_command_line(struct vcpu *v, gva_t arg)
{
    bool allowed = priv_check(v->domain, PRIV_OP_SYSCTL, NULL) == 0;

    return give_string(arg, allowed ? boot_info.cmdline : "<denied>", sizeof(xen_commandline_t));
}

// Where PV guests find the hypervisor in their address space; of no use to ours, but there is no other
// answer.
static long give_platform_parameters(const struct hypercall *call, gva_t arg)
{
    struct xen_platform_parameters params = {.virt_start = HYPERVISOR_VIRT_START};

    // xen_ulong_t has the caller's width.
    return call->is_32bit ? -XEN_ENOSYS : copy_to_guest(arg, &params, sizeof(params));
}

static long give_features(const struct domain *d, gva_t arg)
{
    struct xen_feature_info info;

    if (copy_from_guest(&info, arg, sizeof(info)))
        return -XEN_EFAULT;
    if (info.submap_idx >= XENFEAT_NR_SUBMAPS)
        return -XEN_EINVAL;
    info.submap = 1U << XENFEAT_writable_page_tables | 1U << XENFEAT_auto_translated_physmap |
                  1U << XENFEAT_hvm_callback_vector | 1U << XENFEAT_hvm_safe_pvclock;
    // The hardware domain's RAM has gfn = mfn, so that its devices can reach it.
    if (d->privileges & PRIV_HARDWARE)
        info.submap |= 1U << XENFEAT_dom0 | 1U << XENFEAT_direct_mapped;
    else
        info.submap |= 1U << XENFEAT_not_direct_mapped;
    return copy_to_guest(arg, &info, sizeof(info));
}

// Answers that go where the guest's pointer says.
static long give(struct vcpu *v, struct hypercall *call)
{
    gva_t arg = GVA(call->args[1]);

    switch ((uint32_t)call->args[0]) {
    case XENVER_extraversion: return give_string(arg, EXTRAVERSION, sizeof(xen_extraversion_t));
    case XENVER_compile_info: return copy_to_guest(arg, &compile_info, sizeof(compile_info));
    case XENVER_capabilities: return give_string(arg, CAPABILITIES, sizeof(xen_capabilities_info_t));
    case XENVER_changeset: return give_string(arg, "unavailable", sizeof(xen_changeset_info_t));
    case XENVER_platform_parameters: return give_platform_parameters(call, arg);
    case XENVER_get_features: return give_features(v->domain, arg);
    case XENVER_guest_handle: return copy_to_guest(arg, v->domain->uuid, sizeof(v->domain->uuid));
    case XENVER_commandline: return give_command_line(v, arg);
    case XENVER_build_id: return -XEN_ENODATA; // the image is linked without one
    default: return -XEN_ENOSYS;
    }
}

// args: what, pointer to where it goes (NULL where the answer is the return value).
long do_xen_version(struct vcpu *v, struct hypercall *call)
{
    switch ((uint32_t)call->args[0]) {
    case XENVER_version: return VERSION_MAJOR << 16 | VERSION_MINOR;
    case XENVER_pagesize: return PAGE_SIZE;
    default: return give(v, call);
    }
}

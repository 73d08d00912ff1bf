// SPDX-License-Identifier: MIT
/*
 * The machine and its hypervisor: sysctls and xen_version.
 */
#include <string.h>

#include "call.h"

#define SYSCTL_SPECULATION 0x50580001U /* Proxenos's own (hypervisor/sysctl.c) */

static long sysctl(struct xen_sysctl *op, uint32_t cmd)
{
    op->cmd = cmd;
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return HYPERVISOR_sysctl(op);
}

int ctl_physinfo(struct xen_sysctl_physinfo *info, struct error *err)
{
    struct xen_sysctl op = {0};
    long rc = sysctl(&op, XEN_SYSCTL_physinfo);

    if (rc >= 0)
        *info = op.u.physinfo;
    return ctl_result(err, rc, "sysctl physinfo", DOMID_INVALID);
}

int ctl_speculation(char text[CTL_SPECULATION_MAX], struct error *err)
{
    struct xen_sysctl op = {0};
    long rc = sysctl(&op, SYSCTL_SPECULATION);

    memcpy(text, op.u.pad, CTL_SPECULATION_MAX);
    return ctl_result(err, rc, "sysctl speculation", DOMID_INVALID);
}

int ctl_domain_list(domid_t first, unsigned int max, struct xen_domctl_getdomaininfo *infos,
                    struct error *err)
{
    struct xen_sysctl op = {.u.getdomaininfolist = {.first_domain = first, .max_domains = max}};
    long rc;

    set_xen_guest_handle(op.u.getdomaininfolist.buffer, infos);
    rc = sysctl(&op, XEN_SYSCTL_getdomaininfolist);
    return rc < 0 ? ctl_result(err, rc, "sysctl getdomaininfolist", DOMID_INVALID)
                  : (int)op.u.getdomaininfolist.num_domains;
}

int ctl_cpu_idle(struct xen_sysctl_cpuinfo *infos, unsigned int max, struct error *err)
{
    struct xen_sysctl op = {.u.getcpuinfo.max_cpus = max};
    long rc;

    set_xen_guest_handle(op.u.getcpuinfo.info, infos);
    rc = sysctl(&op, XEN_SYSCTL_getcpuinfo);
    return rc < 0 ? ctl_result(err, rc, "sysctl getcpuinfo", DOMID_INVALID) : (int)op.u.getcpuinfo.nr_cpus;
}

int ctl_debug_keys(const char *keys, struct error *err)
{
    struct xen_sysctl op = {.u.debug_keys.nr_keys = (uint32_t)strlen(keys)};

    set_xen_guest_handle(op.u.debug_keys.keys, (char *)keys);
    return ctl_result(err, sysctl(&op, XEN_SYSCTL_debug_keys), "sysctl debug_keys", DOMID_INVALID);
}

int ctl_log_read(char *buffer, uint32_t size, uint32_t *index, struct error *err)
{
    struct xen_sysctl op = {.u.readconsole = {.incremental = 1, .index = *index, .count = size}};
    long rc;

    set_xen_guest_handle(op.u.readconsole.buffer, buffer);
    rc = sysctl(&op, XEN_SYSCTL_readconsole);
    if (rc < 0)
        return ctl_result(err, rc, "sysctl readconsole", DOMID_INVALID);
    *index = op.u.readconsole.index;
    return (int)op.u.readconsole.count;
}

int ctl_log_clear(struct error *err)
{
    struct xen_sysctl op = {.u.readconsole.clear = 1};

    return ctl_result(err, sysctl(&op, XEN_SYSCTL_readconsole), "sysctl readconsole (clear)", DOMID_INVALID);
}

/* One string or structure of xen_version. */
static int version_get(unsigned int what, void *to, struct error *err)
{
    return ctl_result(err, HYPERVISOR_xen_version(what, to), "xen_version", DOMID_INVALID);
}

int ctl_version(struct ctl_version *version, struct error *err)
{
    struct xen_platform_parameters parameters;
    long number = HYPERVISOR_xen_version(XENVER_version, NULL);
    long page_size = HYPERVISOR_xen_version(XENVER_pagesize, NULL);

    memset(version, 0, sizeof(*version));
    if (number < 0 || page_size < 0)
        return ctl_result(err, number < 0 ? number : page_size, "xen_version", DOMID_INVALID);
    if (version_get(XENVER_extraversion, version->extra, err) ||
        version_get(XENVER_compile_info, &version->compile, err) ||
        version_get(XENVER_capabilities, version->capabilities, err) ||
        version_get(XENVER_changeset, version->changeset, err) ||
        version_get(XENVER_commandline, version->cmdline, err) ||
        version_get(XENVER_platform_parameters, &parameters, err))
        return err->code;
    version->major = (unsigned int)number >> 16;
    version->minor = number & 0xffff;
    version->virt_start = parameters.virt_start;
    version->page_size = (uint32_t)page_size;
    return 0;
}

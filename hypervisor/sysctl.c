// SPDX-License-Identifier: MIT
// HYPERVISOR_sysctl (public/sysctl.h, interface version 0x15): the machine as a whole, for the control
// domain.

#include <hv/arch.h>
#include <hv/domctl.h>
#include <hv/guest_access.h>
#include <hv/hypercall.h>
#include <hv/page_alloc.h>
#include <hv/printk.h>
#include <hv/string.h>

#include <xen/domctl.h>
#include <xen/sysctl.h>

#define MAX_DEBUG_KEYS 64

#define SCHEDULER_CREDIT2 6 // XEN_SCHEDULER_CREDIT2: the stock scheduler that ours comes closest to

// Not Xen's, which has no field for it: a text in op.u.pad, for `xl info`. Stock tools don't ask, and Xen
// knows no such number (dom0-tools/ctl/machine.c has it too).
#define SYSCTL_SPECULATION 0x50580001U

// `op` is a private copy that goes back to the guest on success.
typedef long sysctl_fn(struct xen_sysctl *op);

static long readconsole(struct xen_sysctl *op)
{
    struct xen_sysctl_readconsole *r = &op->u.readconsole;
    uint64_t pos = r->incremental ? r->index : 0;
    uint32_t done = 0;
    char chunk[512];

    while (done < r->count) {
        size_t n = log_read(chunk, MIN(sizeof(chunk), r->count - done), &pos, false);

        if (n == 0)
            break;
        if (copy_to_guest(gva_add(HANDLE_GVA(r->buffer), done), chunk, n))
            return -XEN_EFAULT;
        done += n;
    }
    if (r->clear)
        log_read(NULL, 0, &pos, true);
    r->index = pos;
    r->count = done;
    return 0;
}

static long physinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_physinfo *p = &op->u.physinfo;
    struct arch_machine_info machine;

    arch_machine_info(&machine);
    *p = (struct xen_sysctl_physinfo){
        .threads_per_core = machine.threads_per_core,
        .cores_per_socket = machine.cores_per_socket,
        .nr_cpus = machine.nr_cpus,
        .max_cpu_id = machine.nr_cpus - 1,
        .nr_nodes = 1,
        .cpu_khz = machine.cpu_khz,
        .capabilities = XEN_SYSCTL_PHYSCAP_gnttab_v1 | (machine.hvm ? XEN_SYSCTL_PHYSCAP_hvm : 0) |
                        (machine.hap ? XEN_SYSCTL_PHYSCAP_hap : 0),
        .total_pages = page_total(),
        .free_pages = page_free_count(),
    };
    for (unsigned i = 0; i < ARRAY_SIZE(p->hw_cap); i++)
        p->hw_cap[i] = machine.hw_cap[i];
    for (unsigned i = 0; i < boot_info.nr_regions; i++)
        if (boot_info.regions[i].type == MEM_RAM)
            p->max_mfn = (boot_info.regions[i].end >> PAGE_SHIFT) - 1;
    return 0;
}

static long sched_id(struct xen_sysctl *op)
{
    op->u.sched_id.sched_id = SCHEDULER_CREDIT2;
    return 0;
}

static long getdomaininfolist(struct xen_sysctl *op)
{
    struct xen_sysctl_getdomaininfolist *list = &op->u.getdomaininfolist;
    domid_t at = list->first_domain;
    uint32_t n = 0;

    for (; n < list->max_domains; n++) {
        struct xen_domctl_getdomaininfo info;
        struct domain *d = domain_next(at);

        if (!d)
            break;
        domctl_domain_info(d, &info);
        at = d->id + 1;
        domain_put(d);
        if (copy_to_guest(guest_elem(HANDLE_GVA(list->buffer), n, sizeof(info)), &info, sizeof(info)))
            return -XEN_EFAULT;
    }
    list->num_domains = n;
    return 0;
}

static long getcpuinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_getcpuinfo *c = &op->u.getcpuinfo;

    c->nr_cpus = MIN(c->max_cpus, nr_cpus);
    for (unsigned i = 0; i < c->nr_cpus; i++) {
        struct xen_sysctl_cpuinfo info = {.idletime = cpus[i]->idle_ns};

        if (copy_to_guest(guest_elem(HANDLE_GVA(c->info), i, sizeof(info)), &info, sizeof(info)))
            return -XEN_EFAULT;
    }
    return 0;
}

static long availheap(struct xen_sysctl *op)
{
    op->u.availheap.avail_bytes = page_free_count() << PAGE_SHIFT;
    return 0;
}

static long debug_keys(struct xen_sysctl *op)
{
    struct xen_sysctl_debug_keys *keys = &op->u.debug_keys;
    char key;

    if (keys->nr_keys > MAX_DEBUG_KEYS)
        return -XEN_EINVAL;
    for (uint32_t i = 0; i < keys->nr_keys; i++) {
        if (copy_from_guest(&key, guest_elem(HANDLE_GVA(keys->keys), i, sizeof(key)), sizeof(key)))
            return -XEN_EFAULT;
        arch_debug_key(key);
    }
    return 0;
}

static long speculation(struct xen_sysctl *op)
{
    struct arch_machine_info machine;

    arch_machine_info(&machine);
    hv_strlcpy((char *)op->u.pad, machine.speculation, sizeof(op->u.pad));
    return 0;
}

static sysctl_fn *const ops[] = {
    [XEN_SYSCTL_debug_keys] = debug_keys,
    [XEN_SYSCTL_readconsole] = readconsole,
    [XEN_SYSCTL_physinfo] = physinfo,
    [XEN_SYSCTL_sched_id] = sched_id,
    [XEN_SYSCTL_getdomaininfolist] = getdomaininfolist,
    [XEN_SYSCTL_getcpuinfo] = getcpuinfo,
    [XEN_SYSCTL_availheap] = availheap,
};

long do_sysctl(struct vcpu *v, struct hypercall *call)
{
    gva_t at = GVA(call->args[0]);
    struct xen_sysctl op;

    if (priv_check(v->domain, PRIV_OP_SYSCTL, NULL))
        return -XEN_EPERM;
    if (copy_from_guest(&op, at, sizeof(op)))
        return -XEN_EFAULT;
    if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION)
        return -XEN_EACCES;
    sysctl_fn *fn = op.cmd < ARRAY_SIZE(ops) ? ops[op.cmd] : NULL;
    if (op.cmd == SYSCTL_SPECULATION)
        fn = speculation;
    if (!fn)
        return -XEN_ENOSYS;
    long rc = fn(&op);
    return rc ? rc : copy_to_guest(at, &op, sizeof(op));
}

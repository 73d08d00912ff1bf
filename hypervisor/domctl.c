// SPDX-License-Identifier: MIT
// HYPERVISOR_domctl (public/domctl.h, interface version 0x15): the control domain's way to create, inspect
// and end domains. Structures and meanings are stock, so that an unmodified libxc could issue them.

#include <hv/arch.h>
#include <hv/domctl.h>
#include <hv/guest_access.h>
#include <hv/hypercall.h>
#include <hv/page_alloc.h>
#include <hv/printk.h>
#include <hv/slab.h>
#include <hv/softirq.h>
#include <hv/string.h>

#include <xen/domctl.h>

// What every domctl handler gets: the request, a private copy that goes back to the guest on success, and its
// referenced target (NULL for createdomain).
typedef long domctl_fn(struct vcpu *v, struct xen_domctl *op, struct domain *d);

static struct spinlock domctl_lock = SPINLOCK(LOCK_DOMCTL);

static bool config_supported(const struct xen_domctl_createdomain *c)
{
    const uint32_t required = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;

    return (c->flags & required) == required && !(c->flags & ~(required | XEN_DOMCTL_CDF_xs_domain)) &&
           !c->iommu_opts && !c->vmtrace_size && !c->cpupool_id && !c->arch.misc_flags &&
           c->arch.emulation_flags == XEN_X86_EMU_LAPIC && XEN_DOMCTL_GRANT_version(c->grant_opts) > 0 &&
           c->max_vcpus >= 1 && c->max_vcpus <= MAX_VCPUS_PER_DOMAIN;
}

static long createdomain(struct vcpu *v, struct xen_domctl *op, struct domain *unused)
{
    const struct xen_domctl_createdomain *c = &op->u.createdomain;
    struct domain_config config = {
        .privileges = 0,
        .max_vcpus = c->max_vcpus,
        .max_evtchn_port = MIN(c->max_evtchn_port, EVTCHN_2L_PORTS - 1),
        .max_grant_frames = c->max_grant_frames,
        .max_maptrack_frames = c->max_maptrack_frames,
    };
    // 0 asks for the next free id, as in the stock interface.
    domid_t domid = op->domain == 0 || op->domain >= DOMID_FIRST_RESERVED ? DOMID_INVALID : op->domain;
    struct domain *d;

    (void)v, (void)unused;
    if (!config_supported(c))
        return -XEN_EINVAL;
    if (c->max_vcpus > 1) {
        log_warning("createdomain: %u vcpus asked for; only 1 is supported", c->max_vcpus);
        return -XEN_EOPNOTSUPP;
    }
    memcpy(config.uuid, c->handle, sizeof(config.uuid));
    int rc = domain_create(domid, &config, &d);
    if (rc == 0)
        op->domain = d->id;
    return rc;
}

static long destroydomain(struct vcpu *v, struct xen_domctl *op, struct domain *d)
{
    (void)op;
    if (d == v->domain)
        return -XEN_EINVAL;
    return domain_destroy(d);
}

static long pausedomain(struct vcpu *v, struct xen_domctl *op, struct domain *d)
{
    (void)op;
    return d == v->domain ? -XEN_EINVAL : domain_pause_by_toolstack(d);
}

static long unpausedomain(struct vcpu *v, struct xen_domctl *op, struct domain *d)
{
    (void)v, (void)op;
    return domain_unpause_by_toolstack(d);
}

static long resumedomain(struct vcpu *v, struct xen_domctl *op, struct domain *d)
{
    (void)op;
    return d == v->domain ? -XEN_EINVAL : domain_resume(d);
}

static uint32_t run_flags(const struct domain *d, uint32_t *online, uint64_t *cpu_time)
{
    uint32_t flags = XEN_DOMINF_blocked;

    for (unsigned i = 0; i < d->max_vcpus; i++) {
        const struct vcpu *v = d->vcpus[i];

        if (!v)
            continue;
        *cpu_time += vcpu_run_time(v);
        if (v->flags & VCPU_DOWN)
            continue;
        ++*online;
        if (v->runstate.state == RUNSTATE_running)
            flags |= XEN_DOMINF_running;
        if (!(v->flags & VCPU_BLOCKED))
            flags &= ~XEN_DOMINF_blocked;
    }
    return flags;
}

static void domain_info(const struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    *info = (struct xen_domctl_getdomaininfo){
        .domain = d->id,
        .tot_pages = d->tot_pages,
        .max_pages = d->max_pages,
        .shared_info_frame = ~0UL, // not in the guest's map until it asks for it
        .max_vcpu_id = d->max_vcpus - 1,
        .gpaddr_bits = arch_gpa_bits(),
        .arch_config.emulation_flags = XEN_X86_EMU_LAPIC,
    };
    info->flags =
        run_flags(d, &info->nr_online_vcpus, &info->cpu_time) | XEN_DOMINF_hvm_guest | XEN_DOMINF_hap;
    if (d->state != DOMAIN_LIVE)
        info->flags |= XEN_DOMINF_dying;
    if (d->toolstack_pauses)
        info->flags |= XEN_DOMINF_paused;
    if (d->shutting_down)
        info->flags |= XEN_DOMINF_shutdown | d->shutdown_code << XEN_DOMINF_shutdownshift;
    memcpy(info->handle, d->uuid, sizeof(info->handle));
}

void domctl_domain_info(const struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    // No vcpu may be destroyed while we look at it.
    spin_lock(&domctl_lock);
    domain_info(d, info);
    spin_unlock(&domctl_lock);
}

static long getdomaininfo(struct vcpu *v, struct xen_domctl *op, struct domain *d)
{
    (void)v;
    domain_info(d, &op->u.getdomaininfo);
    op->domain = d->id;
    return 0;
}

static long getvcpuinfo(struct vcpu *caller, struct xen_domctl *op, struct domain *d)
{
    struct xen_domctl_getvcpuinfo *info = &op->u.getvcpuinfo;

    (void)caller;
    if (info->vcpu >= d->max_vcpus)
        return -XEN_EINVAL;
    const struct vcpu *v = domain_vcpu(d, info->vcpu);
    if (!v)
        return -XEN_ESRCH;
    info->online = !(v->flags & VCPU_DOWN);
    info->blocked = !!(v->flags & VCPU_BLOCKED);
    info->running = v->runstate.state == RUNSTATE_running;
    info->cpu_time = vcpu_run_time(v);
    info->cpu = v->sched.cpu;
    return 0;
}

static long max_mem(struct vcpu *v, struct xen_domctl *op, struct domain *d)
{
    (void)v;
    d->max_pages = op->u.max_mem.max_memkb >> (PAGE_SHIFT - 10);
    return 0;
}

// The number was fixed at creation; this is when the vcpus come into being.
static long max_vcpus(struct vcpu *v, struct xen_domctl *op, struct domain *d)
{
    int rc = 0;

    if (op->u.max_vcpus.max != d->max_vcpus || d == v->domain)
        return -XEN_EINVAL;
    for (unsigned i = 0; rc == 0 && i < d->max_vcpus; i++)
        if (!d->vcpus[i])
            rc = vcpu_create(d, i);
    return rc;
}

static long sethvmcontext(struct vcpu *v, struct xen_domctl *op, struct domain *d)
{
    uint32_t size = op->u.hvmcontext.size;

    if (size == 0 || size > ARCH_HVM_CONTEXT_MAX || d == v->domain)
        return -XEN_EINVAL;
    void *buf = hv_alloc(size);
    if (!buf)
        return -XEN_ENOMEM;
    long rc = copy_from_guest(buf, HANDLE_GVA(op->u.hvmcontext.buffer), size);
    if (rc == 0) {
        domain_pause(d);
        rc = arch_hvm_context_set(d, buf, size);
        domain_unpause(d);
    }
    hv_free(buf, size);
    return rc;
}

static long gethvmcontext(struct vcpu *v, struct xen_domctl *op, struct domain *d)
{
    struct xen_domctl_hvmcontext *c = &op->u.hvmcontext;

    if (d == v->domain)
        return -XEN_EINVAL;
    domain_pause(d);
    void *buf = hv_alloc(ARCH_HVM_CONTEXT_MAX);
    long size = !buf ? -XEN_ENOMEM : arch_hvm_context_get(d, buf, ARCH_HVM_CONTEXT_MAX);
    domain_unpause(d);
    long rc = size < 0 ? size : 0;
    if (rc == 0 && c->buffer.p)
        rc = c->size < size ? -XEN_ENOSPC : copy_to_guest(HANDLE_GVA(c->buffer), buf, size);
    if (rc == 0)
        c->size = size;
    hv_free(buf, ARCH_HVM_CONTEXT_MAX);
    return rc;
}

static long set_pool(struct domain *d, uint64_t bytes)
{
    uint64_t pages = bytes >> PAGE_SHIFT;

    if (pages > UINT32_MAX || pages < d->p2m.pool_pages)
        return -XEN_EINVAL;
    d->p2m.pool_limit = pages;
    return 0;
}

// Nested paging has no shadow: only the size of the pool that p2m tables come from remains of this call.
static long shadow_op(struct vcpu *v, struct xen_domctl *op, struct domain *d)
{
    struct xen_domctl_shadow_op *s = &op->u.shadow_op;

    (void)v;
    switch (s->op) {
    case XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION: return set_pool(d, (uint64_t)s->mb << 20);
    case XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION:
        s->mb = ALIGN_UP((uint64_t)d->p2m.pool_limit << PAGE_SHIFT, 1UL << 20) >> 20;
        return 0;
    default: return -XEN_EOPNOTSUPP;
    }
}

static long set_paging_mempool(struct vcpu *v, struct xen_domctl *op, struct domain *d)
{
    (void)v;
    return op->u.paging_mempool.size & (PAGE_SIZE - 1) ? -XEN_EINVAL : set_pool(d, op->u.paging_mempool.size);
}

static long get_paging_mempool(struct vcpu *v, struct xen_domctl *op, struct domain *d)
{
    (void)v;
    op->u.paging_mempool.size = (uint64_t)d->p2m.pool_limit << PAGE_SHIFT;
    return 0;
}

static long setdomainhandle(struct vcpu *v, struct xen_domctl *op, struct domain *d)
{
    (void)v;
    memcpy(d->uuid, op->u.setdomainhandle.handle, sizeof(d->uuid));
    return 0;
}

static long settimeoffset(struct vcpu *v, struct xen_domctl *op, struct domain *d)
{
    (void)v;
    d->wallclock_offset_s = op->u.settimeoffset.time_offset_seconds;
    domain_update_wallclock(d);
    return 0;
}

static const struct {
    domctl_fn *fn;
    bool dying_too; // may be asked about a domain that is being torn down
    bool copy_back; // has output
} ops[] = {
    [XEN_DOMCTL_createdomain] = {createdomain, false, true},
    [XEN_DOMCTL_destroydomain] = {destroydomain, true, false},
    [XEN_DOMCTL_pausedomain] = {pausedomain, false, false},
    [XEN_DOMCTL_unpausedomain] = {unpausedomain, false, false},
    [XEN_DOMCTL_getdomaininfo] = {getdomaininfo, true, true},
    [XEN_DOMCTL_shadow_op] = {shadow_op, false, true},
    [XEN_DOMCTL_max_mem] = {max_mem, false, false},
    [XEN_DOMCTL_getvcpuinfo] = {getvcpuinfo, true, true},
    [XEN_DOMCTL_max_vcpus] = {max_vcpus, false, false},
    [XEN_DOMCTL_setdomainhandle] = {setdomainhandle, false, false},
    [XEN_DOMCTL_settimeoffset] = {settimeoffset, false, false},
    [XEN_DOMCTL_resumedomain] = {resumedomain, false, false},
    [XEN_DOMCTL_gethvmcontext] = {gethvmcontext, false, true},
    [XEN_DOMCTL_sethvmcontext] = {sethvmcontext, false, false},
    [XEN_DOMCTL_get_paging_mempool_size] = {get_paging_mempool, false, true},
    [XEN_DOMCTL_set_paging_mempool_size] = {set_paging_mempool, false, false},
};

// The referenced domain a request is about. As in the stock interface, getdomaininfo takes the next one when
// there is none of that id.
static struct domain *find_target(const struct xen_domctl *op)
{
    struct domain *d;

    if (!ops[op->cmd].dying_too)
        return domain_lookup(op->domain);
    d = domain_lookup_dying_too(op->domain);
    if (!d && op->cmd == XEN_DOMCTL_getdomaininfo && op->domain < DOMID_FIRST_RESERVED)
        d = domain_next(op->domain);
    return d;
}

static long dispatch(struct vcpu *v, struct xen_domctl *op)
{
    struct domain *d = NULL;

    if (op->cmd != XEN_DOMCTL_createdomain) {
        d = find_target(op);
        if (!d)
            return -XEN_ESRCH;
    }
    spin_lock(&domctl_lock);
    long rc = ops[op->cmd].fn(v, op, d);
    spin_unlock(&domctl_lock);
    if (d)
        domain_put(d);
    return rc;
}

long do_domctl(struct vcpu *v, struct hypercall *call)
{
    gva_t at = GVA(call->args[0]);
    struct xen_domctl op;
    long rc;

    if (priv_check(v->domain, PRIV_OP_DOMCTL, NULL))
        return -XEN_EPERM;
    if (copy_from_guest(&op, at, sizeof(op)))
        return -XEN_EFAULT;
    if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
        return -XEN_EACCES;
    if (op.cmd >= ARRAY_SIZE(ops) || !ops[op.cmd].fn)
        return -XEN_ENOSYS;
    do {
        rc = dispatch(v, &op);
        if (rc == -XEN_ERESTART && preempt_check())
            return HYPERCALL_CONTINUE;
    } while (rc == -XEN_ERESTART);
    if (rc == 0 && ops[op.cmd].copy_back && copy_to_guest(at, &op, sizeof(op)))
        return -XEN_EFAULT;
    return rc;
}

// SPDX-License-Identifier: MIT
/*
 * Control of one domain: the domctls, and sched_op's remote shutdown.
 */
#include <string.h>

#include "call.h"

/* Ports a guest may use: what libxl allows by default. */
#define MAX_EVTCHN_PORT 1023u
/* "Use the hypervisor's default" in createdomain's limits. */
#define LIMIT_DEFAULT (-1)

static long domctl(struct xen_domctl *op, uint32_t cmd, domid_t domid)
{
    op->cmd = cmd;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = domid;
    return HYPERVISOR_domctl(op);
}

int ctl_domain_create(const uint8_t uuid[16], unsigned int max_vcpus, domid_t *domid, struct error *err)
{
    struct xen_domctl op = {
        .u.createdomain =
            {
                .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
                .max_vcpus = max_vcpus,
                .max_evtchn_port = MAX_EVTCHN_PORT,
                .max_grant_frames = LIMIT_DEFAULT,
                .max_maptrack_frames = LIMIT_DEFAULT,
                .grant_opts = XEN_DOMCTL_GRANT_version(1),
                /* What makes it PVH rather than HVM: a local APIC is all that is emulated. */
                .arch.emulation_flags = XEN_X86_EMU_LAPIC,
            },
    };
    long rc;

    memcpy(op.u.createdomain.handle, uuid, sizeof(op.u.createdomain.handle));
    rc = domctl(&op, XEN_DOMCTL_createdomain, 0); /* 0: the hypervisor picks an id */
    if (rc >= 0)
        *domid = op.domain;
    return ctl_result(err, rc, "domctl createdomain", DOMID_INVALID);
}

int ctl_domain_destroy(domid_t domid, struct error *err)
{
    struct xen_domctl op = {0};
    long rc;

    do
        rc = domctl(&op, XEN_DOMCTL_destroydomain, domid);
    while (rc == -XEN_EAGAIN); /* it gives the CPU back between large pieces of work */
    return ctl_result(err, rc, "domctl destroydomain", domid);
}

int ctl_domain_pause(domid_t domid, struct error *err)
{
    struct xen_domctl op = {0};

    return ctl_result(err, domctl(&op, XEN_DOMCTL_pausedomain, domid), "domctl pausedomain", domid);
}

int ctl_domain_unpause(domid_t domid, struct error *err)
{
    struct xen_domctl op = {0};

    return ctl_result(err, domctl(&op, XEN_DOMCTL_unpausedomain, domid), "domctl unpausedomain", domid);
}

int ctl_domain_info(domid_t domid, struct xen_domctl_getdomaininfo *info, struct error *err)
{
    struct xen_domctl op = {0};
    long rc = domctl(&op, XEN_DOMCTL_getdomaininfo, domid);

    /* Xen answers with the next existing domain if there is none of this id. */
    if (rc >= 0 && op.u.getdomaininfo.domain != domid)
        rc = -XEN_ESRCH;
    if (rc >= 0)
        *info = op.u.getdomaininfo;
    return ctl_result(err, rc, "domctl getdomaininfo", domid);
}

int ctl_domain_set_max_mem(domid_t domid, uint64_t max_kib, struct error *err)
{
    struct xen_domctl op = {.u.max_mem.max_memkb = max_kib};

    return ctl_result(err, domctl(&op, XEN_DOMCTL_max_mem, domid), "domctl max_mem", domid);
}

int ctl_domain_set_max_vcpus(domid_t domid, unsigned int max, struct error *err)
{
    struct xen_domctl op = {.u.max_vcpus.max = max};

    return ctl_result(err, domctl(&op, XEN_DOMCTL_max_vcpus, domid), "domctl max_vcpus", domid);
}

int ctl_domain_set_handle(domid_t domid, const uint8_t uuid[16], struct error *err)
{
    struct xen_domctl op = {0};

    memcpy(op.u.setdomainhandle.handle, uuid, sizeof(op.u.setdomainhandle.handle));
    return ctl_result(err, domctl(&op, XEN_DOMCTL_setdomainhandle, domid), "domctl setdomainhandle", domid);
}

int ctl_domain_set_paging_mib(domid_t domid, unsigned int mib, struct error *err)
{
    struct xen_domctl op = {.u.shadow_op = {.op = XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION, .mb = mib}};

    return ctl_result(err, domctl(&op, XEN_DOMCTL_shadow_op, domid), "domctl shadow_op (set allocation)",
                      domid);
}

int ctl_vcpu_info(domid_t domid, unsigned int vcpu, struct xen_domctl_getvcpuinfo *info, struct error *err)
{
    struct xen_domctl op = {.u.getvcpuinfo.vcpu = vcpu};
    long rc = domctl(&op, XEN_DOMCTL_getvcpuinfo, domid);

    if (rc >= 0)
        *info = op.u.getvcpuinfo;
    return ctl_result(err, rc, "domctl getvcpuinfo", domid);
}

int ctl_hvm_context_get(domid_t domid, void *records, uint32_t *size, struct error *err)
{
    struct xen_domctl op = {.u.hvmcontext.size = *size};
    long rc;

    set_xen_guest_handle(op.u.hvmcontext.buffer, (uint8_t *)records);
    rc = domctl(&op, XEN_DOMCTL_gethvmcontext, domid);
    if (rc >= 0)
        *size = op.u.hvmcontext.size;
    return ctl_result(err, rc, "domctl gethvmcontext", domid);
}

int ctl_hvm_context_set(domid_t domid, const void *records, uint32_t size, struct error *err)
{
    struct xen_domctl op = {.u.hvmcontext.size = size};

    set_xen_guest_handle(op.u.hvmcontext.buffer, (uint8_t *)records); /* only read */
    return ctl_result(err, domctl(&op, XEN_DOMCTL_sethvmcontext, domid), "domctl sethvmcontext", domid);
}

int ctl_domain_shutdown(domid_t domid, unsigned int reason, struct error *err)
{
    struct sched_remote_shutdown op = {.domain_id = domid, .reason = reason};

    return ctl_result(err, HYPERVISOR_sched_op(SCHEDOP_remote_shutdown, &op), "sched_op remote_shutdown",
                      domid);
}

// SPDX-License-Identifier: MIT
// HYPERVISOR_event_channel_op (public/event_channel.h): copies the arguments in and checks who may. All
// structures used here consist of 16- and 32-bit fields, so they read the same for 32-bit callers.

#include <hv/domain.h>
#include <hv/guest_access.h>
#include <hv/hypercall.h>

_Static_assert(sizeof(struct evtchn_alloc_unbound) == 8, "domids and a port");
_Static_assert(sizeof(struct evtchn_bind_interdomain) == 12, "domid, two ports");
_Static_assert(sizeof(struct evtchn_bind_virq) == 12, "virq, vcpu, port");
_Static_assert(sizeof(struct evtchn_status) == 24, "domid, port, status, vcpu, two words");

// Domain `domid` with a reference if the caller may act on its ports, else NULL and *rc.
static struct domain *target(struct vcpu *v, domid_t domid, int *rc)
{
    struct domain *d = domain_lookup(domid);

    *rc = d ? priv_check(v->domain, PRIV_OP_FOREIGN_EVTCHN, d) : -XEN_ESRCH;
    if (*rc && d)
        domain_put(d);
    return *rc ? NULL : d;
}

static long op_alloc_unbound(struct vcpu *v, gva_t arg)
{
    struct evtchn_alloc_unbound op;
    int rc;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    struct domain *d = target(v, op.dom, &rc);
    if (!d)
        return rc;
    domid_t remote = op.remote_dom == DOMID_SELF ? v->domain->id : op.remote_dom;
    rc = evtchn_alloc_unbound(d, remote, &op.port);
    if (rc == 0 && copy_to_guest(arg, &op, sizeof(op))) {
        evtchn_close(d, op.port);
        rc = -XEN_EFAULT;
    }
    domain_put(d);
    return rc;
}

// Gives the guest its new port, or takes it away again when the guest can't be told.
static long return_port(struct vcpu *v, gva_t arg, const void *op, size_t size, uint32_t port)
{
    if (copy_to_guest(arg, op, size) == 0)
        return 0;
    evtchn_close(v->domain, port);
    return -XEN_EFAULT;
}

static long op_bind_interdomain(struct vcpu *v, gva_t arg)
{
    struct evtchn_bind_interdomain op;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    struct domain *remote = domain_lookup(op.remote_dom);
    if (!remote)
        return -XEN_ESRCH;
    int rc = evtchn_bind_interdomain(v->domain, remote, op.remote_port, &op.local_port);
    domain_put(remote);
    return rc ? rc : return_port(v, arg, &op, sizeof(op), op.local_port);
}

static long op_bind_virq(struct vcpu *v, gva_t arg)
{
    struct evtchn_bind_virq op;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    int rc = evtchn_bind_virq(v->domain, op.virq, op.vcpu, &op.port);
    return rc ? rc : return_port(v, arg, &op, sizeof(op), op.port);
}

static long op_bind_ipi(struct vcpu *v, gva_t arg)
{
    struct evtchn_bind_ipi op;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    int rc = evtchn_bind_ipi(v->domain, op.vcpu, &op.port);
    return rc ? rc : return_port(v, arg, &op, sizeof(op), op.port);
}

static long op_bind_pirq(struct vcpu *v, gva_t arg)
{
    struct evtchn_bind_pirq op;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    int rc = evtchn_bind_pirq(v->domain, op.pirq, &op.port);
    return rc ? rc : return_port(v, arg, &op, sizeof(op), op.port);
}

static long op_close(struct vcpu *v, gva_t arg)
{
    struct evtchn_close op;

    return copy_from_guest(&op, arg, sizeof(op)) ? -XEN_EFAULT : evtchn_close(v->domain, op.port);
}

static long op_send(struct vcpu *v, gva_t arg)
{
    struct evtchn_send op;

    return copy_from_guest(&op, arg, sizeof(op)) ? -XEN_EFAULT : evtchn_send(v->domain, op.port);
}

static long op_unmask(struct vcpu *v, gva_t arg)
{
    struct evtchn_unmask op;

    return copy_from_guest(&op, arg, sizeof(op)) ? -XEN_EFAULT : evtchn_unmask(v->domain, op.port);
}

static long op_bind_vcpu(struct vcpu *v, gva_t arg)
{
    struct evtchn_bind_vcpu op;

    return copy_from_guest(&op, arg, sizeof(op)) ? -XEN_EFAULT
                                                 : evtchn_bind_vcpu(v->domain, op.port, op.vcpu);
}

static long op_status(struct vcpu *v, gva_t arg)
{
    struct evtchn_status op;
    int rc;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    struct domain *d = target(v, op.dom, &rc);
    if (!d)
        return rc;
    rc = evtchn_status(d, &op);
    domain_put(d);
    if (rc == 0)
        rc = copy_to_guest(arg, &op, sizeof(op));
    return rc;
}

static long op_reset(struct vcpu *v, gva_t arg)
{
    struct evtchn_reset op;
    int rc;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    struct domain *d = target(v, op.dom, &rc);
    if (!d)
        return rc;
    evtchn_reset(d);
    domain_put(d);
    return 0;
}

// -XEN_ENOSYS for init_control, expand_array and set_priority too: a guest then stays with 2-level ports.
static long (*const ops[])(struct vcpu *v, gva_t arg) = {
    [EVTCHNOP_bind_interdomain] = op_bind_interdomain,
    [EVTCHNOP_bind_virq] = op_bind_virq,
    [EVTCHNOP_bind_pirq] = op_bind_pirq,
    [EVTCHNOP_close] = op_close,
    [EVTCHNOP_send] = op_send,
    [EVTCHNOP_status] = op_status,
    [EVTCHNOP_alloc_unbound] = op_alloc_unbound,
    [EVTCHNOP_bind_ipi] = op_bind_ipi,
    [EVTCHNOP_bind_vcpu] = op_bind_vcpu,
    [EVTCHNOP_unmask] = op_unmask,
    [EVTCHNOP_reset] = op_reset,
};

// args: sub-operation, pointer to its structure.
long do_event_channel_op(struct vcpu *v, struct hypercall *call)
{
    uint32_t cmd = call->args[0];

    if (cmd >= ARRAY_SIZE(ops) || !ops[cmd])
        return -XEN_ENOSYS;
    return ops[cmd](v, GVA(call->args[1]));
}

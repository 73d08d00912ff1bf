// SPDX-License-Identifier: MIT
// HYPERVISOR_physdev_op (public/physdev.h): machine interrupts for the hardware domain.

#include <hv/domain.h>
#include <hv/guest_access.h>
#include <hv/hypercall.h>
#include <hv/irq.h>

#include <xen/physdev.h>

static long op_map_pirq(struct vcpu *v, gva_t arg)
{
    struct physdev_map_pirq op;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    if (op.domid != DOMID_SELF && op.domid != v->domain->id)
        return -XEN_EOPNOTSUPP;
    if (op.type != MAP_PIRQ_TYPE_GSI || op.index < 0)
        return -XEN_EINVAL;
    int rc = pirq_map_gsi(v->domain, op.index);
    if (rc < 0)
        return rc;
    op.pirq = rc;
    return copy_to_guest(arg, &op, sizeof(op));
}

static long op_unmap_pirq(struct vcpu *v, gva_t arg)
{
    struct physdev_unmap_pirq op;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    if (op.domid != DOMID_SELF && op.domid != v->domain->id)
        return -XEN_EOPNOTSUPP;
    return op.pirq < 0 ? -XEN_EINVAL : pirq_unmap(v->domain, op.pirq);
}

// Interrupts are edge-triggered: nothing waits for an end-of-interrupt.
static long op_irq_status_query(gva_t arg)
{
    struct physdev_irq_status_query op;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    if (op.irq >= NR_PIRQS)
        return -XEN_EINVAL;
    op.flags = 0;
    return copy_to_guest(arg, &op, sizeof(op));
}

// args: sub-operation, pointer to its structure.
long do_physdev_op(struct vcpu *v, struct hypercall *call)
{
    gva_t arg = GVA(call->args[1]);

    // As in Xen, a guest without machine interrupts has no such hypercall.
    if (priv_check(v->domain, PRIV_OP_PHYSDEV, NULL))
        return -XEN_ENOSYS;
    switch ((uint32_t)call->args[0]) {
    case PHYSDEVOP_eoi: return 0;
    case PHYSDEVOP_irq_status_query: return op_irq_status_query(arg);
    case PHYSDEVOP_map_pirq: return op_map_pirq(v, arg);
    case PHYSDEVOP_unmap_pirq: return op_unmap_pirq(v, arg);
    default: return -XEN_ENOSYS;
    }
}

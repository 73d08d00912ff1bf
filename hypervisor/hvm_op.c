// SPDX-License-Identifier: MIT
// HYPERVISOR_hvm_op (public/hvm/hvm_op.h): parameters of a domain, and the few operations a PVH guest uses.
// Its structures have the same layout for 32-bit callers.

#include <hv/arch.h>
#include <hv/guest_access.h>
#include <hv/hypercall.h>

#include <xen/hvm/hvm_op.h>

_Static_assert(sizeof(struct xen_hvm_param) == 16, "the same for 32-bit callers");
_Static_assert(sizeof(struct xen_hvm_get_mem_type) == 16, "the same for 32-bit callers");

// What a guest may do with a parameter of its own, as in Xen. The toolstack may read and write all of them;
// an index that is not in this table is unknown, or belongs to device models, paging or monitoring, which we
// don't have.
enum param_access { PARAM_UNKNOWN, PARAM_TOOLSTACK, PARAM_GUEST_READS, PARAM_GUEST_WRITES };

static const uint8_t param_access[HVM_NR_PARAMS] = {
    [HVM_PARAM_CALLBACK_IRQ] = PARAM_GUEST_WRITES,
    [HVM_PARAM_STORE_PFN] = PARAM_GUEST_READS,
    [HVM_PARAM_STORE_EVTCHN] = PARAM_GUEST_WRITES,
    [HVM_PARAM_PAE_ENABLED] = PARAM_TOOLSTACK,
    [HVM_PARAM_TIMER_MODE] = PARAM_TOOLSTACK,
    [HVM_PARAM_HPET_ENABLED] = PARAM_TOOLSTACK,
    [HVM_PARAM_IDENT_PT] = PARAM_TOOLSTACK,
    [HVM_PARAM_ACPI_S_STATE] = PARAM_TOOLSTACK,
    [HVM_PARAM_VM86_TSS] = PARAM_GUEST_WRITES,
    [HVM_PARAM_VPT_ALIGN] = PARAM_TOOLSTACK,
    [HVM_PARAM_CONSOLE_PFN] = PARAM_GUEST_READS,
    [HVM_PARAM_CONSOLE_EVTCHN] = PARAM_GUEST_WRITES,
    [HVM_PARAM_ACPI_IOPORTS_LOCATION] = PARAM_GUEST_WRITES,
    [HVM_PARAM_NESTEDHVM] = PARAM_TOOLSTACK,
    [HVM_PARAM_TRIPLE_FAULT_REASON] = PARAM_TOOLSTACK,
    [HVM_PARAM_VM_GENERATION_ID_ADDR] = PARAM_GUEST_WRITES,
    [HVM_PARAM_X87_FIP_WIDTH] = PARAM_GUEST_READS,
    [HVM_PARAM_VM86_TSS_SIZED] = PARAM_GUEST_WRITES,
};

static int check_param(const struct domain *caller, const struct domain *d, uint32_t index,
                       enum param_access wanted)
{
    if (index >= HVM_NR_PARAMS || param_access[index] == PARAM_UNKNOWN)
        return -XEN_EINVAL;
    if (caller == d && param_access[index] < wanted)
        return -XEN_EPERM;
    return priv_check(caller, PRIV_OP_HVM_PARAM, d);
}

static int set_param(struct domain *d, uint32_t index, uint64_t value)
{
    int rc = 0;

    if (index == HVM_PARAM_CALLBACK_IRQ)
        rc = arch_set_callback_irq(d, value);
    if (index == HVM_PARAM_TRIPLE_FAULT_REASON && value > SHUTDOWN_MAX)
        rc = -XEN_EINVAL;
    if (rc == 0)
        d->hvm_params[index] = value;
    return rc;
}

static long op_param(struct vcpu *v, bool set, gva_t arg)
{
    struct xen_hvm_param op;
    struct guest_arg place;

    if (guest_arg_read(&place, &op, arg, sizeof(op)))
        return -XEN_EFAULT;
    struct domain *d = domain_lookup(op.domid);
    if (!d)
        return -XEN_ESRCH;
    int rc = check_param(v->domain, d, op.index, set ? PARAM_GUEST_WRITES : PARAM_GUEST_READS);
    if (rc == 0 && set)
        rc = set_param(d, op.index, op.value);
    if (rc == 0 && !set)
        rc = guest_arg_write(&place, offsetof(struct xen_hvm_param, value), &d->hvm_params[op.index],
                             sizeof(op.value));
    domain_put(d);
    return rc;
}

static long op_set_upcall_vector(struct vcpu *caller, gva_t arg)
{
    struct xen_hvm_evtchn_upcall_vector op;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    struct vcpu *v = domain_vcpu(caller->domain, op.vcpu);
    if (op.vector < 0x10) // reserved for exceptions by the local APIC
        return -XEN_EINVAL;
    return v ? arch_set_upcall_vector(v, op.vector) : -XEN_ENOENT;
}

static uint16_t mem_type(enum p2m_type type)
{
    switch (type) {
    case P2M_HOLE:
    case P2M_MMIO: return HVMMEM_mmio_dm;
    case P2M_RAM_RO:
    case P2M_GRANT_RO:
    case P2M_BOOT_FILE: return HVMMEM_ram_ro;
    default: return HVMMEM_ram_rw;
    }
}

static long op_get_mem_type(struct vcpu *v, gva_t arg)
{
    struct xen_hvm_get_mem_type op;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    struct domain *d = domain_lookup(op.domid);
    if (!d)
        return -XEN_ESRCH;
    int rc = priv_check(v->domain, PRIV_OP_FOREIGN_MEMORY, d);
    if (rc == 0) {
        op.mem_type = mem_type(p2m_lookup(d, GFN(op.pfn)).type);
        rc = copy_to_guest(arg, &op, sizeof(op));
    }
    domain_put(d);
    return rc;
}

static long op_get_time(gva_t arg)
{
    struct xen_hvm_get_time op = {.now = arch_now()};

    return copy_to_guest(arg, &op, sizeof(op));
}

// args: sub-operation, pointer to its structure.
long do_hvm_op(struct vcpu *v, struct hypercall *call)
{
    gva_t arg = GVA(call->args[1]);

    switch ((uint32_t)call->args[0]) {
    case HVMOP_set_param: return op_param(v, true, arg);
    case HVMOP_get_param: return op_param(v, false, arg);
    case HVMOP_set_evtchn_upcall_vector: return op_set_upcall_vector(v, arg);
    case HVMOP_get_mem_type: return op_get_mem_type(v, arg);
    case HVMOP_get_time: return op_get_time(arg);
    // Success would make Linux issue one hypercall for each process that ends.
    case HVMOP_pagetable_dying: return -XEN_ENOSYS;
    default: return -XEN_ENOSYS;
    }
}

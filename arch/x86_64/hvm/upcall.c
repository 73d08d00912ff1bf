// SPDX-License-Identifier: MIT
// How a guest is told of pending event channels: by one vector for the whole domain, delivered past the local
// APIC (HVM_PARAM_CALLBACK_IRQ), or by a vector of each vcpu through its local APIC
// (HVMOP_set_evtchn_upcall_vector).

#include <hv/arch.h>
#include <hv/cpu.h>

#include <asm/hvm/hvm.h>
#include <asm/hvm/virt_ops.h>

#define FIRST_INTERRUPT_VECTOR 16

int arch_set_callback_irq(struct domain *d, uint64_t value)
{
    uint8_t type = value >> 56, vector = value;

    if (value == 0) {
        d->arch->callback_vector = 0;
        return 0;
    }
    // The other kinds raise the line of an interrupt controller or a PCI device, of which there are none.
    if (type != HVM_PARAM_CALLBACK_TYPE_VECTOR || vector < FIRST_INTERRUPT_VECTOR)
        return -XEN_EINVAL;
    d->arch->callback_vector = vector;
    return 0;
}

int arch_set_upcall_vector(struct vcpu *v, uint8_t vector)
{
    if (vector < FIRST_INTERRUPT_VECTOR)
        return -XEN_EINVAL;
    v->arch->upcall_vector = vector;
    arch_vcpu_kick(v); // what is pending already
    return 0;
}

void arch_vcpu_kick(struct vcpu *v)
{
    struct arch_vcpu *arch = v->arch;

    if (arch->upcall_vector && v->info->evtchn_upcall_pending)
        vlapic_set_irq(v, arch->upcall_vector);
    // Pairs with enter_guest: either it sees what was made pending before this, or we see it in guest mode.
    if (v != current_vcpu() && __atomic_load_n(&arch->in_guest, __ATOMIC_SEQ_CST))
        arch_kick_cpu(v->sched.cpu);
}

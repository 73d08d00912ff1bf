// SPDX-License-Identifier: MIT
// The two halves of a cpu's run loop around the vendor's guest entry. Inline, so that each vendor's loop
// becomes one function that keeps what it needs in registers: this is the way of every exit.
#pragma once

#include <asm/cpu.h>
#include <asm/hvm/hvm.h>
#include <hv/cpu.h>
#include <hv/lock.h>

// An event upcall by vector is due: pending, not masked by the guest, and a vector is set. The guest shares
// both bytes and may change them at any time: each entry looks afresh.
static inline bool hvm_upcall_due(const struct vcpu *v)
{
    return v->info->evtchn_upcall_pending && !v->info->evtchn_upcall_mask && v->domain->arch->callback_vector;
}

// The vcpu to be entered next, marked as being in guest mode.
static inline struct arch_vcpu *hvm_before_entry(struct cpu *cpu)
{
    struct vcpu *v = cpu->current;

    lock_check_none_held();
    if (unlikely(__atomic_load_n(&cpu->softirq_pending, __ATOMIC_RELAXED) || !v))
        v = hvm_wait_for_vcpu(cpu);
    // A full barrier: set in_guest, then look. Whoever changes what is looked at here looks at in_guest
    // afterwards, and kicks this cpu; its interrupt, held back until the guest is entered, brings it out
    // again at once.
    struct arch_vcpu *arch = v->arch;
    (void)__atomic_exchange_n(&arch->in_guest, true, __ATOMIC_SEQ_CST);
    uint32_t attention = __atomic_load_n(&arch->attention, __ATOMIC_RELAXED);
    if (unlikely(attention || hvm_upcall_due(v)))
        arch = hvm_attend(v, attention);
    return arch;
}

// Acts upon arch->exit. `arch` is v->arch.
static inline void hvm_after_exit(struct vcpu *v, struct arch_vcpu *arch)
{
    struct vcpu_exit *exit = &arch->exit;
    unsigned kind = exit->kind;

    __atomic_store_n(&arch->in_guest, false, __ATOMIC_RELEASE);
    hvm_exit_handlers[kind](v, exit);
}

// The same where it is known to be a hypercall: a call through a table is dear where it is a retpoline.
static inline void hvm_after_hypercall(struct vcpu *v, struct arch_vcpu *arch)
{
    __atomic_store_n(&arch->in_guest, false, __ATOMIC_RELEASE);
    hvm_hypercall(v, &arch->exit);
}

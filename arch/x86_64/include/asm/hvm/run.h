// SPDX-License-Identifier: MIT
// The two halves of a cpu's run loop around the vendor's guest entry. Inline, so that each vendor's loop
// becomes one function that keeps what it needs in registers: this is the way of every exit.
#pragma once

#include <asm/cpu.h>
#include <asm/hvm/hvm.h>
#include <hv/cpu.h>
#include <hv/lock.h>
#include <hv/softirq.h>

// An event upcall by vector is due: pending, not masked by the guest, and a vector is set. The guest shares
// both bytes and may change them at any time: each entry looks afresh.
static inline bool hvm_upcall_due(const struct vcpu *v)
{
    return v->info->evtchn_upcall_pending && !v->info->evtchn_upcall_mask && v->domain->arch->callback_vector;
}

// Serves softirqs, and idles, until there is a vcpu to run. Returns it, ready to be entered.
static inline struct vcpu *hvm_before_entry(struct cpu *cpu)
{
    struct vcpu *v;

    lock_check_none_held();
    for (;;) {
        if (unlikely(__atomic_load_n(&cpu->softirq_pending, __ATOMIC_RELAXED)))
            softirq_run();
        v = cpu->current;
        if (likely(v))
            break;
        cpu_idle();
    }
    // A full barrier: set in_guest, then look. Whoever changes what is looked at here looks at in_guest
    // afterwards, and kicks this cpu; its interrupt, held back until the guest is entered, brings it out
    // again at once.
    (void)__atomic_exchange_n(&v->arch->in_guest, true, __ATOMIC_SEQ_CST);
    uint32_t attention = __atomic_load_n(&v->arch->attention, __ATOMIC_RELAXED);
    if (unlikely(attention || hvm_upcall_due(v)))
        hvm_attend(v, attention);
    return v;
}

static inline void hvm_after_exit(struct vcpu *v, const struct vcpu_exit *exit)
{
    __atomic_store_n(&v->arch->in_guest, false, __ATOMIC_RELEASE);
    hvm_exit_handlers[exit->kind](v, exit);
}

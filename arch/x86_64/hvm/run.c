// SPDX-License-Identifier: MIT
// The run loop of a cpu, and the choice of the vendor's virtualisation.

#include <hv/arch.h>
#include <hv/cpu.h>
#include <hv/printk.h>
#include <hv/softirq.h>

#include <asm/cpu.h>
#include <asm/hvm/hvm.h>
#include <asm/hvm/virt_ops.h>

const struct virt_ops *virt_ops;

void hvm_init(void)
{
    const char *reason = svm_ops.probe();

    if (reason)
        panic("Proxenos needs hardware virtualisation, but %s", reason);
    virt_ops = &svm_ops;
    fpu_init();
    cpuid_policy_init();
    hvm_enable_cpu();
}

void hvm_enable_cpu(void)
{
    virt_ops->enable_cpu();
}

// Runs the guest until its next exit. From the moment in_guest is set, whoever changes something that entry
// looks at sees it and kicks this cpu; the interrupt, held back until the guest is entered, brings it out
// again at once.
static void enter_guest(struct vcpu *v, struct vcpu_exit *exit)
{
    struct arch_vcpu *arch = v->arch;
    const struct arch_domain *ad = v->domain->arch;

    // A full barrier, for arch_p2m_flush and arch_vcpu_kick: set in_guest, then look.
    (void)__atomic_exchange_n(&arch->in_guest, true, __ATOMIC_SEQ_CST);
    if (unlikely(arch->tlb_epoch != __atomic_load_n(&ad->tlb_epoch, __ATOMIC_RELAXED))) {
        __atomic_store_n(&arch->tlb_epoch, ad->tlb_epoch, __ATOMIC_RELAXED);
        virt_ops->flush_tlb(v);
    }
    hvm_inject_pending(v);
    virt_ops->run(v, exit);
    __atomic_store_n(&arch->in_guest, false, __ATOMIC_RELEASE);
}

void arch_run_loop(void)
{
    struct cpu *cpu = this_cpu();
    struct vcpu_exit exit;

    for (;;) {
        if (unlikely(__atomic_load_n(&cpu->softirq_pending, __ATOMIC_RELAXED)))
            softirq_run();
        struct vcpu *v = cpu->current;
        if (unlikely(!v)) {
            cpu_idle();
            continue;
        }
        enter_guest(v, &exit);
        hvm_exit_handlers[exit.kind](v, &exit);
    }
}

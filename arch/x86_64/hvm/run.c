// SPDX-License-Identifier: MIT
// The choice of the vendor's virtualisation, and what a cpu does between vcpus.

#include <hv/arch.h>
#include <hv/cpu.h>
#include <hv/printk.h>
#include <hv/softirq.h>

#include <asm/cpu.h>
#include <asm/hvm/hvm.h>
#include <asm/hvm/virt_ops.h>
#include <asm/speculation.h>

const struct virt_ops *virt_ops;

void hvm_init(void)
{
    static const struct virt_ops *const vendors[] = {&svm_ops, &vmx_ops};
    const char *reason = "this CPU has no AMD-V (SVM) and no VT-x (VMX)";

    for (unsigned i = 0; i < ARRAY_SIZE(vendors) && !virt_ops; i++) {
        if (!cpu_has(vendors[i]->cpu_feature))
            continue;
        reason = vendors[i]->probe();
        if (!reason)
            virt_ops = vendors[i];
    }
    if (!virt_ops)
        panic("Proxenos needs hardware virtualisation, but %s", reason);
    fpu_init();
    cpuid_policy_init();
    hvm_enable_cpu();
}

void hvm_enable_cpu(void)
{
    speculation_enable_cpu();
    virt_ops->enable_cpu();
}

struct vcpu *hvm_wait_for_vcpu(struct cpu *cpu)
{
    for (;;) {
        if (__atomic_load_n(&cpu->softirq_pending, __ATOMIC_RELAXED))
            softirq_run();
        if (cpu->current)
            return cpu->current;
        cpu_idle();
    }
}

void arch_run_loop(void)
{
    virt_ops->run_loop();
}

// SPDX-License-Identifier: MIT
// The choice of the vendor's virtualisation, and what a cpu does between vcpus.

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

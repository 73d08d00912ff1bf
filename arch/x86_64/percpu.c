// SPDX-License-Identifier: MIT
// Records of the physical cpus.

#include <asm/apic.h>
#include <asm/cpu.h>
#include <asm/percpu.h>
#include <asm/x86_defs.h>

struct percpu boot_percpu;

void percpu_init(struct percpu *percpu, unsigned id)
{
    percpu->self = percpu;
    percpu->cpu.id = id;
}

void percpu_load(struct percpu *percpu)
{
    wrmsr(MSR_GS_BASE, (uint64_t)percpu);
}

struct cpu *this_cpu(void)
{
    struct percpu *percpu;

    asm("movq %%gs:%c1, %0" : "=r"(percpu) : "i"(offsetof(struct percpu, self)));
    return &percpu->cpu;
}

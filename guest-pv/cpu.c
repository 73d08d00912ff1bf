// SPDX-License-Identifier: MIT
//
// Processor functions that need more than one instruction: MSR access that survives a #GP, Xen's CPUID
// leaves.

#include <stdint.h>
#include <string.h>
#include <guest/cpu.h>
#include <guest/trap.h>
#include <xen/arch-x86/cpuid.h>

#define VECTOR_GP 13

// Where a #GP at `fault_rip` goes on; set around one instruction only.
static uint64_t fault_rip, resume_rip;
static bool faulted;

static bool skip_instruction(struct trap_frame *frame)
{
    if (frame->rip != fault_rip)
        return false;
    frame->rip = resume_rip;
    faulted = true;
    return true;
}

bool rdmsr_safe(uint32_t msr, uint64_t *value)
{
    uint32_t low = 0, high = 0;
    trap_handler before = trap_set_handler(VECTOR_GP, skip_instruction);
    faulted = false;
    __asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %2; lea 2f(%%rip), %%rax; mov %%rax, %3\n"
                     "1: rdmsr\n"
                     "2:"
                     : "=&a"(low), "=&d"(high), "=m"(fault_rip), "=m"(resume_rip)
                     : "c"(msr)
                     : "memory");
    trap_set_handler(VECTOR_GP, before);
    *value = faulted ? 0 : (uint64_t)high << 32 | low;
    return !faulted;
}

bool wrmsr_safe(uint32_t msr, uint64_t value)
{
    trap_handler before = trap_set_handler(VECTOR_GP, skip_instruction);
    faulted = false;
    __asm__ volatile("lea 1f(%%rip), %%rsi; mov %%rsi, %0; lea 2f(%%rip), %%rsi; mov %%rsi, %1\n"
                     "1: wrmsr\n"
                     "2:"
                     : "=m"(fault_rip), "=m"(resume_rip)
                     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "rsi", "memory");
    trap_set_handler(VECTOR_GP, before);
    return !faulted;
}

uint32_t cpuid_xen_base(void)
{
    for (uint32_t base = 0x40000000; base < 0x40010000; base += 0x100) {
        struct cpuid r = cpuid(base, 0);
        if (r.ebx == XEN_CPUID_SIGNATURE_EBX && r.ecx == XEN_CPUID_SIGNATURE_ECX &&
            r.edx == XEN_CPUID_SIGNATURE_EDX)
            return base;
        if (r.eax < base) // no hypervisor leaves here, so none further up
            return 0;
    }
    return 0;
}

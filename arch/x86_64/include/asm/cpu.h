// SPDX-License-Identifier: MIT
// The processor: instructions C has no words for, and what CPUID says it can do.
#pragma once

#include <hv/types.h>

#include <xen/arch-x86/cpufeatureset.h>

struct cpuid_regs {
    uint32_t eax, ebx, ecx, edx;
};

// Feature words in the order of Xen's public featureset: word n holds features n * 32 to n * 32 + 31.
#define CPU_FEATURE_WORDS 19

struct host_cpu {
    char vendor[13], brand[49];
    uint32_t family, model, stepping;
    uint32_t max_leaf, max_extended_leaf;
    unsigned phys_bits; // width of a machine address
    unsigned threads_per_core;
    uint32_t features[CPU_FEATURE_WORDS];
};

extern struct host_cpu host_cpu; // of the boot cpu; the others must not have less

// `feature` is an XEN_X86_FEATURE_* number below CPU_FEATURE_WORDS * 32.
static inline bool cpu_has(unsigned feature)
{
    return host_cpu.features[feature / 32] >> (feature % 32) & 1;
}

// The boot cpu's, while policies are chosen: guests are not to have it.
static inline void cpu_forget(unsigned feature)
{
    host_cpu.features[feature / 32] &= ~(1U << feature % 32);
}

bool cpu_is_intel(const struct host_cpu *cpu);

void cpu_identify(void);     // fills host_cpu; boot cpu, before anything asks
void cpu_init_control(void); // CR0, CR4 and EFER of this cpu as the hypervisor wants them

static inline struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_regs r;

    asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t low, high;

    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
    return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
    asm volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

// False, and *value untouched, when the processor refuses with #GP.
static inline bool rdmsr_safe(uint32_t msr, uint64_t *value)
{
    uint32_t low, high;
    bool ok = false;

    asm volatile("1: rdmsr\n"
                 "   movb $1, %2\n"
                 "2:\n"
                 ".pushsection .extable, \"a\"\n"
                 ".long 1b - ., 2b - .\n"
                 ".popsection"
                 : "=a"(low), "=d"(high), "+q"(ok)
                 : "c"(msr)
                 : "memory");
    if (ok)
        *value = (uint64_t)high << 32 | low;
    return ok;
}

#define DEFINE_CONTROL_REGISTER(name)                                   \
    static inline uint64_t read_##name(void)                            \
    {                                                                   \
        uint64_t value;                                                 \
        asm volatile("mov %%" #name ", %0" : "=r"(value) : : "memory"); \
        return value;                                                   \
    }                                                                   \
    static inline void write_##name(uint64_t value)                     \
    {                                                                   \
        asm volatile("mov %0, %%" #name : : "r"(value) : "memory");     \
    }

DEFINE_CONTROL_REGISTER(cr0)
DEFINE_CONTROL_REGISTER(cr2)
DEFINE_CONTROL_REGISTER(cr3)
DEFINE_CONTROL_REGISTER(cr4)

#undef DEFINE_CONTROL_REGISTER

static inline uint64_t xgetbv(uint32_t index)
{
    uint32_t low, high;

    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(index));
    return (uint64_t)high << 32 | low;
}

static inline void xsetbv(uint32_t index, uint64_t value)
{
    asm volatile("xsetbv" : : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static inline uint64_t rdtsc(void)
{
    uint32_t low, high;

    asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

static inline void invlpg(const void *virt)
{
    asm volatile("invlpg (%0)" : : "r"(virt) : "memory");
}

// Closes interrupts for good and stops.
static inline void __attribute__((noreturn)) cpu_stop(void)
{
    for (;;)
        asm volatile("cli; hlt" : : : "memory");
}

// Halts until an interrupt, which is served before this returns. Called with interrupts closed, after a look
// at what may be pending: STI takes effect only behind HLT, so nothing that arrives in between is slept over.
static inline void cpu_idle(void)
{
    asm volatile("sti; hlt; cli" : : : "memory");
}

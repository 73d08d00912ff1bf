// SPDX-License-Identifier: MIT
// What the processor is, and how its control registers are set.

#include <hv/lock.h>
#include <hv/string.h>

#include <asm/cpu.h>
#include <asm/x86_defs.h>

// Entry 0: write-back, entry 1 (PWT): write-combining, entry 3 (PCD and PWT): uncached. That is what our page
// tables use; the others are as at reset.
#define PAT_VALUE 0x0007040600070106UL

struct host_cpu host_cpu;

static void identify_names(void)
{
    struct cpuid_regs r = cpuid(0, 0);

    host_cpu.max_leaf = r.eax;
    memcpy(host_cpu.vendor, &r.ebx, 4);
    memcpy(host_cpu.vendor + 4, &r.edx, 4);
    memcpy(host_cpu.vendor + 8, &r.ecx, 4);
    host_cpu.max_extended_leaf = cpuid(0x80000000, 0).eax;
    if (host_cpu.max_extended_leaf < 0x80000004)
        return;
    for (unsigned i = 0; i < 3; i++) {
        r = cpuid(0x80000002 + i, 0);
        memcpy(host_cpu.brand + 16 * i, &r, 16);
    }
}

static void identify_model(uint32_t signature)
{
    host_cpu.stepping = signature & 0xf;
    host_cpu.model = signature >> 4 & 0xf;
    host_cpu.family = signature >> 8 & 0xf;
    if (host_cpu.family == 6 || host_cpu.family == 15)
        host_cpu.model |= signature >> 12 & 0xf0;
    if (host_cpu.family == 15)
        host_cpu.family += signature >> 20 & 0xff;
}

bool cpu_is_intel(const struct host_cpu *cpu)
{
    return strcmp(cpu->vendor, "GenuineIntel") == 0;
}

static unsigned identify_threads(void)
{
    if (cpu_is_intel(&host_cpu))
        return host_cpu.max_leaf >= 0xb ? cpuid(0xb, 0).ebx & 0xffff : 1;
    return host_cpu.max_extended_leaf >= 0x8000001e ? (cpuid(0x8000001e, 0).ebx >> 8 & 0xff) + 1 : 1;
}

void cpu_identify(void)
{
    uint32_t *words = host_cpu.features;
    struct cpuid_regs r;

    identify_names();
    r = cpuid(1, 0);
    identify_model(r.eax);
    words[0] = r.edx;
    words[1] = r.ecx;
    r = cpuid(0x80000001, 0);
    words[2] = r.edx;
    words[3] = r.ecx;
    if (host_cpu.max_leaf >= 7) {
        r = cpuid(7, 0);
        words[5] = r.ebx;
        words[6] = r.ecx;
        words[9] = r.edx;
        words[10] = r.eax ? cpuid(7, 1).eax : 0;
        words[13] = r.eax >= 2 ? cpuid(7, 2).edx : 0;
    }
    if (host_cpu.max_leaf >= 0xd)
        words[4] = cpuid(0xd, 1).eax;
    if (host_cpu.max_extended_leaf >= 0x80000007)
        words[7] = cpuid(0x80000007, 0).edx;
    if (host_cpu.max_extended_leaf >= 0x80000021) {
        r = cpuid(0x80000021, 0);
        words[11] = r.eax;
        words[18] = r.ecx;
    }
    host_cpu.phys_bits = 36;
    if (host_cpu.max_extended_leaf >= 0x80000008) {
        r = cpuid(0x80000008, 0);
        host_cpu.phys_bits = r.eax & 0xff;
        words[8] = r.ebx;
    }
    if (cpu_has(XEN_X86_FEATURE_IBRSB)) // Intel's word for this and more
        words[8] |= 1U << XEN_X86_FEATURE_IBPB % 32;
    if (cpu_has(XEN_X86_FEATURE_ARCH_CAPS)) {
        uint64_t caps = rdmsr(MSR_ARCH_CAPS);

        words[16] = caps;
        words[17] = caps >> 32;
    }
    host_cpu.threads_per_core = identify_threads();
}

void cpu_init_control(void)
{
    static const struct {
        unsigned feature;
        uint64_t cr4;
    } optional[] = {
        {XEN_X86_FEATURE_PGE, CR4_PGE},        {XEN_X86_FEATURE_MCE, CR4_MCE},
        {XEN_X86_FEATURE_SMEP, CR4_SMEP},      {XEN_X86_FEATURE_SMAP, CR4_SMAP},
        {XEN_X86_FEATURE_UMIP, CR4_UMIP},      {XEN_X86_FEATURE_FXSR, CR4_OSFXSR},
        {XEN_X86_FEATURE_SSE, CR4_OSXMMEXCPT}, {XEN_X86_FEATURE_XSAVE, CR4_OSXSAVE},
    };
    uint64_t cr4 = CR4_PAE;

    for (unsigned i = 0; i < ARRAY_SIZE(optional); i++)
        if (cpu_has(optional[i].feature))
            cr4 |= optional[i].cr4;
    write_cr4(cr4);
    if (cpu_has(XEN_X86_FEATURE_PAT))
        wrmsr(MSR_PAT, PAT_VALUE);
    // Firmware may leave caching off on processors it did not start itself.
    write_cr0(CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE);
}

void arch_cpu_relax(void)
{
    asm volatile("pause" : : : "memory");
}

// SPDX-License-Identifier: MIT
//
// Writes every register that an entry or a change of vcpu has to switch, with values made from seed=N, and
// looks again and again whether they are still there, giving way to others in between. Two of these with
// different seeds see what leaks from one to the other. At its start it looks for what somebody else has
// left.
//
//   seed=N     what the values are made from
//   time=MS    for how long; without it for ever, or until something is wrong
//   break=HEX  an address, set as a breakpoint: code of the hypervisor, which must not take it

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <guest/cpu.h>
#include <guest/hypercall.h>
#include <guest/main.h>
#include <guest/thread.h>
#include <guest/time.h>
#include "../test.h"

#define MSR_APIC_BASE 0x1b
#define X2APIC_ON     (1u << 10)
#define EFER_SCE      1u
#define CR4_TSD       (1u << 2)
#define CR4_OSXSAVE   (1u << 18)
#define XCR0_AVX      7u
#define XCR0_SSE      3u
#define DR6_FIXED     0xffff0ff0u
#define DR7_FIXED     0x400u
#define DR7_ENABLE_0  2u

static uint64_t seed, break_at;

#define READ(name, instruction)                                      \
    static uint64_t read_##name(void)                                \
    {                                                                \
        uint64_t value;                                              \
        __asm__ volatile("mov %%" instruction ", %0" : "=r"(value)); \
        return value;                                                \
    }                                                                \
    static void write_##name(uint64_t value)                         \
    {                                                                \
        __asm__ volatile("mov %0, %%" instruction : : "r"(value));   \
    }

READ(cr2, "cr2")
READ(cr4, "cr4")
READ(cr8, "cr8")
READ(dr0, "db0")
READ(dr1, "db1")
READ(dr2, "db2")
READ(dr3, "db3")
READ(dr6, "db6")
READ(dr7, "db7")

static uint64_t read_xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static void write_xcr0(uint64_t value)
{
    __asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)value), "d"(0));
}

// ---- values, each made from the seed

static uint64_t any(unsigned n)
{
    return seed * 0x9e3779b97f4a7c15 + n * 0x0123456789abcdef;
}

static uint64_t address(unsigned n)
{
    return (uint64_t)((int64_t)(any(n) << 16) >> 16); // canonical
}

static uint64_t word(unsigned n)
{
    return (uint32_t)any(n);
}

static uint64_t selector(unsigned n)
{
    return (uint16_t)any(n); // all that some processors keep
}

static uint64_t pat(unsigned n)
{
    return (n + seed) & 1 ? 0x0007040600070406 : 0x0001040506000706;
}

static uint64_t break_address(unsigned n)
{
    (void)n;
    return break_at;
}

static uint64_t breakpoint_hits(unsigned n)
{
    (void)n;
    return DR6_FIXED | (seed & 0xf);
}

static uint64_t breakpoint_control(unsigned n)
{
    (void)n;
    return DR7_FIXED | (break_at ? DR7_ENABLE_0 : 0) | (seed & 3) << 8;
}

static uint64_t priority(unsigned n)
{
    (void)n;
    return seed & 0xf;
}

static uint64_t state_components(unsigned n)
{
    (void)n;
    return seed & 1 ? XCR0_AVX : XCR0_SSE;
}

static uint64_t base_efer, base_cr4;

static uint64_t efer(unsigned n)
{
    (void)n;
    return base_efer | (seed & 1 ? EFER_SCE : 0);
}

static uint64_t cr4(unsigned n)
{
    (void)n;
    return base_cr4 | (seed & 1 ? 0 : CR4_TSD);
}

// ---- the registers

struct reg {
    const char *name;
    uint32_t msr; // or the two functions
    uint64_t (*read)(void);
    void (*write)(uint64_t);
    uint64_t (*value)(unsigned n);
    bool reset_is_zero;
};

static const struct reg regs[] = {
    {"STAR", 0xc0000081, NULL, NULL, any, true},
    {"LSTAR", 0xc0000082, NULL, NULL, address, true},
    {"CSTAR", 0xc0000083, NULL, NULL, address, true},
    {"SFMASK", 0xc0000084, NULL, NULL, word, true},
    {"KERNEL_GS_BASE", 0xc0000102, NULL, NULL, address, true},
    {"FS_BASE", 0xc0000100, NULL, NULL, address, true},
    {"GS_BASE", 0xc0000101, NULL, NULL, address, true},
    {"SYSENTER_CS", 0x174, NULL, NULL, selector, true},
    {"SYSENTER_ESP", 0x175, NULL, NULL, address, true},
    {"SYSENTER_EIP", 0x176, NULL, NULL, address, true},
    {"TSC_AUX", 0xc0000103, NULL, NULL, word, true},
    {"PAT", 0x277, NULL, NULL, pat, false},
    {"EFER", 0xc0000080, NULL, NULL, efer, false},
    {"CR2", 0, read_cr2, write_cr2, address, true},
    {"CR4", 0, read_cr4, write_cr4, cr4, false},
    {"CR8", 0, read_cr8, write_cr8, priority, true},
    {"DR0", 0, read_dr0, write_dr0, break_address, true},
    {"DR1", 0, read_dr1, write_dr1, any, true},
    {"DR2", 0, read_dr2, write_dr2, any, true},
    {"DR3", 0, read_dr3, write_dr3, any, true},
    {"DR6", 0, read_dr6, write_dr6, breakpoint_hits, false},
    {"DR7", 0, read_dr7, write_dr7, breakpoint_control, false},
    {"XCR0", 0, read_xcr0, write_xcr0, state_components, false},
};
#define REGS (sizeof(regs) / sizeof(*regs))

static bool present[REGS];

static bool has_avx(void)
{
    return (cpuid(1, 0).ecx & 1u << 26) && (cpuid(0xd, 0).eax & XCR0_AVX) == XCR0_AVX;
}

static bool is_present(const struct reg *r)
{
    uint64_t value;
    if (r->read == read_xcr0)
        return has_avx();
    return !r->msr || rdmsr_safe(r->msr, &value);
}

static uint64_t get(const struct reg *r)
{
    return r->msr ? rdmsr(r->msr) : r->read();
}

static void set(unsigned n)
{
    const struct reg *r = &regs[n];
    if (r->msr)
        wrmsr(r->msr, r->value(n));
    else
        r->write(r->value(n));
}

// Of the debug registers' high halves and the like, only what can be set is compared: all of these read back
// as written.
static void look(const char *when)
{
    for (unsigned n = 0; n < REGS; n++)
        if (present[n] && get(&regs[n]) != regs[n].value(n))
            test_note(TEST_FAIL, "%s: %s is %" PRIx64 ", not %" PRIx64, when, regs[n].name, get(&regs[n]),
                      regs[n].value(n));
}

static void look_for_leftovers(void)
{
    for (unsigned n = 0; n < REGS; n++) {
        present[n] = is_present(&regs[n]);
        if (present[n] && regs[n].reset_is_zero && get(&regs[n]))
            test_note(TEST_FAIL, "at the start, %s is %" PRIx64, regs[n].name, get(&regs[n]));
    }
    CHECK_EQUAL(read_dr6(), DR6_FIXED);
    CHECK_EQUAL(read_dr7(), DR7_FIXED);
}

static uint64_t option(int argc, char **argv, const char *name, int base)
{
    size_t length = strlen(name);
    for (int i = 1; i < argc; i++)
        if (!strncmp(argv[i], name, length))
            return strtoull(argv[i] + length, NULL, base);
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t ms = option(argc, argv, "time=", 10), end = ms ? time_now() + ms * NS_PER_MS : DEADLINE_NEVER;
    unsigned long rounds = 0;

    seed = option(argc, argv, "seed=", 10);
    break_at = option(argc, argv, "break=", 16);
    look_for_leftovers();
    wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | X2APIC_ON);
    if (has_avx())
        write_cr4(read_cr4() | CR4_OSXSAVE);
    base_efer = rdmsr(0xc0000080) & ~(uint64_t)EFER_SCE;
    base_cr4 = read_cr4() & ~(uint64_t)CR4_TSD;
    for (unsigned n = 0; n < REGS; n++)
        if (present[n])
            set(n);
    look("when written");
    while (test_worst == TEST_PASS && time_now() < end) {
        HYPERVISOR_sched_op(SCHEDOP_yield, NULL);
        look("after others have run");
        rounds++;
    }
    printf("%lu rounds with seed %" PRIu64 "\n", rounds, seed);
    return test_end("registers");
}

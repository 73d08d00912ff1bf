// SPDX-License-Identifier: MIT
//
// Register state that a hypervisor must keep per vCPU: vector registers, x87, MXCSR, XCR0, debug registers,
// TSC_AUX. Two of these guests at once, each with patterns of its own, show state that is lost or leaks at a
// switch. Takes half a second, or as long as "seconds=N" says.

#include <stdint.h>
#include <string.h>
#include <guest/cpu.h>
#include <guest/main.h>
#include <guest/time.h>
#include "../test.h"

#define SPINS       200000ul
#define LEAF1_XSAVE (1u << 26)
#define LEAF1_AVX   (1u << 28)
#define EXT1_RDTSCP (1u << 27)
#define CR4_OSXSAVE (UINT64_C(1) << 18)
#define XCR0_AVX    7u // x87, SSE, AVX
#define MSR_TSC_AUX 0xc0000103
#define MXCSR_FLUSH 0x9f80u // default, with flush-to-zero
#define X87_SINGLE  0x007fu // control word: single precision

void vectors_xmm(const void *in, void *out, unsigned long spins);
void vectors_ymm(const void *in, void *out, unsigned long spins);

static bool have_avx, have_tsc_aux;
static uint64_t seed;

static uint64_t next_random(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed;
}

static void test_vectors(void (*run)(const void *, void *, unsigned long), size_t size)
{
    uint64_t in[64], out[64];
    for (size_t i = 0; i < 64; i++)
        in[i] = next_random();
    memset(out, 0, sizeof(out));
    run(in, out, SPINS);
    CHECK(!memcmp(in, out, 16 * size));
}

static uint64_t xgetbv(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static void enable_avx(void)
{
    uint32_t features = cpuid(1, 0).ecx;
    uint64_t cr4;
    if (!(features & LEAF1_XSAVE) || !(features & LEAF1_AVX) || !test_on_proxenos())
        return; // QEMU 7.2 ignores the XSETBV intercept, so under it real Xen never learns of AVX
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    __asm__ volatile("mov %0, %%cr4" ::"r"(cr4 | CR4_OSXSAVE));
    __asm__ volatile("xsetbv" ::"a"(XCR0_AVX), "d"(0), "c"(0));
    CHECK_EQUAL(xgetbv(), XCR0_AVX);
    have_avx = true;
}

// ---- what stays set all the time
// ------------------------------------------------------------------------------------

static uint64_t debug_address[4];
static uint32_t tsc_aux;

static void set_lasting_state(void)
{
    uint32_t mxcsr = MXCSR_FLUSH;
    uint16_t control = X87_SINGLE;
    for (int i = 0; i < 4; i++)
        debug_address[i] = next_random() >> 20;
    __asm__ volatile("mov %0, %%dr0; mov %1, %%dr1; mov %2, %%dr2; mov %3, %%dr3" ::"r"(debug_address[0]),
                     "r"(debug_address[1]), "r"(debug_address[2]), "r"(debug_address[3]));
    __asm__ volatile("ldmxcsr %0; fldcw %1; fldpi" ::"m"(mxcsr), "m"(control));
    have_tsc_aux = cpuid(0x80000001, 0).edx & EXT1_RDTSCP;
    tsc_aux = (uint32_t)next_random();
    if (have_tsc_aux)
        wrmsr(MSR_TSC_AUX, tsc_aux);
}

static void check_tsc_aux(void)
{
    uint32_t aux;
    if (!have_tsc_aux)
        return;
    __asm__ volatile("rdtscp" : "=c"(aux)::"eax", "edx");
    CHECK_EQUAL(aux, tsc_aux);
}

static void check_lasting_state(void)
{
    uint64_t seen[4];
    uint32_t mxcsr;
    uint16_t control;
    double pi;
    __asm__ volatile("mov %%dr0, %0; mov %%dr1, %1; mov %%dr2, %2; mov %%dr3, %3"
                     : "=r"(seen[0]), "=r"(seen[1]), "=r"(seen[2]), "=r"(seen[3]));
    CHECK(!memcmp(seen, debug_address, sizeof(seen)));
    __asm__ volatile("stmxcsr %0; fnstcw %1; fstl %2" : "=m"(mxcsr), "=m"(control), "=m"(pi));
    CHECK_EQUAL(mxcsr & ~0x3fu, MXCSR_FLUSH & ~0x3fu);
    CHECK_EQUAL(control, X87_SINGLE);
    CHECK(pi > 3.14 && pi < 3.15);
    if (have_avx)
        CHECK_EQUAL(xgetbv(), XCR0_AVX);
    check_tsc_aux();
}

int main(int argc, char **argv)
{
    uint64_t deadline = time_after(NS_PER_S / 2);
    unsigned rounds = 0, seconds;
    for (int i = 1; i < argc; i++)
        if (sscanf(argv[i], "seconds=%u", &seconds) == 1)
            deadline = time_after(seconds * NS_PER_S);
    seed = rdtsc() ^ (uint64_t)guest_domid() << 32;
    enable_avx();
    set_lasting_state();
    do {
        test_vectors(vectors_xmm, 16);
        if (have_avx)
            test_vectors(vectors_ymm, 32);
        check_lasting_state();
        rounds++;
    } while (time_now() < deadline && test_worst != TEST_FAIL);
    printf("%u rounds%s\n", rounds, have_avx ? " with AVX" : " without AVX");
    return test_end("fpu");
}

// SPDX-License-Identifier: MIT
//
// Instructions that leave guest mode: the ones that don't exist for guests raise #UD, privileged counters
// #GP, and those that are carried out end exactly where the next one begins, whatever prefixes stand in front
// of them.

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <guest/cpu.h>
#include <guest/hypercall.h>
#include <guest/main.h>
#include <guest/trap.h>
#include "../test.h"

#define VECTOR_DB  1
#define VECTOR_NMI 2
#define VECTOR_UD  6
#define VECTOR_GP  13
#define FLAG_TF    (1u << 8)

static volatile unsigned faults[32];
static volatile uint64_t resume_at; // where the instruction under test is given up

static bool note_fault(struct trap_frame *frame)
{
    faults[frame->vector]++;
    frame->rip = resume_at;
    return true;
}

// What an instruction that takes an address is given: a processor may check that before it asks the
// hypervisor.
static uint8_t page[4096] __attribute__((aligned(4096)));

// Executes one instruction, with RAX = a valid address, virtual and physical, that has to raise `vector`.
#define CHECK_RAISES(vector, instruction, ...)                                                    \
    do {                                                                                          \
        unsigned before_ = faults[vector];                                                        \
        __asm__ volatile("lea 9f(%%rip), %%rsi; mov %%rsi, %0; lea %1, %%rax;" instruction "; 9:" \
                         : "=m"(resume_at)                                                        \
                         : "m"(page), ##__VA_ARGS__                                               \
                         : "rax", "rsi", "memory");                                               \
        if (faults[vector] != before_ + 1)                                                        \
            test_note(TEST_FAIL, "%s does not raise exception %d", instruction, vector);          \
    } while (0)

static void test_instructions_that_do_not_exist(void)
{
    CHECK_RAISES(VECTOR_UD, ".byte 0x0f, 0x01, 0xd8");                 // vmrun
    CHECK_RAISES(VECTOR_UD, ".byte 0x0f, 0x01, 0xda");                 // vmload
    CHECK_RAISES(VECTOR_UD, ".byte 0x0f, 0x01, 0xdb");                 // vmsave
    CHECK_RAISES(VECTOR_UD, ".byte 0x0f, 0x01, 0xdc");                 // stgi
    CHECK_RAISES(VECTOR_UD, ".byte 0x0f, 0x01, 0xdd");                 // clgi
    CHECK_RAISES(VECTOR_UD, ".byte 0x0f, 0x01, 0xdf");                 // invlpga
    CHECK_RAISES(VECTOR_UD, ".byte 0x0f, 0x01, 0xc8", "c"(0), "d"(0)); // monitor
    CHECK_RAISES(VECTOR_UD, ".byte 0x0f, 0x01, 0xc9", "c"(0));         // mwait
}

static void test_instructions_that_are_denied(void)
{
    CHECK_RAISES(VECTOR_GP, "rdpmc", "c"(0));
    CHECK_RAISES(VECTOR_GP, "wrmsr", "c"(0x12345678), "d"(0));
    CHECK_RAISES(VECTOR_GP, "rdmsr", "c"(0xc0010117)); // VM_HSAVE_PA
}

// Each is followed by an increment, which is executed once if the instruction pointer is right.
#define CHECK_COMPLETES(bytes, ...)                                                \
    do {                                                                           \
        uint64_t count_ = 0, a_ = 0, c_ = 0, d_ = 0;                               \
        __asm__ volatile(".byte " bytes "; inc %0"                                 \
                         : "+r"(count_), "+a"(a_), "+c"(c_), "+d"(d_)              \
                         :                                                         \
                         : "rbx", "memory");                                       \
        if (count_ != 1)                                                           \
            test_note(TEST_FAIL, "instruction %s ends in the wrong place", bytes); \
    } while (0)

static void test_lengths(void)
{
    for (unsigned again = 0; again < 2; again++) { // the second time it is a known instruction
        CHECK_COMPLETES("0x0f, 0xa2");             // cpuid
        CHECK_COMPLETES("0x66, 0x0f, 0xa2");       // with prefixes that mean nothing
        CHECK_COMPLETES("0x2e, 0x67, 0xf2, 0x0f, 0xa2");
        CHECK_COMPLETES("0x48, 0x0f, 0xa2"); // REX
        CHECK_COMPLETES(
            "0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x48, 0x0f, 0xa2");
        CHECK_COMPLETES("0x0f, 0x09"); // wbinvd
        CHECK_COMPLETES("0x66, 0x0f, 0x09");
        CHECK_COMPLETES("0x0f, 0x08"); // invd: a cache a guest may not throw away
        CHECK_COMPLETES("0xf3, 0x90"); // pause
    }
}

// LOCK makes CPUID undefined, but an emulator may let it pass and exit all the same.
static void test_a_prefix_that_is_not_allowed(void)
{
    uint64_t count = 0;

    __asm__ volatile("lea 9f(%%rip), %%rsi; mov %%rsi, %1; .byte 0xf0, 0x0f, 0xa2; 9: inc %0"
                     : "+r"(count), "=m"(resume_at)
                     :
                     : "rax", "rbx", "rcx", "rdx", "rsi", "memory");
    CHECK_EQUAL(count, 1);
}

static void test_an_instruction_across_two_pages(void)
{
    uint64_t count = 0;

    __asm__ volatile("jmp 1f; .balign 4096; .fill 4095, 1, 0x90; 1: .byte 0x0f, 0xa2; inc %0"
                     : "+r"(count)
                     :
                     : "rax", "rbx", "rcx", "rdx");
    CHECK_EQUAL(count, 1);
}

static void test_prefixed_hypercall(void)
{
    bool intel = cpuid(0, 0).ebx == 0x756e6547;
    long version = __HYPERVISOR_xen_version;

    if (intel)
        __asm__ volatile(".byte 0x48, 0x0f, 0x01, 0xc1" : "+a"(version) : "D"(0l), "S"(0l) : "memory");
    else
        __asm__ volatile(".byte 0x48, 0x0f, 0x01, 0xd9" : "+a"(version) : "D"(0l), "S"(0l) : "memory");
    CHECK_EQUAL(version, cpuid(cpuid_xen_base() + 1, 0).eax);
}

// False: it raises #GP.
static bool read_msr(uint32_t msr, uint64_t *value)
{
    unsigned before = faults[VECTOR_GP];
    uint32_t low = 0, high = 0;

    __asm__ volatile("lea 9f(%%rip), %%rsi; mov %%rsi, %0; rdmsr; 9:"
                     : "=m"(resume_at), "+a"(low), "+d"(high)
                     : "c"(msr)
                     : "rsi", "memory");
    *value = (uint64_t)high << 32 | low;
    return faults[VECTOR_GP] == before;
}

static void write_msr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("lea 9f(%%rip), %%rsi; mov %%rsi, %0; wrmsr; 9:"
                     : "=m"(resume_at)
                     : "a"((uint32_t)value), "d"((uint32_t)(value >> 32)), "c"(msr)
                     : "rsi", "memory");
}

// Whatever a guest reads and writes there, each register answers, or raises #GP.
static void test_every_msr(void)
{
    static const uint32_t ranges[][2] = {
        {0, 0x2000}, {0x40000000, 0x100}, {0xc0000000, 0x2000}, {0xc0010000, 0x2000}, {0xfffffff0, 0x10}};
    static const uint64_t values[] = {~0ul, 0x5555555555555555, 1ul << 63, 0};

    for (unsigned range = 0; range < sizeof(ranges) / sizeof(ranges[0]); range++)
        for (uint32_t i = 0; i < ranges[range][1]; i++) {
            uint32_t msr = ranges[range][0] + i;
            uint64_t old = 0;
            bool readable = read_msr(msr, &old);

            for (unsigned j = 0; j < sizeof(values) / sizeof(values[0]); j++)
                write_msr(msr, values[j]);
            if (readable)
                write_msr(msr, old);
        }
    CHECK_EQUAL(rdmsr(0xc0000080) >> 12 & 1, 0); // EFER.SVME is not a guest's
}

static void test_bad_xcr0(void)
{
    if (!(cpuid(1, 0).ecx & 1u << 27)) // OSXSAVE
        return;
    CHECK_RAISES(VECTOR_GP, "xsetbv", "c"(1), "d"(0)); // there is only XCR0
    CHECK_RAISES(VECTOR_GP, "xsetbv", "c"(0), "d"(0)); // x87 can't be off
}

// ---- single-stepping

static volatile unsigned steps;
static volatile uint64_t stepped_to[8];

static bool on_step(struct trap_frame *frame)
{
    if (steps < 8)
        stepped_to[steps] = frame->rip;
    steps++;
    return true;
}

static void test_single_step(void)
{
    uint64_t behind_cpuid, behind_in;

    __asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq;"
                     "nop; cpuid; 1: in $0x61, %%al; 2: pushfq; andl $~0x100, (%%rsp); popfq;"
                     "lea 1b(%%rip), %0; lea 2b(%%rip), %1"
                     : "=&r"(behind_cpuid), "=&r"(behind_in)
                     :
                     : "rax", "rbx", "rcx", "rdx", "memory", "cc");
    CHECK(steps >= 3);
    CHECK_EQUAL(stepped_to[1], behind_cpuid);
    CHECK_EQUAL(stepped_to[2], behind_in);
}

// ---- NMI

static volatile unsigned nmis;

static bool on_nmi(struct trap_frame *frame)
{
    (void)frame;
    nmis++;
    return true;
}

static void test_nmi_to_oneself(void)
{
    wrmsr(0x1b, rdmsr(0x1b) | 1u << 10); // x2APIC
    for (unsigned i = 1; i <= 2; i++) {
        interrupts_disable();
        wrmsr(0x830, 4u << 8 | 1u << 18);
        cpuid(0, 0);
        CHECK_EQUAL(nmis, i);
        interrupts_enable();
    }
}

int main(void)
{
    trap_set_handler(VECTOR_UD, note_fault);
    trap_set_handler(VECTOR_GP, note_fault);
    trap_set_handler(VECTOR_DB, on_step);
    trap_set_handler(VECTOR_NMI, on_nmi);
    test_instructions_that_do_not_exist();
    test_instructions_that_are_denied();
    test_lengths();
    test_a_prefix_that_is_not_allowed();
    test_an_instruction_across_two_pages();
    test_every_msr();
    test_prefixed_hypercall();
    test_bad_xcr0();
    test_single_step();
    test_nmi_to_oneself();
    return test_end("insn");
}

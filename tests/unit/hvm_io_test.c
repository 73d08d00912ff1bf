// SPDX-License-Identifier: MIT
// Ports, memory that is not there, and MSRs: what reads float to, what registers keep, what ends in #GP.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <hv/arch.h>
#include <hv/guest_access.h>

#include "hvm_fake.h"

static struct guest_regs *r;
static int raised; // vector, -1: none
static const uint8_t *code;
static unsigned code_size;
static uint32_t lapic_write;

// --- what the handlers under test call ---

int copy_to_guest(gva_t dst, const void *src, size_t n)
{
    void *memory = p2m_memory(&fake->d, dst.va, true);

    if (!memory)
        return -XEN_EFAULT;
    memcpy(memory, src, n);
    return 0;
}

void hvm_raise_error(struct vcpu *v, uint8_t vector, uint32_t error)
{
    (void)v, (void)error;
    raised = vector;
}

void hvm_raise_page_fault(struct vcpu *v, uint64_t address, uint32_t error)
{
    (void)v, (void)address, (void)error;
    raised = VECTOR_PF;
}

void hvm_raise_single_step(struct vcpu *v)
{
    (void)v;
    raised = VECTOR_DB;
}

unsigned hvm_code_width(const struct vcpu *v)
{
    (void)v;
    return 64;
}

static unsigned cpl;

unsigned hvm_cpl(const struct vcpu *v)
{
    (void)v;
    return cpl;
}

unsigned hvm_fetch(struct vcpu *v, uint8_t bytes[INSN_MAX])
{
    (void)v;
    memcpy(bytes, code, code_size);
    return code_size;
}

bool vlapic_mmio_enabled(const struct vcpu *v)
{
    (void)v;
    return true;
}

uint32_t vlapic_mmio_read(struct vcpu *v, unsigned offset)
{
    (void)v;
    return 0xa0000000 | offset;
}

void vlapic_mmio_write(struct vcpu *v, unsigned offset, uint32_t value)
{
    (void)v, (void)offset;
    lapic_write = value;
}

bool vlapic_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    (void)v, (void)msr, (void)value;
    return false;
}

bool vlapic_msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
    (void)v, (void)msr, (void)value;
    return false;
}

bool vlapic_set_base(struct vcpu *v, uint64_t value)
{
    (void)v, (void)value;
    return true;
}

bool vlapic_set_deadline(struct vcpu *v, uint64_t tsc)
{
    (void)v, (void)tsc;
    return true;
}

bool hypercall_page_write(struct domain *d, uint64_t value)
{
    (void)d;
    return value == PAGE_SIZE;
}

bool cpuid_arch_caps(uint64_t *value)
{
    *value = 0;
    return false;
}

uint64_t efer_writable(void)
{
    return EFER_SCE | EFER_LME | EFER_NXE;
}

static int setup(void **state)
{
    fake_setup(state);
    mtrr_init(&fake->v);
    r = &fake->av.regs;
    raised = -1;
    cpl = 0;
    return 0;
}

// --- ports ---

static uint64_t in(uint16_t port, unsigned size)
{
    struct vcpu_exit exit = {.next_rip = 0x2000, .io = {.port = port, .size = size, .in = true}};

    r->rax = 0x1111111122222222;
    hvm_io(&fake->v, &exit);
    assert_int_equal(r->rip, 0x2000);
    return r->rax;
}

static void test_ports_float(void **state)
{
    (void)state;
    assert_int_equal(in(0x61, 1), 0x11111111222222ff);
    assert_int_equal(in(0xcf8, 2), 0x111111112222ffff);
    assert_int_equal(in(0xcfc, 4), 0xffffffff);
    assert_int_equal(in(0x42, 1), 0x1111111122222200);
    assert_int_equal(in(0x71, 1), 0x1111111122222200);
}

static void test_single_step(void **state)
{
    (void)state;
    r->rflags = RFLAGS_TF | RFLAGS_RF;
    in(0x61, 1);
    assert_int_equal(raised, VECTOR_DB);
    assert_int_equal(r->rflags, RFLAGS_TF);
}

static void test_string_input(void **state)
{
    struct vcpu_exit exit = {
        .next_rip = 0x2000,
        .io = {.port = 0x1f0, .size = 2, .in = true, .string = true, .rep = true, .address_bits = 64}};

    (void)state;
    r->rdi = 0x3000;
    r->rcx = 3;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(r->rip, 0);
        hvm_io(&fake->v, &exit);
    }
    assert_int_equal(r->rip, 0x2000);
    assert_int_equal(r->rdi, 0x3006);
    assert_int_equal(r->rcx, 0);
    assert_memory_equal(fake->memory + 0x3000, "\xff\xff\xff\xff\xff\xff\x00", 7);

    r->rip = 0; // nothing to do: on to the next instruction
    hvm_io(&fake->v, &exit);
    assert_int_equal(r->rip, 0x2000);
}

static void test_string_input_to_nowhere(void **state)
{
    struct vcpu_exit exit = {.next_rip = 0x2000,
                             .io = {.size = 1, .in = true, .string = true, .address_bits = 64}};

    (void)state;
    r->rdi = 1UL << 40;
    hvm_io(&fake->v, &exit);
    assert_int_equal(raised, VECTOR_PF);
    assert_int_equal(r->rip, 0);
    assert_int_equal(r->rdi, 1UL << 40);
}

// A program's INS must not write with its kernel's rights.
static void test_string_input_of_a_program(void **state)
{
    struct vcpu_exit exit = {.next_rip = 0x2000,
                             .io = {.size = 1, .in = true, .string = true, .address_bits = 64}};

    (void)state;
    cpl = 3;
    r->rdi = 0x3000;
    hvm_io(&fake->v, &exit);
    assert_int_equal(raised, VECTOR_GP);
    assert_int_equal(r->rip, 0);
    assert_int_equal(fake->memory[0x3000], 0);
}

static void test_string_output_backwards(void **state)
{
    struct vcpu_exit exit = {.next_rip = 0x2000,
                             .io = {.size = 4, .string = true, .rep = true, .address_bits = 32}};

    (void)state;
    r->rflags = RFLAGS_DF;
    r->rsi = 2;
    r->rcx = 1;
    hvm_io(&fake->v, &exit);
    assert_int_equal(r->rsi, 0xfffffffe);
    assert_int_equal(r->rip, 0x2000);
}

// --- memory that is not there ---

static bool mmio(gpa_t gpa, const char *bytes, unsigned n)
{
    const char *why;

    code = (const uint8_t *)bytes;
    code_size = n;
    r->rip = 0x100;
    bool done = hvm_mmio(&fake->v, gpa, &why);
    assert_true(done == !why);
    assert_int_equal(r->rip, done ? 0x100 + n : 0x100);
    return done;
}

static void test_holes_read_as_ones(void **state)
{
    (void)state;
    r->rdx = 0x0123456789abcdef;
    assert_true(mmio(0xf0000000, "\x8a\x10", 2)); // mov (%rax),%dl
    assert_int_equal(r->rdx, 0x0123456789abcdff);
    assert_true(mmio(0xf0000000, "\x8a\x30", 2)); // mov (%rax),%dh
    assert_int_equal(r->rdx, 0x0123456789abffff);
    assert_true(mmio(0xf0000000, "\x8b\x10", 2)); // mov (%rax),%edx
    assert_int_equal(r->rdx, 0xffffffff);
    assert_true(mmio(0xf0000000, "\x0f\xb6\x10", 3)); // movzbl (%rax),%edx
    assert_int_equal(r->rdx, 0xff);
    assert_true(mmio(0xf0000000, "\x48\x0f\xbe\x10", 4)); // movsbq (%rax),%rdx
    assert_int_equal(r->rdx, ~0UL);
    assert_true(mmio(0xf0000000, "\x89\x10", 2)); // mov %edx,(%rax): swallowed
    assert_false(mmio(0xf0000000, "\x81\x39\x69\x42\x46\x54", 6));
}

static void test_the_apic_page(void **state)
{
    (void)state;
    assert_true(mmio(VLAPIC_BASE + 0x20, "\x8b\x10", 2));
    assert_int_equal(r->rdx, 0xa0000020);
    r->rdx = 0xfeed;
    assert_true(mmio(VLAPIC_BASE + 0xb0, "\x89\x10", 2));
    assert_int_equal(lapic_write, 0xfeed);
    assert_true(mmio(VLAPIC_BASE + 0xb0, "\xc7\x00\x05\x00\x00\x00", 6));
    assert_int_equal(lapic_write, 5);
    fake->sregs[SREG_RSP] = 0x1234;                       // which is not among the general registers
    assert_true(mmio(VLAPIC_BASE + 0xb0, "\x89\x20", 2)); // mov %esp,(%rax)
    assert_int_equal(lapic_write, 0x1234);
    assert_true(mmio(VLAPIC_BASE + 0x20, "\x8b\x20", 2)); // mov (%rax),%esp
    assert_int_equal(fake->sregs[SREG_RSP], 0xa0000020);
}

// --- MSRs ---

static bool read(uint32_t msr, uint64_t *value)
{
    struct vcpu_exit exit = {.next_rip = 0x2000};

    raised = -1;
    r->rcx = msr;
    hvm_msr_read(&fake->v, &exit);
    *value = r->rax | r->rdx << 32;
    return raised < 0;
}

static bool write(uint32_t msr, uint64_t value)
{
    struct vcpu_exit exit = {.next_rip = 0x2000};

    raised = -1;
    r->rcx = msr;
    r->rax = (uint32_t)value;
    r->rdx = value >> 32;
    hvm_msr_write(&fake->v, &exit);
    assert_true(raised < 0 || raised == VECTOR_GP);
    return raised < 0;
}

static void test_unknown_msrs_fault(void **state)
{
    uint64_t value;

    (void)state;
    assert_false(read(0xc0000fff, &value));
    assert_false(write(0xc0000fff, 0));
    assert_false(read(MSR_VM_HSAVE_PA, &value));
    assert_false(write(MSR_VM_CR, 0));
    assert_false(write(MSR_XEN_HYPERCALL_PAGE, 1));
    assert_true(write(MSR_XEN_HYPERCALL_PAGE, PAGE_SIZE));
}

static void test_efer(void **state)
{
    uint64_t value;

    (void)state;
    assert_true(write(MSR_EFER, EFER_SCE | EFER_LME));
    assert_false(write(MSR_EFER, EFER_SVME));
    assert_false(write(MSR_EFER, 1UL << 40));
    fake->sregs[SREG_CR0] |= CR0_PG;
    fake->sregs[SREG_EFER] |= EFER_LMA;
    assert_false(write(MSR_EFER, EFER_SCE)); // LME under paging
    assert_true(write(MSR_EFER, EFER_NXE | EFER_LME));
    assert_true(read(MSR_EFER, &value));
    assert_int_equal(value, EFER_NXE | EFER_LME | EFER_LMA);
}

static void test_mtrrs_keep_what_is_valid(void **state)
{
    uint64_t value;

    (void)state;
    assert_true(read(MSR_MTRR_DEF_TYPE, &value));
    assert_int_equal(value, 0x806);
    assert_true(write(MSR_MTRR_PHYSBASE0 + 3, 0xfff800));
    assert_true(read(MSR_MTRR_PHYSBASE0 + 3, &value));
    assert_int_equal(value, 0xfff800);
    assert_true(write(MSR_MTRR_FIX4K_C0 + 7, 0x0606060606060606));
    assert_false(write(MSR_MTRR_FIX4K_C0 + 7, 0x0206060606060606));
    assert_true(read(MSR_MTRR_FIX4K_C0 + 7, &value));
    assert_int_equal(value, 0x0606060606060606);
    assert_false(write(MSR_MTRR_DEF_TYPE, 0x1000));
    assert_false(write(MSR_MTRR_CAP, 0));
    assert_false(write(MSR_MTRR_PHYSBASE0 + 16, 0));
}

static void test_addresses_must_be_canonical(void **state)
{
    (void)state;
    assert_true(write(MSR_LSTAR, 0xffffffff81000000));
    assert_false(write(MSR_LSTAR, 0x0000800000000000));
    assert_false(write(MSR_PAT, 0x0207040600070406));
    assert_true(write(MSR_PAT, 0x0007040600070406));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_ports_float),
        TEST(test_single_step),
        TEST(test_string_input),
        TEST(test_string_input_to_nowhere),
        TEST(test_string_input_of_a_program),
        TEST(test_string_output_backwards),
        TEST(test_holes_read_as_ones),
        TEST(test_the_apic_page),
        TEST(test_unknown_msrs_fault),
        TEST(test_efer),
        TEST(test_mtrrs_keep_what_is_valid),
        TEST(test_addresses_must_be_canonical),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

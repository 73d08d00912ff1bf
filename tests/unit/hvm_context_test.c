// SPDX-License-Identifier: MIT
// Register contexts: what a toolstack sets is what it gets back, and a blob with anything wrong in it changes
// nothing.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hv/arch.h>

#include <xen/hvm/save.h>

#include "hvm_fake.h"

static uint8_t legacy[512];
static unsigned ups;

void fpu_get_legacy(const struct vcpu *v, uint8_t regs[512])
{
    (void)v;
    memcpy(regs, legacy, sizeof(legacy));
}

void fpu_set_legacy(struct vcpu *v, const uint8_t regs[512])
{
    (void)v;
    memcpy(legacy, regs, sizeof(legacy));
}

void hvm_attention(struct vcpu *v, uint32_t bits)
{
    v->arch->attention |= bits;
}

void vcpu_up(struct vcpu *v)
{
    (void)v;
    ups++;
}

const char *hvm_check_state(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
    (void)cr4, (void)efer;
    return cr0 & CR0_PE ? NULL : "CR0";
}

bool hvm_get_msr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    (void)v, (void)msr;
    *value = 0x0007040600070406;
    return true;
}

bool hvm_set_msr(struct vcpu *v, uint32_t msr, uint64_t value)
{
    (void)v, (void)msr, (void)value;
    return true;
}

static int setup(void **state)
{
    fake_setup(state);
    mtrr_init(&fake->v);
    memset(legacy, 0, sizeof(legacy));
    ups = 0;
    return 0;
}

// --- blobs ---

struct blob {
    char bytes[4096];
    uint32_t size;
};

static void *add(struct blob *b, uint16_t type, uint16_t instance, const void *body, uint32_t size)
{
    struct hvm_save_descriptor desc = {.typecode = type, .instance = instance, .length = size};
    void *at = b->bytes + b->size + sizeof(desc);

    memcpy(b->bytes + b->size, &desc, sizeof(desc));
    if (size)
        memcpy(at, body, size);
    b->size += sizeof(desc) + size;
    return at;
}

static struct hvm_hw_cpu flat_cpu(void)
{
    return (struct hvm_hw_cpu){
        .rax = 1,
        .rbx = 0x1234,
        .r15 = 15,
        .rip = 0x1000850,
        .rflags = 2,
        .cr0 = CR0_PE,
        .cs_limit = ~0U,
        .cs_arbytes = 0xc9b,
        .ss_arbytes = 0xc93,
        .tr_limit = 0x67,
        .tr_arbytes = 0x8b,
        .gdtr_base = 0x5000,
        .gdtr_limit = 0x7f,
        .dr0 = 0xd0,
        .dr3 = 0xd3,
        .flags = XEN_X86_FPU_INITIALISED,
        .fpu_regs = {0x7f, 3},
    };
}

static void whole(struct blob *b)
{
    struct hvm_save_header header = {.magic = HVM_FILE_MAGIC, .version = HVM_FILE_VERSION};
    struct hvm_hw_cpu cpu = flat_cpu();
    struct hvm_hw_mtrr mtrr = {.msr_mtrr_def_type = 0xc00, .msr_pat_cr = 0x0007040600070406};

    memset(b, 0, sizeof(*b));
    add(b, HVM_SAVE_CODE(HEADER), 0, &header, sizeof(header));
    add(b, HVM_SAVE_CODE(CPU), 0, &cpu, sizeof(cpu));
    add(b, HVM_SAVE_CODE(MTRR), 0, &mtrr, sizeof(mtrr));
    add(b, HVM_SAVE_CODE(END), 0, NULL, 0);
}

// From a buffer of exactly that size, so that ASan sees a read beyond it.
static int set(const struct blob *b, uint32_t size)
{
    char *exact = malloc(size ? size : 1);

    memcpy(exact, b->bytes, size);
    int rc = arch_hvm_context_set(&fake->d, exact, size);
    free(exact);
    return rc;
}

static void test_round_trip(void **state)
{
    struct blob b, back = {};
    struct hvm_hw_cpu cpu;

    (void)state;
    whole(&b);
    assert_int_equal(set(&b, b.size), 0);
    assert_true(fake->v.initialised);
    assert_int_equal(ups, 1);
    assert_true(fake->av.attention & ATTENTION_FLUSH);
    assert_int_equal(fake->segments[SEG_CS].attr, 0xc09b);
    assert_int_equal(fake->av.mtrr_def_type, 0xc00);

    back.size = arch_hvm_context_get(&fake->d, NULL, 0);
    assert_int_equal(back.size, b.size);
    assert_int_equal(arch_hvm_context_get(&fake->d, back.bytes, back.size - 1), -XEN_ENOSPC);
    assert_int_equal(arch_hvm_context_get(&fake->d, back.bytes, back.size), b.size);
    memcpy(&cpu, back.bytes + 2 * sizeof(struct hvm_save_descriptor) + sizeof(struct hvm_save_header),
           sizeof(cpu));
    struct hvm_hw_cpu want = flat_cpu();
    assert_int_equal(cpu.rip, want.rip);
    assert_int_equal(cpu.rbx, want.rbx);
    assert_int_equal(cpu.r15, want.r15);
    assert_int_equal(cpu.cs_arbytes, want.cs_arbytes);
    assert_int_equal(cpu.tr_limit, want.tr_limit);
    assert_int_equal(cpu.gdtr_base, want.gdtr_base);
    assert_int_equal(cpu.dr3, want.dr3);
    assert_memory_equal(cpu.fpu_regs, want.fpu_regs, sizeof(want.fpu_regs));
}

static void test_every_truncation_is_refused(void **state)
{
    struct blob b;

    (void)state;
    whole(&b);
    for (uint32_t size = 0; size < b.size; size++)
        assert_int_equal(set(&b, size), -XEN_EINVAL);
    assert_false(fake->v.initialised);
    assert_int_equal(ups, 0);
}

static void refuse(const struct blob *b)
{
    assert_int_equal(set(b, b->size), -XEN_EINVAL);
    assert_false(fake->v.initialised);
}

static void test_bad_records_are_refused(void **state)
{
    struct hvm_save_header header = {.magic = HVM_FILE_MAGIC, .version = HVM_FILE_VERSION};
    struct hvm_hw_cpu cpu = flat_cpu();
    struct blob b;

    (void)state;
    whole(&b);
    b.bytes[sizeof(struct hvm_save_descriptor)] ^= 1; // magic
    refuse(&b);

    b = (struct blob){}; // no header
    add(&b, HVM_SAVE_CODE(CPU), 0, &cpu, sizeof(cpu));
    add(&b, HVM_SAVE_CODE(END), 0, NULL, 0);
    refuse(&b);

    static const struct {
        uint16_t type, instance;
        uint32_t size;
    } bad[] = {
        {HVM_SAVE_CODE(CPU), 1, sizeof(cpu)},       // no such vcpu
        {HVM_SAVE_CODE(CPU), 0, sizeof(cpu) - 1},   // not that long
        {HVM_SAVE_CODE(PIT), 0, 56},                // nothing we have
        {0x7fff, 0, 8},                             // nothing anybody has
        {HVM_SAVE_CODE(CPU), 0, ~0U},               // wraps
        {HVM_SAVE_CODE(HEADER), 0, sizeof(header)}, // again
    };
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        b = (struct blob){};
        add(&b, HVM_SAVE_CODE(HEADER), 0, &header, sizeof(header));
        uint32_t at = b.size;
        add(&b, bad[i].type, bad[i].instance, &cpu, MIN(bad[i].size, (uint32_t)sizeof(cpu)));
        memcpy(b.bytes + at + offsetof(struct hvm_save_descriptor, length), &bad[i].size, 4);
        add(&b, HVM_SAVE_CODE(END), 0, NULL, 0);
        refuse(&b);
    }
}

static void test_bad_registers_are_refused(void **state)
{
    struct hvm_save_header header = {.magic = HVM_FILE_MAGIC, .version = HVM_FILE_VERSION};
    struct hvm_hw_cpu bad[5];

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        bad[i] = flat_cpu();
    bad[0].cr0 = 0;
    bad[1].cr3 = 1UL << 40;
    bad[2].rflags = 0;
    bad[3].dr7 = 1UL << 32;
    bad[4].dr6 = 1UL << 63;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        struct blob b = {};

        add(&b, HVM_SAVE_CODE(HEADER), 0, &header, sizeof(header));
        add(&b, HVM_SAVE_CODE(CPU), 0, &bad[i], sizeof(bad[i]));
        add(&b, HVM_SAVE_CODE(END), 0, NULL, 0);
        refuse(&b);
    }
}

static void test_a_running_vcpu_is_left_alone(void **state)
{
    struct blob b;

    (void)state;
    whole(&b);
    fake->v.loaded = true;
    refuse(&b);
}

static void test_pvh_entry(void **state)
{
    (void)state;
    arch_vcpu_start_pvh(&fake->v, 0x1000850, 0x9000);
    assert_int_equal(fake->av.regs.rip, 0x1000850);
    assert_int_equal(fake->av.regs.rbx, 0x9000);
    assert_int_equal(fake->av.regs.rflags, 2);
    assert_int_equal(fake->sregs[SREG_CR0], CR0_PE | CR0_ET);
    assert_int_equal(fake->sregs[SREG_CR4], 0);
    assert_int_equal(fake->sregs[SREG_EFER], 0);
    assert_int_equal(fake->segments[SEG_CS].attr, 0xc09b);
    assert_int_equal(fake->segments[SEG_CS].limit, ~0U);
    assert_int_equal(fake->segments[SEG_SS].attr, 0xc093);
    assert_int_equal(fake->segments[SEG_TR].attr, 0x8b);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip),
        TEST(test_every_truncation_is_refused),
        TEST(test_bad_records_are_refused),
        TEST(test_bad_registers_are_refused),
        TEST(test_a_running_vcpu_is_left_alone),
        TEST(test_pvh_entry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
// The MOV decoder against instructions as assemblers encode them, and against everything else.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../arch/x86_64/hvm/mov_decoder.h"

struct sample {
    const char *text;
    unsigned width;
    uint8_t bytes[15];
    unsigned n;
    struct mov_insn insn;
};

#define R(sz, reg) .size = sz, .memory_size = sz, .gpr = reg

static const struct sample samples[] = {
    {"mov (%rax),%eax", 64, {0x8b, 0x00}, 2, {R(4, 0)}},
    {"mov %ecx,(%rdx)", 64, {0x89, 0x0a}, 2, {R(4, 1), .write = true}},
    {"mov 0xffffffffff5fb020,%eax", 64, {0x8b, 0x04, 0x25, 0x20, 0xb0, 0x5f, 0xff}, 7, {R(4, 0)}},
    {"mov %r9,0x10(%r8)", 64, {0x4d, 0x89, 0x48, 0x10}, 4, {R(8, 9), .write = true}},
    {"mov 0x100(%rip),%r15d", 64, {0x44, 0x8b, 0x3d, 0, 1, 0, 0}, 7, {R(4, 15)}},
    {"mov %ax,%gs:(%rbx,%rcx,8)", 64, {0x65, 0x66, 0x89, 0x04, 0xcb}, 5, {R(2, 0), .write = true}},
    {"mov (%rsi),%dh", 64, {0x8a, 0x36}, 2, {R(1, 2), .high_byte = true}},
    {"mov (%rsi),%sil", 64, {0x40, 0x8a, 0x36}, 3, {R(1, 6)}},
    {"movb $7,(%rax)", 64, {0xc6, 0x00, 7}, 3, {R(1, 0), .write = true, .immediate = true, .value = 7}},
    {"movl $0x1ff,0xf0(%rax)",
     64,
     {0xc7, 0x80, 0xf0, 0, 0, 0, 0xff, 1, 0, 0},
     10,
     {R(4, 0), .write = true, .immediate = true, .value = 0x1ff}},
    {"movq $-1,(%rax)",
     64,
     {0x48, 0xc7, 0x00, 0xff, 0xff, 0xff, 0xff},
     7,
     {R(8, 0), .write = true, .immediate = true, .value = ~0UL}},
    {"movw $0x1234,(%rax)",
     64,
     {0x66, 0xc7, 0x00, 0x34, 0x12},
     5,
     {R(2, 0), .write = true, .immediate = true, .value = 0x1234}},
    {"movabs 0x1122334455667788,%eax",
     64,
     {0xa1, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11},
     9,
     {R(4, 0)}},
    {"mov %eax,0xfee000b0", 32, {0xa3, 0xb0, 0x00, 0xe0, 0xfe}, 5, {R(4, 0), .write = true}},
    {"mov 0xfee00020,%ecx", 32, {0x8b, 0x0d, 0x20, 0x00, 0xe0, 0xfe}, 6, {R(4, 1)}},
    {"mov 8(%esp),%eax", 32, {0x8b, 0x44, 0x24, 0x08}, 4, {R(4, 0)}},
    {"mov 4(%bx),%ax in 16-bit code", 16, {0x8b, 0x47, 0x04}, 3, {R(2, 0)}},
    {"mov 0x1234,%eax in 16-bit code", 16, {0x66, 0x8b, 0x06, 0x34, 0x12}, 5, {R(4, 0)}},
    {"movzbl (%rax),%edx", 64, {0x0f, 0xb6, 0x10}, 3, {.size = 4, .memory_size = 1, .gpr = 2}},
    {"movzwl (%rax),%edx", 64, {0x0f, 0xb7, 0x10}, 3, {.size = 4, .memory_size = 2, .gpr = 2}},
    {"movsbq (%rax),%r10",
     64,
     {0x4c, 0x0f, 0xbe, 0x10},
     4,
     {.size = 8, .memory_size = 1, .gpr = 10, .sign_extend = true}},
};

static void test_samples(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        const struct sample *s = &samples[i];
        struct mov_insn insn, want = s->insn;
        const char *why = mov_decode(s->bytes, s->n, s->width, &insn);

        want.length = s->n;
        if (why || memcmp(&insn, &want, sizeof(insn)))
            fail_msg("%s: %s, length %u", s->text, why ? why : "decoded wrongly", insn.length);
    }
}

static void test_every_truncation_is_noticed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        for (unsigned n = 0; n < samples[i].n; n++) {
            uint8_t *exact = malloc(n ? n : 1); // so that ASan sees a read beyond it
            struct mov_insn insn;

            memcpy(exact, samples[i].bytes, n);
            assert_non_null(mov_decode(exact, n, samples[i].width, &insn));
            free(exact);
        }
    }
}

static void test_others_are_refused(void **state)
{
    static const uint8_t others[][15] = {
        {0x81, 0x39, 0x69, 0x42, 0x46, 0x54}, // cmpl $imm,(%rcx)
        {0x8b, 0xc1},                         // a MOV between registers can't fault
        {0xc7, 0x48, 0x10},                   // c7 /1
        {0x0f, 0x10, 0x00},                   // movups
        {0xf3, 0xa4},                         // rep movsb
        {0x87, 0x00},                         // xchg
        {0x0f, 0x0b},                         // ud2
    };
    struct mov_insn insn;

    (void)state;
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_non_null(mov_decode(others[i], 15, 64, &insn));
}

static void test_random_bytes_stay_in_bounds(void **state)
{
    (void)state;
    srand(1);
    for (unsigned i = 0; i < 200000; i++) {
        uint8_t bytes[15];
        unsigned n = rand() % 16, widths[] = {16, 32, 64};
        struct mov_insn insn;

        for (unsigned j = 0; j < sizeof(bytes); j++)
            bytes[j] = rand();
        if (!mov_decode(bytes, n, widths[rand() % 3], &insn)) {
            assert_in_range(insn.length, 2, n);
            assert_in_range(insn.gpr, 0, 15);
            assert_true(insn.memory_size <= insn.size && insn.size <= 8);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_every_truncation_is_noticed),
        cmocka_unit_test(test_others_are_refused),
        cmocka_unit_test(test_random_bytes_stay_in_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

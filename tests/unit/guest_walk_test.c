// SPDX-License-Identifier: MIT
// Guest page walks in each paging mode, and that a remembered walk never outlives the tables it went through.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <hv/arch.h>
#include <hv/guest_access.h>

#include <asm/hvm/guest_walk.h>

#include "hvm_fake.h"

#define P       1UL
#define W       2UL
#define LARGE   0x80UL
#define PAGE(n) ((n)*PAGE_SIZE)

// As a vendor does it.
static void *memory_at(uint64_t va, bool write)
{
    return guest_memory(&fake->v, va, write, virt_ops->get_paging(&fake->v));
}

int copy_from_guest(void *dst, gva_t src, size_t n)
{
    const void *memory = memory_at(src.va, false);

    if (!memory)
        return -XEN_EFAULT;
    memcpy(dst, memory, n);
    return 0;
}

unsigned hvm_code_width(const struct vcpu *v)
{
    (void)v;
    return fake->sregs[SREG_EFER] & EFER_LMA ? 64 : 32;
}

static void put64(uint64_t gpa, uint64_t value)
{
    memcpy(fake->memory + gpa, &value, sizeof(value));
}

static void put32(uint64_t gpa, uint32_t value)
{
    memcpy(fake->memory + gpa, &value, sizeof(value));
}

static void long_mode(void)
{
    fake->sregs[SREG_CR0] = CR0_PE | CR0_PG | CR0_WP;
    fake->sregs[SREG_CR3] = PAGE(1);
    fake->sregs[SREG_CR4] = CR4_PAE;
    fake->sregs[SREG_EFER] = EFER_LME | EFER_LMA;
    put64(PAGE(1), PAGE(2) | P | W);
    put64(PAGE(2), PAGE(3) | P | W);
    put64(PAGE(3), PAGE(4) | P | W);
}

static uint64_t gpa_of(uint64_t va, bool write)
{
    uint8_t *memory = memory_at(va, write);

    return memory ? (uint64_t)(memory - fake->memory) : ~0UL;
}

static void test_paging_off(void **state)
{
    (void)state;
    assert_int_equal(gpa_of(0x5123, true), 0x5123);
    assert_int_equal(gpa_of(PAGE(FAKE_PAGES), false), ~0UL);
    assert_int_equal(gpa_of(0x100005123, true), ~0UL);
}

static void test_four_levels(void **state)
{
    (void)state;
    long_mode();
    put64(PAGE(4) + 5 * 8, PAGE(9) | P | W);
    put64(PAGE(4) + 6 * 8, PAGE(10) | P);
    assert_int_equal(gpa_of(0x5abc, true), PAGE(9) + 0xabc);
    assert_int_equal(gpa_of(0x6abc, false), PAGE(10) + 0xabc);
    assert_int_equal(gpa_of(0x6abc, true), ~0UL);
    assert_int_equal(gpa_of(0x7abc, false), ~0UL);
    assert_int_equal(gpa_of(0x0000800000005000, false), ~0UL); // not canonical
    fake->sregs[SREG_CR0] &= ~CR0_WP;
    assert_int_equal(gpa_of(0x6abc, true), PAGE(10) + 0xabc);
}

static void test_large_leaves(void **state)
{
    (void)state;
    long_mode();
    put64(PAGE(3) + 1 * 8, 0 | P | W | LARGE); // 2 MiB at 2 MiB
    put64(PAGE(2) + 1 * 8, 0 | P | W | LARGE); // 1 GiB at 1 GiB
    assert_int_equal(gpa_of(0x200000 + PAGE(20) + 1, true), PAGE(20) + 1);
    assert_int_equal(gpa_of(0x40000000 + PAGE(30) + 2, true), PAGE(30) + 2);
    assert_int_equal(gpa_of(0x40000000 + PAGE(FAKE_PAGES), true), ~0UL);
}

static void test_pae_and_32_bit(void **state)
{
    (void)state;
    fake->sregs[SREG_CR0] = CR0_PE | CR0_PG | CR0_WP;
    fake->sregs[SREG_CR4] = CR4_PAE;
    fake->sregs[SREG_CR3] = PAGE(1) + 0x20;
    put64(PAGE(1) + 0x20 + 3 * 8, PAGE(2) | P); // top entries of PAE have no write bit
    put64(PAGE(2) + 511 * 8, PAGE(3) | P | W);
    put64(PAGE(3) + 511 * 8, PAGE(11) | P | W);
    assert_int_equal(gpa_of(0xfffff010, true), PAGE(11) + 0x10);

    fake->sregs[SREG_CR4] = CR4_PSE;
    fake->sregs[SREG_CR3] = PAGE(5);
    put32(PAGE(5) + 4, PAGE(6) | P | W);
    put32(PAGE(6) + 8, PAGE(12) | P | W);
    put32(PAGE(5) + 8, 0 | P | W | LARGE); // 4 MiB at 8 MiB
    assert_int_equal(gpa_of(0x402010, true), PAGE(12) + 0x10);
    assert_int_equal(gpa_of(0x800000 + PAGE(13), true), PAGE(13));
    fake->sregs[SREG_CR4] = 0; // without PSE that entry names a table
    assert_int_equal(gpa_of(0x800000 + PAGE(13), true), ~0UL);
    put32(PAGE(6) + 8, 0);
    assert_int_equal(gpa_of(0x402010, true), ~0UL);
}

static void test_tables_in_nowhere(void **state)
{
    (void)state;
    long_mode();
    put64(PAGE(3), PAGE(FAKE_PAGES + 5) | P | W);
    assert_int_equal(gpa_of(0x5000, false), ~0UL);
    fake->sregs[SREG_CR3] = 0x000ffffffffff000;
    assert_int_equal(gpa_of(0x5000, false), ~0UL);
}

static void test_a_changed_table_is_noticed(void **state)
{
    (void)state;
    long_mode();
    put64(PAGE(4) + 5 * 8, PAGE(9) | P | W);
    for (unsigned level = 1; level <= 4; level++) {
        uint64_t at = level == 4 ? PAGE(4) + 5 * 8 : PAGE(level), old;

        assert_int_equal(gpa_of(0x5000, true), PAGE(9));
        memcpy(&old, fake->memory + at, sizeof(old));
        put64(at, old & ~P);
        assert_int_equal(gpa_of(0x5000, true), ~0UL);
        put64(at, old & ~W);
        assert_int_equal(gpa_of(0x5000, true), ~0UL);
        assert_int_equal(gpa_of(0x5000, false), PAGE(9));
        put64(at, old);
    }
    put64(PAGE(4) + 5 * 8, PAGE(10) | P | W);
    assert_int_equal(gpa_of(0x5000, true), PAGE(10));
}

static void test_a_changed_p2m_or_cr3_is_noticed(void **state)
{
    (void)state;
    long_mode();
    put64(PAGE(4) + 5 * 8, PAGE(9) | P | W);
    assert_int_equal(gpa_of(0x5000, true), PAGE(9));
    fake->types[9] = P2M_RAM_RO;
    fake->d.p2m.epoch++;
    assert_int_equal(gpa_of(0x5000, true), ~0UL);
    assert_int_equal(gpa_of(0x5000, false), PAGE(9));
    fake->types[4] = P2M_HOLE;
    fake->d.p2m.epoch++;
    assert_int_equal(gpa_of(0x5000, false), ~0UL);
    fake->types[4] = P2M_RAM;

    assert_int_equal(gpa_of(0x5000, false), PAGE(9));
    put64(PAGE(20), PAGE(21) | P | W);
    fake->sregs[SREG_CR3] = PAGE(20);
    assert_int_equal(gpa_of(0x5000, false), ~0UL);
}

static void test_a_filled_hole_is_noticed(void **state)
{
    (void)state;
    long_mode();
    put64(PAGE(4) + 5 * 8, PAGE(9) | P | W);
    fake->types[9] = P2M_HOLE;
    assert_int_equal(gpa_of(0x5000, true), ~0UL);
    fake->types[9] = P2M_RAM; // ends no epoch: no translation was there
    assert_int_equal(gpa_of(0x5000, true), PAGE(9));
}

static void test_fetch_stops_at_a_missing_page(void **state)
{
    uint8_t bytes[INSN_MAX];

    (void)state;
    long_mode();
    put64(PAGE(4) + 5 * 8, PAGE(9) | P);
    memset(fake->memory + PAGE(10) - 4, 0x90, 4);
    fake->av.regs.rip = 0x6000 - 4;
    assert_int_equal(hvm_fetch(&fake->v, bytes), 4);
    put64(PAGE(4) + 6 * 8, PAGE(12) | P);
    assert_int_equal(hvm_fetch(&fake->v, bytes), INSN_MAX);
    assert_int_equal(bytes[3], 0x90);
    assert_int_equal(bytes[4], 0);
}

static int setup(void **state)
{
    fake_setup(state);
    guest_walk_init(&fake->v);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_paging_off, setup, fake_teardown),
        cmocka_unit_test_setup_teardown(test_four_levels, setup, fake_teardown),
        cmocka_unit_test_setup_teardown(test_large_leaves, setup, fake_teardown),
        cmocka_unit_test_setup_teardown(test_pae_and_32_bit, setup, fake_teardown),
        cmocka_unit_test_setup_teardown(test_tables_in_nowhere, setup, fake_teardown),
        cmocka_unit_test_setup_teardown(test_a_changed_table_is_noticed, setup, fake_teardown),
        cmocka_unit_test_setup_teardown(test_a_changed_p2m_or_cr3_is_noticed, setup, fake_teardown),
        cmocka_unit_test_setup_teardown(test_a_filled_hole_is_noticed, setup, fake_teardown),
        cmocka_unit_test_setup_teardown(test_fetch_stops_at_a_missing_page, setup, fake_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

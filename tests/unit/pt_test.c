// SPDX-License-Identifier: MIT
// The page-table walker, on the host format: against a flat model, with and without memory for tables.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hv/page_alloc.h>
#include <asm/pt.h>
#include <asm/x86_defs.h>

// Table pages live in this arena; its frame numbers begin at 1.
#define ARENA_PAGES 512
static uint8_t (*arena)[PAGE_SIZE];
static bool in_use[ARENA_PAGES + 1];
static unsigned nr_tables, max_tables;

void *mfn_to_virt(mfn_t mfn)
{
    assert_true(mfn.n >= 1 && mfn.n <= ARENA_PAGES && in_use[mfn.n]);
    return arena[mfn.n - 1];
}

static mfn_t alloc_table(void *ctx)
{
    (void)ctx;
    if (nr_tables == max_tables)
        return MFN_INVALID;
    for (unsigned i = 1; i <= ARENA_PAGES; i++) {
        if (in_use[i])
            continue;
        in_use[i] = true;
        nr_tables++;
        memset(arena[i - 1], 0, PAGE_SIZE);
        return MFN(i);
    }
    return MFN_INVALID;
}

static void free_table(void *ctx, mfn_t table)
{
    (void)ctx;
    assert_true(in_use[table.n]);
    in_use[table.n] = false;
    nr_tables--;
}

static struct pt pt;
static const struct pt_attr RW = {.write = true, .type = 5};

static int setup(void **state)
{
    (void)state;
    arena = aligned_alloc(PAGE_SIZE, ARENA_PAGES * PAGE_SIZE);
    memset(in_use, 0, sizeof(in_use));
    nr_tables = 0;
    max_tables = ARENA_PAGES;
    pt = (struct pt){
        .format = &pt_format_host, .root = alloc_table(NULL), .alloc = alloc_table, .free = free_table};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(arena);
    return 0;
}

static void assert_maps(uint64_t frame, uint64_t mfn, unsigned order)
{
    struct pt_leaf leaf = pt_lookup(&pt, frame);

    assert_true(mfn_valid(leaf.mfn));
    assert_int_equal(leaf.mfn.n, mfn);
    assert_int_equal(leaf.order, order);
}

static void test_leaf_bits(void **state)
{
    const struct pt_format *f = &pt_format_host;

    (void)state;
    uint64_t entry =
        f->make_leaf(MFN(0x200), ORDER_2M, (struct pt_attr){.exec = true, .uncached = true, .type = 9});
    assert_int_equal(entry & (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_NX), PTE_PRESENT);
    assert_true(entry & PTE_LARGE);
    struct pt_attr attr = f->attr(entry);
    assert_true(attr.exec && !attr.write && attr.uncached && attr.type == 9);
    entry = f->make_leaf(MFN(0x200), ORDER_4K, RW);
    assert_true((entry & PTE_NX) && (entry & PTE_WRITE) && !(entry & PTE_LARGE));
    assert_int_equal(entry & PT_FRAME, 0x200UL << PAGE_SHIFT);
}

static void test_map_each_order(void **state)
{
    (void)state;
    assert_int_equal(pt_map(&pt, 5, MFN(77), ORDER_4K, RW), 0);
    assert_int_equal(pt_map(&pt, 512, MFN(1024), ORDER_2M, RW), 0);
    assert_int_equal(pt_map(&pt, 1 << 18, MFN(2 << 18), ORDER_1G, RW), 0);
    assert_maps(5, 77, ORDER_4K);
    assert_maps(512 + 100, 1124, ORDER_2M);
    assert_maps((1 << 18) + 12345, (2 << 18) + 12345, ORDER_1G);
    assert_int_equal(pt_lookup(&pt, 5).type, 5);
    assert_false(mfn_valid(pt_lookup(&pt, 6).mfn));
    assert_int_equal(pt_lookup(&pt, 6).order, ORDER_4K);
    assert_int_equal(pt_lookup(&pt, 1024).order, ORDER_2M);
    assert_int_equal(pt_lookup(&pt, 3UL << 18).order, ORDER_1G);
    assert_int_equal(pt_lookup(&pt, 1UL << 35).order, 27);
    assert_false(mfn_valid(pt_lookup(&pt, (1UL << 36) + 5).mfn)); // beyond the last: not frame 5
    assert_false(mfn_valid(pt_lookup(&pt, ~0UL).mfn));
}

static void test_splitting_keeps_the_rest(void **state)
{
    (void)state;
    assert_int_equal(pt_map(&pt, 0, MFN(1 << 18), ORDER_1G, RW), 0);
    assert_int_equal(pt_unmap(&pt, 1000, ORDER_4K), 0);
    assert_false(mfn_valid(pt_lookup(&pt, 1000).mfn));
    assert_maps(999, (1 << 18) + 999, ORDER_4K);
    assert_maps(1024, (1 << 18) + 1024, ORDER_2M);
    assert_int_equal(pt_lookup(&pt, 1024).type, 5);
    assert_int_equal(nr_tables, 4); // root, 512 GiB, 1 GiB, 2 MiB
}

static void test_tables_do_not_give_way_to_a_large_leaf(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 600; i++)
        assert_int_equal(pt_map(&pt, i, MFN(i + 1), ORDER_4K, RW), 0);
    assert_int_equal(nr_tables, 5);
    assert_int_equal(pt_map(&pt, 0, MFN(1 << 18), ORDER_1G, RW), -XEN_EEXIST);
    assert_int_equal(pt_map(&pt, 0, MFN(1 << 9), ORDER_2M, RW), -XEN_EEXIST);
    assert_int_equal(nr_tables, 5);
    assert_maps(599, 600, ORDER_4K);
}

static void test_unmapping_holes_makes_no_tables(void **state)
{
    (void)state;
    assert_int_equal(pt_unmap(&pt, 123456, ORDER_4K), 0);
    assert_int_equal(pt_unmap(&pt, 0, ORDER_1G), 0);
    assert_int_equal(nr_tables, 1);
}

static void test_no_memory_changes_no_translation(void **state)
{
    (void)state;
    assert_int_equal(pt_map(&pt, 0, MFN(1 << 18), ORDER_1G, RW), 0);
    for (max_tables = nr_tables; max_tables < 4; max_tables++) {
        assert_int_equal(pt_map(&pt, 700, MFN(1), ORDER_4K, RW), -XEN_ENOMEM);
        assert_int_equal(pt_unmap(&pt, 700, ORDER_4K), -XEN_ENOMEM);
        assert_true(pt_lookup(&pt, 700).mfn.n == (1 << 18) + 700);
        assert_true(pt_lookup(&pt, 511).mfn.n == (1 << 18) + 511);
    }
    assert_int_equal(pt_map(&pt, 700, MFN(1), ORDER_4K, RW), 0);
    assert_maps(700, 1, ORDER_4K);
}

// --- tearing down ---

static uint64_t torn_pages, last_frame;

static void count_leaf(void *ctx, uint64_t frame, struct pt_leaf leaf)
{
    (void)ctx;
    assert_true(mfn_valid(leaf.mfn));
    assert_int_equal(frame & ((1UL << leaf.order) - 1), 0);
    assert_true(torn_pages == 0 || frame > last_frame);
    last_frame = frame;
    torn_pages += 1UL << leaf.order;
}

static void test_teardown_in_small_steps(void **state)
{
    uint64_t cursor = 0;
    unsigned steps = 0;

    (void)state;
    torn_pages = 0;
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(pt_map(&pt, 500 + i, MFN(i + 1), ORDER_4K, RW), 0);
    assert_int_equal(pt_map(&pt, 2048, MFN(2048), ORDER_2M, RW), 0);
    assert_int_equal(pt_map(&pt, 7UL << 18, MFN(0), ORDER_1G, RW), 0);
    assert_int_equal(pt_map(&pt, (1UL << 36) - 1, MFN(9), ORDER_4K, RW), 0);
    while (!pt_teardown(&pt, &cursor, 3, count_leaf))
        assert_true(++steps < 100);
    assert_int_equal(torn_pages, 40 + 512 + (1 << 18) + 1);
    assert_int_equal(steps, 43 / 3);
    assert_int_equal(nr_tables, 1);
    assert_false(mfn_valid(pt_lookup(&pt, 500).mfn));
    assert_true(pt_teardown(&pt, &cursor, 3, count_leaf)); // and again, with nothing to do
}

// --- against a model ---

#define MODEL_FRAMES 4096
static uint64_t model[MODEL_FRAMES]; // mfn + 1, 0: hole

static void random_step(void)
{
    unsigned order = rand() % 8 ? ORDER_4K : ORDER_2M;
    uint64_t pages = 1UL << order, frame = (rand() % MODEL_FRAMES) & ~(pages - 1);
    uint64_t mfn = ((uint64_t)rand() % (1UL << 24)) & ~(pages - 1);
    bool map = rand() % 2;

    max_tables = rand() % 4 ? ARENA_PAGES : nr_tables + rand() % 2;
    (void)pt_lookup(&pt, frame ^ (rand() & 1023)); // the tables it remembers are about to change
    int rc = map ? pt_map(&pt, frame, MFN(mfn), order, RW) : pt_unmap(&pt, frame, order);
    if (rc != 0) {
        assert_true(rc == -XEN_ENOMEM || (rc == -XEN_EEXIST && order != ORDER_4K));
        return;
    }
    for (uint64_t i = 0; i < pages; i++)
        model[frame + i] = map ? mfn + i + 1 : 0;
}

static void test_random_operations(void **state)
{
    (void)state;
    srand(7);
    memset(model, 0, sizeof(model));
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 500; i++)
            random_step();
        for (uint64_t frame = 0; frame < MODEL_FRAMES; frame++) {
            struct pt_leaf leaf = pt_lookup(&pt, frame);

            assert_int_equal(mfn_valid(leaf.mfn), model[frame] != 0);
            if (mfn_valid(leaf.mfn))
                assert_int_equal(leaf.mfn.n + 1, model[frame]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_leaf_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_map_each_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_splitting_keeps_the_rest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tables_do_not_give_way_to_a_large_leaf, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unmapping_holes_makes_no_tables, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory_changes_no_translation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_teardown_in_small_steps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random_operations, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

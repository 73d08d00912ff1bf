// SPDX-License-Identifier: MIT
// Unit tests of cutting guest memory into extents.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../dom0-tools/ctl/extents.h"

static void assert_run(uint64_t gfn, uint64_t pages, unsigned int limit, unsigned int order, uint64_t count)
{
    struct extent_run run = extent_run_next(gfn, pages, limit);

    assert_int_equal(run.order, order);
    assert_int_equal(run.count, count);
}

static void test_known_runs(void **state)
{
    (void)state;
    assert_run(0, 0x4000, 18, 9, 32);          // 64 MiB: one run
    assert_run(0, 0x100000, 18, 18, 4);        // 4 GiB
    assert_run(0, 0x40200 + 3, 18, 18, 1);     // 1 GiB, then
    assert_run(0x40000, 0x200 + 3, 18, 9, 1);  // 2 MiB, then
    assert_run(0x40200, 3, 18, 0, 3);          // the rest
    assert_run(0x1ff, 0x402, 18, 0, 1);        // up to where 2 MiB fit
    assert_run(0x200, 0x401, 18, 9, 2);        // and then all that do
    assert_run(0x3fe00, 0x80200, 18, 9, 1);    // up to where 1 GiB fits
    assert_run(0x3fe00, 0x80200, 9, 9, 0x401); // unless that is not wanted
    assert_run(0, 0x100000, 0, 0, 0x100000);   // nor 2 MiB
    assert_run(1, 0x201, 18, 0, 0x201);        // no whole 2 MiB in there
    assert_run(0xfeffc, 1, 18, 0, 1);
}

// Run after run, any range is covered exactly, and every extent is aligned.
static void test_cover(void **state)
{
    static const unsigned int limits[] = {18, 9, 0};

    (void)state;
    srand(1);
    for (unsigned int i = 0; i < 20000; i++) {
        uint64_t gfn = (uint64_t)rand() % 0x200000, pages = 1 + (uint64_t)rand() % 0x200000;
        uint64_t end = gfn + pages;
        unsigned int limit = limits[i % 3], runs = 0;

        while (gfn < end) {
            struct extent_run run = extent_run_next(gfn, end - gfn, limit);

            assert_true(run.order <= limit && run.count > 0);
            assert_int_equal(gfn & ((UINT64_C(1) << run.order) - 1), 0);
            gfn += run.count << run.order;
            runs++;
        }
        assert_int_equal(gfn, end);
        assert_true(runs <= 5); // 4 KiB, 2 MiB, 1 GiB, 2 MiB, 4 KiB
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_runs),
        cmocka_unit_test(test_cover),
    };

    return cmocka_run_group_tests_name("builder_extents", tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
// Early memory against a model: one flag per page.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "memory_machine.h"
#include "random.h"

#define PAGES 4096UL
#define STEPS 20000

static bool is_ram[PAGES], is_free[PAGES];

static bool model_free(uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        if (first + i >= PAGES || !is_free[first + i])
            return false;
    return true;
}

static void model_set(uint64_t first, uint64_t end, bool value)
{
    for (uint64_t i = first; i < end && i < PAGES; i++)
        is_free[i] = value && is_ram[i];
}

// The highest place, as boot_mem_alloc() promises. 0: none.
static uint64_t model_alloc(uint64_t count, uint64_t align, uint64_t below)
{
    for (uint64_t first = ALIGN_DOWN(below - count, align); below >= count && first > 0; first -= align)
        if (model_free(first, count))
            return first;
    return 0;
}

static void start(void)
{
    struct boot_info info = {0};
    uint64_t at = 0;

    memset(is_ram, 0, sizeof(is_ram));
    while (at < PAGES - 200) {
        uint64_t first = at + random_below(64), last = first + 1 + random_below(100);
        enum mem_type type = random_below(4) ? MEM_RAM : MEM_RESERVED;

        // Not on page boundaries: only whole pages count.
        info.regions[info.nr_regions++] =
            (struct mem_region){first * PAGE_SIZE - (first ? 1 : 0), last * PAGE_SIZE + 1, type};
        for (uint64_t i = MAX(first, 1); i < last && type == MEM_RAM; i++)
            is_ram[i] = true;
        at = last + 2;
    }
    memcpy(is_free, is_ram, sizeof(is_ram));
    boot_mem_init(&info);
}

static uint64_t released_up_to;
static bool released[PAGES];

static void note_released(maddr_t from, maddr_t to)
{
    assert_true(from >= released_up_to && from < to && (from | to) % PAGE_SIZE == 0);
    for (uint64_t i = from >> PAGE_SHIFT; i < to >> PAGE_SHIFT; i++)
        released[i] = true;
    released_up_to = to;
}

static void release_and_compare(void)
{
    memset(released, 0, sizeof(released));
    released_up_to = 0;
    boot_mem_release(note_released);
    assert_memory_equal(released, is_free, sizeof(released));
    assert_false(boot_mem_is_free(0, PAGES * PAGE_SIZE));
}

static void random_reserve(void)
{
    maddr_t from = random_below(PAGES * PAGE_SIZE), to = from + 1 + random_below(20 * PAGE_SIZE);

    boot_mem_reserve(from, to);
    model_set(from >> PAGE_SHIFT, ALIGN_UP(to, PAGE_SIZE) >> PAGE_SHIFT, false);
}

// Gives back a run of RAM pages, some of which may be free already.
static void random_free(void)
{
    uint64_t first = random_below(PAGES), last = first;

    while (last < PAGES && is_ram[last] && last - first < 24)
        last++;
    if (first == last)
        return;
    boot_mem_free(first << PAGE_SHIFT, last << PAGE_SHIFT);
    model_set(first, last, true);
}

static void random_alloc(void)
{
    uint64_t count = 1 + random_below(32), align = 1UL << random_below(6);
    uint64_t below = random_below(2) ? 1 + random_below(PAGES) : 0;
    uint64_t expected = model_alloc(count, align, below ? below : PAGES);
    // Sizes are rounded up to pages.
    maddr_t got =
        boot_mem_alloc(count * PAGE_SIZE - random_below(PAGE_SIZE), align << PAGE_SHIFT, below << PAGE_SHIFT);

    assert_int_equal(got, expected << PAGE_SHIFT);
    if (got)
        model_set(expected, expected + count, false);
}

static void random_query(void)
{
    uint64_t first = random_below(PAGES), count = 1 + random_below(16);

    assert_int_equal(boot_mem_is_free(first << PAGE_SHIFT, (first + count) << PAGE_SHIFT),
                     model_free(first, count));
}

static void test_random_operations_match_a_bitmap(void **state)
{
    static void (*const operations[])(void) = {random_reserve, random_free, random_alloc, random_query};

    (void)state;
    for (unsigned round = 0; round < 10; round++) {
        start();
        for (unsigned i = 0; i < STEPS / 10; i++)
            operations[random_below(ARRAY_SIZE(operations))]();
        release_and_compare();
    }
}

static void test_frame_0_is_never_given_out(void **state)
{
    const struct boot_info info = {.nr_regions = 1, .regions = {{0, 2 * PAGE_SIZE, MEM_RAM}}};

    (void)state;
    boot_mem_init(&info);
    assert_int_equal(boot_mem_alloc(1, PAGE_SIZE, 0), PAGE_SIZE);
    assert_int_equal(boot_mem_alloc(1, PAGE_SIZE, 0), 0);
}

static void fragment(void *unused)
{
    const struct boot_info info = {.nr_regions = 1, .regions = {{0, 4096 * PAGE_SIZE, MEM_RAM}}};

    (void)unused;
    boot_mem_init(&info);
    for (maddr_t at = 2 * PAGE_SIZE; at < 4096 * PAGE_SIZE; at += 2 * PAGE_SIZE)
        boot_mem_reserve(at, at + 1);
}

static void test_too_fragmented_a_map_is_named(void **state)
{
    (void)state;
    assert_true(machine_panics(fragment, NULL));
    assert_non_null(strstr(machine_panic_message, "too fragmented"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_operations_match_a_bitmap),
        cmocka_unit_test(test_frame_0_is_never_given_out),
        cmocka_unit_test(test_too_fragmented_a_map_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
// Small objects: zeroed, apart from each other, and every page given back when the last object on it is.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "memory_machine.h"
#include "random.h"

#include <hv/slab.h>

#define OBJECTS 500
#define STEPS   50000

static const struct mem_region ram = {1UL << 20, 64UL << 20, MEM_RAM};

static int start_machine(void **state)
{
    (void)state;
    machine_start(&ram, 1);
    return 0;
}

static bool all_bytes_are(const uint8_t *bytes, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

static void test_random_objects_keep_their_contents(void **state)
{
    static struct {
        uint8_t *bytes;
        size_t size;
        uint8_t pattern;
    } objects[OBJECTS];
    uint64_t before = page_free_count();

    (void)state;
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned i = random_below(OBJECTS);

        if (objects[i].bytes) {
            assert_true(all_bytes_are(objects[i].bytes, objects[i].size, objects[i].pattern));
            hv_free(objects[i].bytes, objects[i].size);
            objects[i].bytes = NULL;
            continue;
        }
        objects[i].size = 1 + random_below(random_below(20) ? 1200 : 20000);
        objects[i].pattern = step;
        objects[i].bytes = hv_alloc(objects[i].size);
        assert_non_null(objects[i].bytes);
        assert_int_equal((uintptr_t)objects[i].bytes % 32, 0);
        assert_true(all_bytes_are(objects[i].bytes, objects[i].size, 0));
        memset(objects[i].bytes, objects[i].pattern, objects[i].size);
    }
    for (unsigned i = 0; i < OBJECTS; i++)
        hv_free(objects[i].bytes, objects[i].size);
    memset(objects, 0, sizeof(objects));
    assert_int_equal(page_free_count(), before);
}

static void test_a_page_holds_many_and_goes_with_the_last(void **state)
{
    uint64_t before = page_free_count();
    void *objects[128];

    (void)state;
    for (unsigned i = 0; i < 127; i++)
        objects[i] = hv_alloc(32);
    assert_int_equal(page_free_count(), before - 1);
    objects[127] = hv_alloc(32);
    assert_int_equal(page_free_count(), before - 2);
    for (unsigned i = 0; i < 127; i++)
        hv_free(objects[i], 32);
    assert_int_equal(page_free_count(), before - 1);
    hv_free(objects[127], 32);
    assert_int_equal(page_free_count(), before);
}

static void test_large_objects_are_whole_pages(void **state)
{
    uint64_t before = page_free_count();
    void *object = hv_alloc(3 * PAGE_SIZE);

    (void)state;
    assert_non_null(object);
    assert_int_equal((uintptr_t)object % PAGE_SIZE, 0);
    assert_int_equal(page_free_count(), before - 4);
    hv_free(object, 3 * PAGE_SIZE);
    assert_int_equal(page_free_count(), before);
    assert_null(hv_alloc((PAGE_SIZE << MAX_ORDER) + 1));
}

static void test_nothing_may_be_freed(void **state)
{
    (void)state;
    hv_free(NULL, 100);
    hv_free(NULL, 100000);
    void *nothing = hv_alloc(0);
    assert_non_null(nothing);
    hv_free(nothing, 0);
}

static void test_memory_runs_out_and_comes_back(void **state)
{
    uint64_t before = page_free_count();
    void **last = NULL, **object;

    (void)state;
    while ((object = hv_alloc(1024))) { // a list through the objects themselves
        *object = last;
        last = object;
    }
    assert_int_equal(page_free_count(), 0);
    assert_null(hv_alloc(PAGE_SIZE));
    while (last) {
        object = *last;
        hv_free(last, 1024);
        last = object;
    }
    assert_int_equal(page_free_count(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_objects_keep_their_contents),
        cmocka_unit_test(test_a_page_holds_many_and_goes_with_the_last),
        cmocka_unit_test(test_large_objects_are_whole_pages),
        cmocka_unit_test(test_nothing_may_be_freed),
        cmocka_unit_test(test_memory_runs_out_and_comes_back),
    };

    return cmocka_run_group_tests(tests, start_machine, NULL);
}

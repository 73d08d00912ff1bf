// SPDX-License-Identifier: MIT
//
// The guest kit's allocation bitmaps, against a plain array, and its command line splitting.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../guest-pv/kit.h"

#define BITS 200

static void finds_runs_across_words(void **state)
{
    uint64_t map[BITMAP_WORDS(BITS)] = {0};
    size_t hint = 0;
    (void)state;
    bitmap_set(map, 0, 60);
    bitmap_set(map, 70, 58);
    assert_int_equal(bitmap_take(map, BITS, 10, &hint), 60);
    assert_int_equal(bitmap_take(map, BITS, 72, &hint), 128);
    assert_int_equal(bitmap_take(map, BITS, 1, &hint), BITS);
    bitmap_give(map, 63, 2, &hint);
    assert_int_equal(hint, 63);
    assert_int_equal(bitmap_take(map, BITS, 3, &hint), BITS);
    assert_int_equal(bitmap_take(map, BITS, 2, &hint), 63);
}

static void never_reaches_beyond_the_last_item(void **state)
{
    uint64_t map[BITMAP_WORDS(BITS)] = {0};
    size_t hint = 0;
    (void)state;
    assert_int_equal(bitmap_take(map, BITS, BITS + 1, &hint), BITS);
    assert_int_equal(bitmap_take(map, BITS, SIZE_MAX, &hint), BITS);
    assert_int_equal(bitmap_take(map, BITS, BITS, &hint), 0);
    assert_true(map[BITMAP_WORDS(BITS) - 1] >> BITS % 64 == 0);
}

static void agrees_with_an_array(void **state)
{
    uint64_t map[BITMAP_WORDS(BITS)] = {0};
    bool taken[BITS] = {false};
    size_t hint = 0;
    (void)state;
    srand(1);
    for (int step = 0; step < 20000; step++) {
        size_t count = 1 + (size_t)rand() % 20;
        if (rand() % 2) {
            size_t first = bitmap_take(map, BITS, count, &hint);
            for (size_t i = first; first < BITS && i < first + count; i++) {
                assert_false(taken[i]);
                taken[i] = true;
            }
        } else {
            size_t first = (size_t)rand() % (BITS - count);
            bitmap_give(map, first, count, &hint);
            memset(taken + first, 0, count);
        }
        for (size_t i = 0; i < BITS; i++)
            assert_int_equal(map[i / 64] >> i % 64 & 1, taken[i]);
    }
}

static void check_split(const char *line, int count, const char *const *words)
{
    char copy[128];
    char *argv[8];
    strcpy(copy, line);
    assert_int_equal(args_split(copy, "program", argv, 7), count + 1);
    assert_string_equal(argv[0], "program");
    for (int i = 0; i < count; i++)
        assert_string_equal(argv[i + 1], words[i]);
    assert_null(argv[count + 1]);
}

static void splits_like_a_shell(void **state)
{
    (void)state;
    check_split("", 0, NULL);
    check_split("  \t ", 0, NULL);
    check_split("one  two ", 2, (const char *const[]){"one", "two"});
    check_split("'a b' \"c d\"e", 2, (const char *const[]){"a b", "c de"});
    check_split("'' x", 2, (const char *const[]){"", "x"});
    check_split("a\\ b \"q\\\"r\\n\" '\\'", 3, (const char *const[]){"a b", "q\"r\\n", "\\"});
    check_split("'unfinished word", 1, (const char *const[]){"unfinished word"});
    check_split("end\\", 1, (const char *const[]){"end\\"});
    check_split("1 2 3 4 5 6 7 8 9", 5, (const char *const[]){"1", "2", "3", "4", "5"});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_runs_across_words),
        cmocka_unit_test(never_reaches_beyond_the_last_item),
        cmocka_unit_test(agrees_with_an_array),
        cmocka_unit_test(splits_like_a_shell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
// Unit tests of the console daemon's log and of its dealings with a ring whose guest means no good.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dom0/console_log.h>
#include <dom0/console_ring.h>

static void log_gives_back_what_came(void **state)
{
    struct console_log log;
    uint64_t position = 0;
    char buffer[8];

    (void)state;
    assert_int_equal(console_log_init(&log), 0);
    assert_int_equal(console_log_read(&log, &position, buffer, sizeof(buffer)), 0);
    console_log_append(&log, "hello world", 11);
    assert_int_equal(console_log_read(&log, &position, buffer, sizeof(buffer)), 8);
    assert_memory_equal(buffer, "hello wo", 8);
    assert_int_equal(console_log_read(&log, &position, buffer, sizeof(buffer)), 3);
    assert_memory_equal(buffer, "rld", 3);
    assert_int_equal(position, 11);
    console_log_free(&log);
}

static void log_keeps_the_newest(void **state)
{
    struct console_log log;
    uint64_t position = 5;
    char *bytes = malloc(CONSOLE_LOG_SIZE);

    (void)state;
    assert_int_equal(console_log_init(&log), 0);
    for (unsigned i = 0; i < 2 * CONSOLE_LOG_SIZE + 100; i++)
        console_log_append(&log, (char[]){(char)(i % 251)}, 1);
    assert_int_equal(console_log_begin(&log), CONSOLE_LOG_SIZE + 100);
    assert_int_equal(console_log_read(&log, &position, bytes, CONSOLE_LOG_SIZE), CONSOLE_LOG_SIZE);
    for (unsigned i = 0; i < CONSOLE_LOG_SIZE; i++)
        assert_int_equal((unsigned char)bytes[i], (CONSOLE_LOG_SIZE + 100 + i) % 251);
    assert_int_equal(console_log_read(&log, &position, bytes, CONSOLE_LOG_SIZE), 0);
    console_log_free(&log);
    free(bytes);
}

static void ring_moves_bytes_across_its_wrap(void **state)
{
    struct xencons_interface *ring = calloc(1, sizeof(*ring));
    char buffer[16];
    bool nonsense;

    (void)state;
    ring->out_cons = ring->out_prod = (XENCONS_RING_IDX)-3;
    ring->in_cons = ring->in_prod = (XENCONS_RING_IDX)-3;
    for (unsigned i = 0; i < 6; i++)
        ring->out[MASK_XENCONS_IDX(ring->out_prod++, ring->out)] = "abcdef"[i];
    assert_int_equal(console_ring_take(ring, buffer, 4, &nonsense), 4);
    assert_int_equal(console_ring_take(ring, buffer + 4, 12, &nonsense), 2);
    assert_memory_equal(buffer, "abcdef", 6);
    assert_false(nonsense);
    assert_int_equal(console_ring_give(ring, "123456", 6, &nonsense), 6);
    assert_int_equal(ring->in[MASK_XENCONS_IDX(2, ring->in)], '6');
    assert_int_equal(ring->in_prod, 3);
    free(ring);
}

static void ring_takes_no_more_than_it_holds(void **state)
{
    struct xencons_interface *ring = calloc(1, sizeof(*ring));
    char bytes[2 * sizeof(ring->in)];
    bool nonsense;

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    assert_int_equal(console_ring_give(ring, bytes, sizeof(bytes), &nonsense), sizeof(ring->in));
    assert_int_equal(console_ring_give(ring, bytes, 1, &nonsense), 0);
    assert_false(nonsense);
    ring->in_cons += 2;
    assert_int_equal(console_ring_give(ring, bytes, 5, &nonsense), 2);
    free(ring);
}

static void nonsense_empties_the_ring(void **state)
{
    static const XENCONS_RING_IDX wrong[] = {2049, 0x7fffffff, 0x80000000, 0xffffffff};
    struct xencons_interface *ring = calloc(1, sizeof(*ring));
    char buffer[4096];
    bool nonsense;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        ring->out_prod = wrong[i];
        ring->out_cons = 0;
        assert_int_equal(console_ring_take(ring, buffer, sizeof(buffer), &nonsense), 0);
        assert_true(nonsense);
        assert_int_equal(ring->out_cons, ring->out_prod);
        ring->in_prod = wrong[i];
        ring->in_cons = 0;
        assert_int_equal(console_ring_give(ring, "ab", 2, &nonsense), 2);
        assert_true(nonsense);
        assert_int_equal(ring->in_prod, ring->in_cons + 2);
    }
    free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_gives_back_what_came),
        cmocka_unit_test(log_keeps_the_newest),
        cmocka_unit_test(ring_moves_bytes_across_its_wrap),
        cmocka_unit_test(ring_takes_no_more_than_it_holds),
        cmocka_unit_test(nonsense_empties_the_ring),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
// Heap and timers against a plain model.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "harness.h"

#include <hv/softirq.h>

#define NODES 300

// The smallest key of the queued nodes, by looking at all of them.
static uint64_t least_key(const struct heap_node *nodes)
{
    uint64_t least = UINT64_MAX;

    for (unsigned i = 0; i < NODES; i++)
        if (nodes[i].queued && nodes[i].key < least)
            least = nodes[i].key;
    return least;
}

static void test_heap_random(void **state)
{
    static struct heap_node nodes[NODES];
    struct heap heap = {NULL};

    (void)state;
    srandom(1);
    for (unsigned step = 0; step < 50000; step++) {
        struct heap_node *node = &nodes[random() % NODES];

        if (node->queued)
            heap_remove(&heap, node);
        else
            heap_insert(&heap, node, random() % 1000);
        assert_int_equal(heap.min ? heap.min->key : UINT64_MAX, least_key(nodes));
    }
    while (heap.min)
        heap_remove(&heap, heap.min);
    assert_int_equal(least_key(nodes), UINT64_MAX);
}

static void insert_twice(void *arg)
{
    struct heap_node *node = arg;
    struct heap heap = {NULL};

    heap_insert(&heap, node, 1);
    heap_insert(&heap, node, 2);
}

static void test_heap_misuse_is_caught(void **state)
{
    struct heap_node node = {0};

    (void)state;
    assert_true(harness_panics(insert_twice, &node));
}

struct probe {
    struct timer timer;
    unsigned fired;
    uint64_t fired_at;
};

static void fire(void *arg)
{
    struct probe *probe = arg;

    probe->fired++;
    probe->fired_at = harness_now;
    assert_false(timer_armed(&probe->timer));
}

static void test_fires_at_its_deadline(void **state)
{
    struct probe probe = {0};
    uint64_t deadline = harness_now + 1000;

    (void)state;
    timer_init(&probe.timer, fire, &probe);
    timer_set(&probe.timer, deadline);
    harness_advance(999);
    assert_int_equal(probe.fired, 0);
    harness_advance(5000);
    assert_int_equal(probe.fired, 1);
    assert_int_equal(probe.fired_at, deadline);
}

static void test_past_deadline_fires_at_next_softirq(void **state)
{
    struct probe probe = {0};

    (void)state;
    timer_init(&probe.timer, fire, &probe);
    timer_set(&probe.timer, harness_now - 10);
    assert_int_equal(probe.fired, 0);
    harness_advance(0);
    assert_int_equal(probe.fired, 1);
}

static void test_hardware_moves_only_for_a_nearer_deadline(void **state)
{
    struct probe near = {0}, far = {0};

    (void)state;
    timer_init(&near.timer, fire, &near);
    timer_init(&far.timer, fire, &far);
    unsigned programs = harness_counts.timer_programs;
    timer_set(&near.timer, harness_now + 100);
    timer_set(&far.timer, harness_now + 200);
    timer_stop(&near.timer);
    timer_set(&near.timer, harness_now + 150);
    assert_int_equal(harness_counts.timer_programs, programs + 1);
    harness_advance(1000);
    assert_int_equal(near.fired, 1);
    assert_int_equal(far.fired, 1);
}

static void test_random_timers(void **state)
{
    static struct probe probes[100];
    static uint64_t deadlines[100]; // 0: stopped

    (void)state;
    srandom(2);
    for (unsigned i = 0; i < 100; i++)
        timer_init(&probes[i].timer, fire, &probes[i]);
    for (unsigned step = 0; step < 20000; step++) {
        unsigned i = random() % 100;

        switch (random() % 3) {
        case 0:
            deadlines[i] = harness_now + 1 + random() % 10000;
            timer_set(&probes[i].timer, deadlines[i]);
            break;
        case 1:
            deadlines[i] = 0;
            timer_stop(&probes[i].timer);
            break;
        default: harness_advance(random() % 500); break;
        }
        for (unsigned j = 0; j < 100; j++) {
            bool due = deadlines[j] && deadlines[j] <= harness_now;

            assert_int_equal(probes[j].fired, due ? 1 : 0);
            if (due)
                assert_int_equal(probes[j].fired_at, deadlines[j]);
            assert_int_equal(timer_armed(&probes[j].timer), deadlines[j] && !due);
            if (due)
                probes[j].fired = deadlines[j] = 0;
        }
    }
    for (unsigned i = 0; i < 100; i++)
        timer_stop(&probes[i].timer);
}

static void rearm(void *arg)
{
    struct probe *probe = arg;

    if (++probe->fired < 5)
        timer_set(&probe->timer, harness_now + 10);
}

static void test_handler_may_rearm(void **state)
{
    struct probe probe = {0};

    (void)state;
    timer_init(&probe.timer, rearm, &probe);
    timer_set(&probe.timer, harness_now + 10);
    harness_advance(45);
    assert_int_equal(probe.fired, 4);
    harness_advance(100);
    assert_int_equal(probe.fired, 5);
}

static void test_preempt_check(void **state)
{
    (void)state;
    assert_false(preempt_check());
    softirq_raise(0, SOFTIRQ_TIMER);
    assert_true(preempt_check());
    softirq_run();
    assert_false(preempt_check());
}

static int setup(void **state)
{
    (void)state;
    harness_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_heap_random, setup),
        cmocka_unit_test_setup(test_heap_misuse_is_caught, setup),
        cmocka_unit_test_setup(test_fires_at_its_deadline, setup),
        cmocka_unit_test_setup(test_past_deadline_fires_at_next_softirq, setup),
        cmocka_unit_test_setup(test_hardware_moves_only_for_a_nearer_deadline, setup),
        cmocka_unit_test_setup(test_random_timers, setup),
        cmocka_unit_test_setup(test_handler_may_rearm, setup),
        cmocka_unit_test_setup(test_preempt_check, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

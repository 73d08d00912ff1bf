// SPDX-License-Identifier: MIT
// The scheduler under simulated time: shares, wake-up latency, pausing, the books it keeps.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "harness.h"

#include <hv/sched.h>
#include <hv/softirq.h>

#define MS 1000000UL

#define MAX_DOMAINS 8
static struct domain *domains[MAX_DOMAINS];
static unsigned nr_domains;

static struct vcpu *new_vcpu(void)
{
    struct domain *d = harness_domain(0, 1, 0);

    domains[nr_domains++] = d;
    return d->vcpus[0];
}

static void assert_share(const struct vcpu *v, uint64_t before, uint64_t expected, uint64_t tolerance)
{
    uint64_t ran = vcpu_run_time(v) - before;

    assert_in_range(ran, expected - tolerance, expected + tolerance);
}

static void test_lone_vcpu_takes_no_ticks(void **state)
{
    struct vcpu *v = new_vcpu();

    (void)state;
    unsigned switches = harness_counts.switches;
    harness_advance(1000 * MS);
    assert_ptr_equal(current_vcpu(), v);
    assert_int_equal(harness_counts.switches, switches);
    assert_int_equal(harness_counts.timer_programs, 0);
    assert_share(v, 0, 1000 * MS, 0);
}

static void test_spinners_share_evenly(void **state)
{
    struct vcpu *v[4];

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        v[i] = new_vcpu();
    harness_advance(2000 * MS);
    for (unsigned i = 0; i < 4; i++)
        assert_share(v[i], 0, 500 * MS, 10 * MS);
}

static void test_newcomer_gets_no_arrears(void **state)
{
    struct vcpu *old = new_vcpu();

    (void)state;
    harness_advance(5000 * MS);
    struct vcpu *fresh = new_vcpu();
    uint64_t before = vcpu_run_time(old);
    harness_advance(200 * MS);
    assert_share(old, before, 100 * MS, 10 * MS);
    assert_share(fresh, 0, 100 * MS, 10 * MS);
}

// Blocks the current vcpu the way HLT does.
static void halt(struct vcpu *v)
{
    assert_ptr_equal(current_vcpu(), v);
    vcpu_block(v);
    softirq_run();
}

static void test_sleeper_preempts_spinner(void **state)
{
    struct vcpu *sleeper = new_vcpu(), *spinner;

    (void)state;
    harness_enter(sleeper);
    halt(sleeper);
    assert_null(current_vcpu());
    spinner = new_vcpu();
    harness_advance(1000 * MS);
    for (unsigned i = 0; i < 100; i++) {
        assert_ptr_equal(current_vcpu(), spinner);
        vcpu_wake(sleeper);
        softirq_run();
        assert_ptr_equal(current_vcpu(), sleeper); // at once
        harness_advance(MS / 10);
        halt(sleeper);
        harness_advance(10 * MS);
    }
}

static void test_sleeper_can_not_hog(void **state)
{
    struct vcpu *sleeper = new_vcpu(), *spinner;

    (void)state;
    halt(sleeper);
    harness_advance(3000 * MS);
    spinner = new_vcpu();
    vcpu_wake(sleeper); // and never sleeps again
    uint64_t before = vcpu_run_time(sleeper);
    harness_advance(100 * MS);
    assert_share(spinner, 0, 50 * MS, 8 * MS);
    assert_share(sleeper, before, 50 * MS, 8 * MS);
}

static void test_wake_latency_among_many_spinners(void **state)
{
    struct vcpu *sleeper = new_vcpu();

    (void)state;
    halt(sleeper);
    for (unsigned i = 0; i < 6; i++)
        new_vcpu();
    harness_advance(100 * MS);
    srandom(3);
    for (unsigned i = 0; i < 200; i++) {
        harness_advance(random() % (20 * MS));
        vcpu_wake(sleeper);
        softirq_run();
        assert_ptr_equal(current_vcpu(), sleeper);
        harness_advance(MS / 20);
        halt(sleeper);
    }
}

static void test_wake_before_block_is_not_lost(void **state)
{
    struct vcpu *v = new_vcpu();

    (void)state;
    v->info->evtchn_upcall_pending = 1;
    vcpu_wake(v);
    vcpu_block(v);
    assert_true(vcpu_runnable(v));
    v->info->evtchn_upcall_pending = 0;
    halt(v);
    assert_false(vcpu_runnable(v));
}

static void test_yield(void **state)
{
    struct vcpu *one = new_vcpu();

    (void)state;
    harness_enter(one);
    vcpu_yield(one);
    assert_int_equal(this_cpu()->softirq_pending, 0); // alone: no work at all
    struct vcpu *two = new_vcpu();
    harness_enter(one);
    vcpu_yield(one);
    softirq_run();
    assert_ptr_equal(current_vcpu(), two);
    vcpu_yield(two);
    softirq_run();
    assert_ptr_equal(current_vcpu(), one);
}

static void test_pause(void **state)
{
    struct vcpu *one = new_vcpu(), *two = new_vcpu();

    (void)state;
    domain_pause(two->domain);
    domain_pause(two->domain);
    uint64_t before = vcpu_run_time(two);
    harness_advance(50 * MS);
    assert_ptr_equal(current_vcpu(), one);
    assert_share(two, before, 0, 0);
    domain_unpause(two->domain);
    assert_false(vcpu_runnable(two));
    domain_unpause(two->domain);
    harness_advance(50 * MS);
    assert_share(two, before, 25 * MS, 6 * MS);
    vcpu_pause(one);
    vcpu_pause(two);
    softirq_run();
    assert_null(current_vcpu());
    assert_false(one->loaded);
    vcpu_unpause(one);
    vcpu_unpause(two);
}

static void test_wake_while_paused_is_remembered(void **state)
{
    struct vcpu *v = new_vcpu();

    (void)state;
    halt(v);
    vcpu_pause(v);
    vcpu_wake(v);
    softirq_run();
    assert_null(current_vcpu());
    vcpu_unpause(v);
    softirq_run();
    assert_ptr_equal(current_vcpu(), v);
}

static void test_toolstack_pauses_count_once(void **state)
{
    struct domain *d = new_vcpu()->domain;

    (void)state;
    assert_int_equal(domain_unpause_by_toolstack(d), -XEN_EINVAL);
    assert_int_equal(domain_pause_by_toolstack(d), 0);
    assert_int_equal(domain_pause_by_toolstack(d), 0);
    assert_int_equal(d->pause_count, 1);
    assert_int_equal(domain_unpause_by_toolstack(d), 0);
    assert_false(vcpu_runnable(d->vcpus[0]));
    assert_int_equal(domain_unpause_by_toolstack(d), 0);
    assert_true(vcpu_runnable(d->vcpus[0]));
}

static uint64_t all_states(const struct vcpu *v)
{
    uint64_t sum = arch_now() - v->runstate.state_entry_time;

    for (unsigned i = 0; i < 4; i++)
        sum += v->runstate.time[i];
    return sum;
}

static void test_runstates_add_up(void **state)
{
    struct vcpu *one = new_vcpu(), *two = new_vcpu();
    uint64_t start = arch_now();

    (void)state;
    harness_advance(20 * MS);
    harness_enter(one);
    halt(one);
    assert_int_equal(one->runstate.state, RUNSTATE_blocked);
    harness_advance(7 * MS);
    assert_int_equal(two->runstate.state, RUNSTATE_running);
    vcpu_pause(one);
    assert_int_equal(one->runstate.state, RUNSTATE_blocked); // as in Xen: it would not run anyway
    vcpu_wake(one);
    assert_int_equal(one->runstate.state, RUNSTATE_offline);
    harness_advance(3 * MS);
    vcpu_unpause(one);
    harness_advance(10 * MS);
    assert_int_equal(all_states(one), arch_now() - start);
    assert_int_equal(one->runstate.time[RUNSTATE_blocked], 7 * MS);
    assert_int_equal(one->runstate.time[RUNSTATE_offline], 3 * MS);
    assert_int_equal(vcpu_run_time(one) + vcpu_run_time(two), 40 * MS);
}

static void test_idle_time(void **state)
{
    struct vcpu *v = new_vcpu();
    uint64_t idle = this_cpu()->idle_ns;

    (void)state;
    halt(v);
    harness_advance(9 * MS);
    vcpu_wake(v);
    harness_advance(4 * MS);
    assert_int_equal(this_cpu()->idle_ns - idle, 9 * MS);
}

// Sharing stays fair and nobody is forgotten whatever vcpus do.
static void test_random_behaviour(void **state)
{
    struct vcpu *v[6];

    (void)state;
    for (unsigned i = 0; i < 6; i++)
        v[i] = new_vcpu();
    srandom(4);
    for (unsigned step = 0; step < 20000; step++) {
        struct vcpu *other = v[random() % 6];

        switch (random() % 6) {
        case 0: harness_advance(random() % (2 * MS)); break;
        case 1:
            if (current_vcpu())
                halt(current_vcpu());
            break;
        case 2: vcpu_wake(other); break;
        case 3: vcpu_pause(other); break;
        case 4:
            if (other->pause_count)
                vcpu_unpause(other);
            break;
        default:
            if (current_vcpu())
                vcpu_yield(current_vcpu());
            break;
        }
        softirq_run();
        for (unsigned i = 0; i < 6; i++) {
            bool current = v[i] == current_vcpu();

            assert_int_equal(v[i]->sched.node.queued, vcpu_runnable(v[i]) && !current);
            assert_int_equal(v[i]->loaded, current);
        }
        for (unsigned i = 0; i < 6; i++)
            assert_true(current_vcpu() || !vcpu_runnable(v[i]));
    }
    uint64_t before[6];
    for (unsigned i = 0; i < 6; i++) {
        while (v[i]->pause_count)
            vcpu_unpause(v[i]);
        vcpu_wake(v[i]);
        before[i] = vcpu_run_time(v[i]);
    }
    harness_advance(6000 * MS);
    for (unsigned i = 0; i < 6; i++)
        assert_share(v[i], before[i], 1000 * MS, 15 * MS);
}

static int setup(void **state)
{
    (void)state;
    harness_init();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    while (nr_domains > 0)
        harness_destroy(domains[--nr_domains]);
    harness_init();
    return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lone_vcpu_takes_no_ticks),
        TEST(test_spinners_share_evenly),
        TEST(test_newcomer_gets_no_arrears),
        TEST(test_sleeper_preempts_spinner),
        TEST(test_sleeper_can_not_hog),
        TEST(test_wake_latency_among_many_spinners),
        TEST(test_wake_before_block_is_not_lost),
        TEST(test_yield),
        TEST(test_pause),
        TEST(test_wake_while_paused_is_remembered),
        TEST(test_toolstack_pauses_count_once),
        TEST(test_runstates_add_up),
        TEST(test_idle_time),
        TEST(test_random_behaviour),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

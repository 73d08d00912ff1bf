// SPDX-License-Identifier: MIT
// The lock checker of DEBUG=1 builds: each kind of mistake panics and names the locks.
#define HV_DEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"

#include <hv/lock.h>
#include <hv/softirq.h>

static struct spinlock domain = SPINLOCK(LOCK_DOMAIN), p2m = SPINLOCK(LOCK_P2M);
static struct spinlock events[2] = {SPINLOCK(LOCK_EVTCHN), SPINLOCK(LOCK_EVTCHN)};

static void take(void *lock)
{
    spin_lock(lock);
}

static void release(void *lock)
{
    spin_unlock(lock);
}

static void assert_panics(void (*fn)(void *), struct spinlock *lock, const char *message)
{
    assert_true(harness_panics(fn, lock));
    assert_non_null(strstr(harness_panic_message, message));
}

static void test_ascending_ranks(void **state)
{
    (void)state;
    spin_lock(&domain);
    spin_lock(&p2m);
    spin_lock(&events[0]);
    spin_unlock(&p2m); // in any order
    spin_unlock(&events[0]);
    spin_unlock(&domain);
    spin_lock(&domain);
    spin_unlock(&domain);
}

static void test_descending_ranks(void **state)
{
    (void)state;
    spin_lock(&p2m);
    assert_panics(take, &domain, "domain lock");
    assert_panics(take, &domain, "while p2m lock");
    assert_panics(take, &p2m, "taken twice");
    spin_unlock(&p2m);
}

static void test_pairs(void **state)
{
    (void)state;
    spin_lock_pair(&events[1], &events[0]);
    spin_unlock_pair(&events[1], &events[0]);
    spin_lock_pair(&events[0], &events[0]);
    spin_unlock_pair(&events[0], &events[0]);
    spin_lock(&events[0]);
    assert_panics(take, &events[1], "event channels lock");
    spin_unlock(&events[0]);
}

static void test_release_of_what_is_not_held(void **state)
{
    (void)state;
    assert_panics(release, &domain, "does not hold it");
}

static void let_interrupts_in(void *unused)
{
    (void)unused;
    preempt_check();
}

static void test_no_lock_where_interrupts_come_in(void **state)
{
    (void)state;
    let_interrupts_in(NULL);
    spin_lock(&p2m);
    assert_panics(let_interrupts_in, NULL, "p2m lock");
    spin_unlock(&p2m);
    let_interrupts_in(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ascending_ranks),
        cmocka_unit_test(test_descending_ranks),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_release_of_what_is_not_held),
        cmocka_unit_test(test_no_lock_where_interrupts_come_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

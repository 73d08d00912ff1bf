// SPDX-License-Identifier: MIT
// Domains: ids, references, pausing, shutting down, crashing, and being destroyed with nothing left behind.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"

#include <hv/softirq.h>

static const struct domain_config plain = {
    .max_vcpus = 1, .max_evtchn_port = 1023, .max_grant_frames = -1, .max_maptrack_frames = -1};

static struct domain *create(domid_t id)
{
    struct domain *d;

    assert_int_equal(domain_create(id, &plain, &d), 0);
    return d;
}

static void test_ids(void **state)
{
    struct domain *d, *other, *again;

    (void)state;
    d = create(DOMID_INVALID);
    other = create(5000);
    assert_int_equal(other->id, 5000);
    assert_int_equal(domain_create(5000, &plain, &again), -XEN_EEXIST);
    assert_int_equal(domain_create(DOMID_FIRST_RESERVED, &plain, &again), -XEN_EINVAL);
    domid_t first = d->id;
    harness_destroy(d);
    again = create(DOMID_INVALID);
    assert_int_not_equal(again->id, first); // not soon again
    harness_destroy(other);
    harness_destroy(again);
}

static void test_id_0_only_when_asked_for(void **state)
{
    struct domain *zero = create(0), *d;

    (void)state;
    assert_int_equal(zero->id, 0);
    d = create(DOMID_INVALID);
    assert_int_not_equal(d->id, 0);
    harness_destroy(zero);
    harness_destroy(d);
}

static void test_list_is_in_order_of_ids(void **state)
{
    static const domid_t ids[] = {900, 20, 3000, 21, 600};
    struct domain *made[5], *d;
    domid_t at = 0;
    unsigned count = 0;

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        made[i] = create(ids[i]);
    while ((d = domain_next(at)) != NULL) {
        assert_true(d->id >= at);
        at = d->id + 1;
        count++;
        domain_put(d);
    }
    assert_int_equal(count, 5);
    for (unsigned i = 0; i < 5; i++)
        harness_destroy(made[i]);
}

static void test_lookup_and_references(void **state)
{
    struct domain *d = create(42);

    (void)state;
    assert_null(domain_lookup(43));
    assert_null(domain_lookup(DOMID_XEN));
    assert_ptr_equal(domain_lookup(42), d);
    assert_int_equal(d->refs, 2);
    assert_int_equal(domain_destroy(d), 0);
    assert_null(domain_lookup(42)); // not alive
    struct domain *dead = domain_lookup_dying_too(42);
    assert_ptr_equal(dead, d);
    assert_int_equal(dead->state, DOMAIN_DEAD);
    assert_null(domain_vcpu(dead, 0));
    domain_put(dead);
    softirq_run();
    assert_ptr_equal(domain_lookup_dying_too(42), d); // our first reference
    domain_put(d);
    domain_put(d);
    // The last reference is gone, though the struct is still there: it can't be revived.
    assert_null(domain_lookup_dying_too(42));
    assert_null(domain_next(0));
    softirq_run();
    assert_int_equal(domain_create(42, &plain, &d), 0);
    harness_destroy(d);
}

static void test_pages_of_others_mappings_outlive_it(void **state)
{
    struct domain *d = harness_domain(0, 1, 4);
    struct p2m_entry entry = p2m_lookup(d, GFN(2));
    domid_t id = d->id;

    (void)state;
    assert_true(page_get(entry.mfn)); // as a foreign mapping does
    harness_destroy(d);
    d = domain_lookup_dying_too(id);
    assert_non_null(d);
    assert_int_equal(d->state, DOMAIN_DEAD);
    assert_int_equal(d->tot_pages, 1);
    domain_put(d);
    page_put(entry.mfn);
    softirq_run();
    assert_null(domain_lookup_dying_too(id));
}

// The domain that gets VIRQ_DOM_EXC.
static struct domain *control;
static uint32_t dom_exc;

static void make_control(void)
{
    control = harness_domain(PRIV_CONTROL, 1, 0);
    assert_int_equal(evtchn_bind_virq(control, VIRQ_DOM_EXC, 0, &dom_exc), 0);
}

static bool take_dom_exc(void)
{
    uint64_t bit = 1UL << dom_exc, *word = (uint64_t *)&control->shared_info->evtchn_pending[0];
    bool pending = *word & bit;

    *word &= ~bit;
    return pending;
}

static void test_shutdown(void **state)
{
    struct domain *d = harness_domain(0, 2, 0);

    (void)state;
    make_control();
    domain_shutdown(d, SHUTDOWN_reboot);
    assert_true(take_dom_exc());
    assert_true(d->shutting_down);
    assert_int_equal(d->shutdown_code, SHUTDOWN_reboot);
    assert_false(vcpu_runnable(d->vcpus[0]));
    assert_false(vcpu_runnable(d->vcpus[1]));
    domain_shutdown(d, SHUTDOWN_crash);
    assert_int_equal(d->shutdown_code, SHUTDOWN_reboot); // the first one counts
    assert_false(take_dom_exc());
    assert_int_equal(domain_resume(d), 0);
    assert_true(vcpu_runnable(d->vcpus[0]));
    domain_shutdown(d, SHUTDOWN_poweroff);
    assert_true(take_dom_exc());
    harness_destroy(d);
    assert_true(take_dom_exc()); // gone for good
    harness_destroy(control);
}

static void test_last_vcpu_down_powers_off(void **state)
{
    struct domain *d = harness_domain(0, 2, 0);

    (void)state;
    vcpu_down(d->vcpus[0]);
    assert_false(d->shutting_down);
    vcpu_down(d->vcpus[1]);
    assert_true(d->shutting_down);
    assert_int_equal(d->shutdown_code, SHUTDOWN_poweroff);
    harness_destroy(d);
}

static void test_crash_has_a_record(void **state)
{
    struct domain *d = harness_domain(0, 1, 0);

    (void)state;
    harness_console_clear();
    domain_crash(d->vcpus[0], "triple fault at 0x%lx", 0x1234UL);
    assert_true(d->shutting_down);
    assert_int_equal(d->shutdown_code, SHUTDOWN_crash);
    assert_string_equal(d->death_reason, "triple fault at 0x1234");
    assert_non_null(strstr(harness_console, "triple fault at 0x1234"));
    assert_non_null(strstr(harness_console, "registers of"));
    domain_crash(d->vcpus[0], "something else");
    assert_string_equal(d->death_reason, "triple fault at 0x1234");
    harness_destroy(d);
}

static void shut_down_as(void *arg)
{
    domain_shutdown(hardware_domain, *(uint8_t *)arg);
}

static void crash_hardware_domain(void *arg)
{
    (void)arg;
    domain_crash(hardware_domain->vcpus[0], "no good reason");
}

static void test_hardware_domain_takes_the_machine_along(void **state)
{
    struct domain *d = harness_domain(PRIV_CONTROL | PRIV_HARDWARE, 1, 0);
    uint8_t code = SHUTDOWN_poweroff;

    (void)state;
    assert_true(harness_panics(shut_down_as, &code));
    assert_int_equal(harness_counts.poweroffs, 1);
    code = SHUTDOWN_reboot;
    assert_true(harness_panics(shut_down_as, &code));
    assert_int_equal(harness_counts.resets, 1);
    assert_true(harness_panics(crash_hardware_domain, NULL));
    assert_non_null(strstr(harness_panic_message, "PANIC: "));
    assert_non_null(strstr(harness_panic_message, "no good reason"));
    harness_destroy(d);
}

static void test_creation_fails_cleanly(void **state)
{
    mfn_t taken[65536];
    unsigned count = 0;

    (void)state;
    // Whatever step runs out of memory, nothing is left behind; one page more is given back for each try.
    for (mfn_t mfn; mfn_valid(mfn = page_alloc(0, 0));)
        taken[count++] = mfn;
    for (int rc = -XEN_ENOMEM; rc;) {
        uint64_t free = page_free_count();
        struct domain *d;

        rc = domain_create(DOMID_INVALID, &plain, &d);
        if (rc == 0)
            rc = vcpu_create(d, 0), harness_destroy(d);
        softirq_run();
        assert_int_equal(page_free_count(), free);
        assert_true(rc == 0 || rc == -XEN_ENOMEM);
        if (rc)
            page_free(taken[--count], 0);
    }
    while (count > 0)
        page_free(taken[--count], 0);
}

static void test_vcpu_ids(void **state)
{
    struct domain *d = create(DOMID_INVALID);

    (void)state;
    assert_int_equal(vcpu_create(d, 1), -XEN_EINVAL);
    assert_int_equal(vcpu_create(d, 0), 0);
    assert_int_equal(vcpu_create(d, 0), -XEN_EEXIST);
    assert_null(domain_vcpu(d, 1));
    assert_null(domain_vcpu(d, UINT32_MAX));
    harness_destroy(d);
}

static void test_wall_clock(void **state)
{
    struct domain *d = create(DOMID_INVALID);
    const struct shared_info *s = d->shared_info;

    (void)state;
    assert_int_equal(s->wc_version & 1, 0);
    assert_int_equal(s->wc_sec, 1700000000);
    assert_int_equal(s->wc_nsec, 123456789);
    d->wallclock_offset_s = -3600;
    domain_update_wallclock(d);
    assert_int_equal(s->wc_sec, 1700000000 - 3600);
    assert_int_equal(s->wc_sec_hi, 0);
    harness_destroy(d);
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
    harness_init();
    return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ids),
        TEST(test_id_0_only_when_asked_for),
        TEST(test_list_is_in_order_of_ids),
        TEST(test_lookup_and_references),
        TEST(test_pages_of_others_mappings_outlive_it),
        TEST(test_shutdown),
        TEST(test_last_vcpu_down_powers_off),
        TEST(test_crash_has_a_record),
        TEST(test_hardware_domain_takes_the_machine_along),
        TEST(test_creation_fails_cleanly),
        TEST(test_vcpu_ids),
        TEST(test_wall_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
// Event channels: every operation, its errors, exhaustion, the life of an interdomain channel, SCHEDOP_poll.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"

#include <hv/irq.h>
#include <hv/sched.h>
#include <hv/softirq.h>

static struct domain *a, *b; // a holds all privileges, b none

static bool bit(const xen_ulong_t *bits, uint32_t nr)
{
    return bits[nr / 64] >> (nr % 64) & 1;
}

static bool pending(struct domain *d, uint32_t port)
{
    return bit(d->shared_info->evtchn_pending, port);
}

static struct evtchn_status status_of(struct domain *d, uint32_t port)
{
    struct evtchn_status status = {.port = port};

    assert_int_equal(evtchn_status(d, &status), 0);
    return status;
}

// Connects a new port of a with a new port of b.
static void connect(uint32_t *port_a, uint32_t *port_b)
{
    assert_int_equal(evtchn_alloc_unbound(a, b->id, port_a), 0);
    assert_int_equal(evtchn_bind_interdomain(b, a, *port_a, port_b), 0);
}

static void test_alloc_unbound(void **state)
{
    uint32_t first, second;

    (void)state;
    assert_int_equal(evtchn_alloc_unbound(a, b->id, &first), 0);
    assert_int_equal(evtchn_alloc_unbound(a, b->id, &second), 0);
    assert_int_equal(first, 1);
    assert_int_equal(second, 2);
    struct evtchn_status status = status_of(a, first);
    assert_int_equal(status.status, EVTCHNSTAT_unbound);
    assert_int_equal(status.u.unbound.dom, b->id);
    assert_int_equal(evtchn_send(a, first), 0);
    assert_false(pending(a, first));
}

static void test_port_0_and_unknown_ports(void **state)
{
    static const uint32_t bad[] = {0, 5, EVTCHN_2L_PORTS - 1, EVTCHN_2L_PORTS, UINT32_MAX};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        struct evtchn_status status = {.port = bad[i]};
        uint32_t port;

        assert_int_equal(evtchn_close(a, bad[i]), -XEN_EINVAL);
        assert_int_equal(evtchn_send(a, bad[i]), -XEN_EINVAL);
        assert_int_equal(evtchn_unmask(a, bad[i]), -XEN_EINVAL);
        assert_int_equal(evtchn_bind_vcpu(a, bad[i], 0), -XEN_EINVAL);
        assert_int_equal(evtchn_status(a, &status), -XEN_EINVAL);
        assert_int_equal(evtchn_pending(a, bad[i]), -XEN_EINVAL);
        assert_int_equal(evtchn_bind_interdomain(b, a, bad[i], &port), -XEN_EINVAL);
    }
}

static void test_interdomain(void **state)
{
    uint32_t port_a, port_b;

    (void)state;
    connect(&port_a, &port_b);
    // The end that binds is raised once: the other may have sent while nobody listened.
    assert_true(pending(b, port_b));
    assert_true(harness_take_upcall(b->vcpus[0]));
    b->shared_info->evtchn_pending[0] = 0;

    assert_int_equal(evtchn_send(b, port_b), 0);
    assert_true(pending(a, port_a));
    assert_true(bit(&a->vcpus[0]->info->evtchn_pending_sel, port_a / 64));
    assert_true(vcpu_event_pending(a->vcpus[0]));
    assert_int_equal(evtchn_send(a, port_a), 0);
    assert_true(pending(b, port_b));

    struct evtchn_status status = status_of(b, port_b);
    assert_int_equal(status.status, EVTCHNSTAT_interdomain);
    assert_int_equal(status.u.interdomain.dom, a->id);
    assert_int_equal(status.u.interdomain.port, port_a);
}

static void test_bind_interdomain_refuses(void **state)
{
    uint32_t for_a, for_b, port;

    (void)state;
    assert_int_equal(evtchn_alloc_unbound(a, a->id, &for_a), 0);
    assert_int_equal(evtchn_alloc_unbound(a, b->id, &for_b), 0);
    assert_int_equal(evtchn_bind_interdomain(b, a, for_a, &port), -XEN_EINVAL);
    assert_int_equal(evtchn_bind_interdomain(b, a, for_b, &port), 0);
    assert_int_equal(evtchn_bind_interdomain(b, a, for_b, &port), -XEN_EINVAL); // bound already
}

static void test_loopback(void **state)
{
    uint32_t one, two;

    (void)state;
    assert_int_equal(evtchn_alloc_unbound(a, a->id, &one), 0);
    assert_int_equal(evtchn_bind_interdomain(a, a, one, &two), 0);
    assert_int_equal(evtchn_send(a, two), 0);
    assert_true(pending(a, one));
    assert_int_equal(evtchn_close(a, one), 0);
    assert_int_equal(status_of(a, two).status, EVTCHNSTAT_unbound);
    assert_int_equal(evtchn_close(a, two), 0);
    assert_int_equal(a->refs, 3); // its existence, its pages, setup()
}

static void test_close_leaves_peer_unbound(void **state)
{
    uint32_t port_a, port_b, again;

    (void)state;
    connect(&port_a, &port_b);
    assert_int_equal(evtchn_close(b, port_b), 0);
    assert_int_equal(status_of(b, port_b).status, EVTCHNSTAT_closed);
    struct evtchn_status status = status_of(a, port_a);
    assert_int_equal(status.status, EVTCHNSTAT_unbound);
    assert_int_equal(status.u.unbound.dom, b->id);
    assert_int_equal(evtchn_send(a, port_a), 0); // lost, as in Xen
    assert_int_equal(evtchn_close(b, port_b), -XEN_EINVAL);
    assert_int_equal(evtchn_bind_interdomain(b, a, port_a, &again), 0);
    assert_int_equal(evtchn_send(a, port_a), 0);
    assert_true(pending(b, again));
}

static void test_closed_port_is_reused_clean(void **state)
{
    uint32_t port, again;

    (void)state;
    assert_int_equal(evtchn_bind_ipi(b, 0, &port), 0);
    assert_int_equal(evtchn_send(b, port), 0);
    assert_true(pending(b, port));
    assert_int_equal(evtchn_close(b, port), 0);
    assert_false(pending(b, port));
    assert_int_equal(evtchn_alloc_unbound(b, a->id, &again), 0);
    assert_int_equal(again, port);
}

static void test_exhaustion(void **state)
{
    uint32_t port;

    (void)state;
    for (uint32_t i = 1; i < EVTCHN_2L_PORTS; i++) {
        assert_int_equal(evtchn_alloc_unbound(b, a->id, &port), 0);
        assert_int_equal(port, i);
    }
    assert_int_equal(evtchn_alloc_unbound(b, a->id, &port), -XEN_ENOSPC);
    assert_int_equal(evtchn_bind_ipi(b, 0, &port), -XEN_ENOSPC);
    assert_int_equal(evtchn_close(b, 1234), 0);
    assert_int_equal(evtchn_bind_ipi(b, 0, &port), 0);
    assert_int_equal(port, 1234);
    evtchn_reset(b);
    assert_int_equal(status_of(b, 4000).status, EVTCHNSTAT_closed);
    assert_int_equal(evtchn_alloc_unbound(b, a->id, &port), 0);
}

static void test_limit_of_createdomain(void **state)
{
    uint32_t port;

    (void)state;
    b->evtchn.max_port = 2;
    assert_int_equal(evtchn_alloc_unbound(b, a->id, &port), 0);
    assert_int_equal(evtchn_alloc_unbound(b, a->id, &port), 0);
    assert_int_equal(evtchn_alloc_unbound(b, a->id, &port), -XEN_ENOSPC);
}

static void test_virq_per_vcpu(void **state)
{
    uint32_t port, other;

    (void)state;
    assert_int_equal(evtchn_bind_virq(b, VIRQ_TIMER, 1, &port), 0);
    assert_int_equal(evtchn_bind_virq(b, VIRQ_TIMER, 1, &other), -XEN_EEXIST);
    assert_int_equal(evtchn_bind_virq(b, VIRQ_TIMER, 0, &other), 0);
    assert_int_equal(evtchn_bind_virq(b, VIRQ_TIMER, 2, &other), -XEN_ENOENT);
    assert_int_equal(evtchn_bind_virq(b, NR_VIRQS, 0, &other), -XEN_EINVAL);
    evtchn_send_virq(b->vcpus[1], VIRQ_TIMER);
    assert_true(pending(b, port));
    assert_true(vcpu_event_pending(b->vcpus[1]));
    assert_false(vcpu_event_pending(b->vcpus[0]));
    assert_int_equal(evtchn_bind_vcpu(b, port, 0), -XEN_EINVAL); // per-vcpu ones don't move
    assert_int_equal(evtchn_send(b, port), -XEN_EINVAL);         // nor can they be sent
    assert_int_equal(evtchn_close(b, port), 0);
    evtchn_send_virq(b->vcpus[1], VIRQ_TIMER);
    assert_false(pending(b, port));
    assert_int_equal(evtchn_bind_virq(b, VIRQ_TIMER, 1, &port), 0);
}

static void test_virq_global(void **state)
{
    uint32_t port;

    (void)state;
    assert_int_equal(evtchn_bind_virq(b, VIRQ_DOM_EXC, 0, &port), -XEN_EPERM);
    assert_int_equal(evtchn_bind_virq(a, VIRQ_DOM_EXC, 1, &port), -XEN_EINVAL);
    assert_int_equal(evtchn_bind_virq(a, VIRQ_DOM_EXC, 0, &port), 0);
    assert_int_equal(evtchn_bind_vcpu(a, port, 1), 0);
    evtchn_send_global_virq(VIRQ_DOM_EXC);
    assert_true(pending(a, port));
    assert_true(vcpu_event_pending(a->vcpus[1]));
    // Closing finds the vcpu it was bound on, not the one it is delivered to.
    assert_int_equal(evtchn_close(a, port), 0);
    assert_int_equal(evtchn_bind_virq(a, VIRQ_DOM_EXC, 0, &port), 0);
}

static void test_ipi_and_bind_vcpu(void **state)
{
    uint32_t ipi, port_a, port_b;

    (void)state;
    assert_int_equal(evtchn_bind_ipi(b, 7, &ipi), -XEN_ENOENT);
    assert_int_equal(evtchn_bind_ipi(b, 1, &ipi), 0);
    assert_int_equal(evtchn_send(b, ipi), 0);
    assert_true(vcpu_event_pending(b->vcpus[1]));
    assert_int_equal(evtchn_bind_vcpu(b, ipi, 0), -XEN_EINVAL);
    connect(&port_a, &port_b);
    assert_int_equal(evtchn_bind_vcpu(a, port_a, 2), -XEN_ENOENT);
    assert_int_equal(evtchn_bind_vcpu(a, port_a, 1), 0);
    assert_int_equal(evtchn_send(b, port_b), 0);
    assert_true(vcpu_event_pending(a->vcpus[1]));
    assert_int_equal(status_of(a, port_a).vcpu, 1);
}

static void test_mask_and_unmask(void **state)
{
    struct vcpu *v = b->vcpus[0];
    uint32_t port;

    (void)state;
    assert_int_equal(evtchn_bind_ipi(b, 0, &port), 0);
    b->shared_info->evtchn_mask[port / 64] |= 1UL << (port % 64);
    assert_int_equal(evtchn_send(b, port), 0);
    assert_true(pending(b, port));
    assert_false(vcpu_event_pending(v));
    assert_int_equal(evtchn_unmask(b, port), 0);
    assert_true(vcpu_event_pending(v));
    assert_true(bit(&v->info->evtchn_pending_sel, port / 64));
    assert_false(bit(b->shared_info->evtchn_mask, port));
}

static void test_one_upcall_for_many_events(void **state)
{
    uint32_t first, second;

    (void)state;
    assert_int_equal(evtchn_bind_ipi(b, 0, &first), 0);
    assert_int_equal(evtchn_bind_ipi(b, 0, &second), 0);
    unsigned kicks = harness_counts.vcpu_kicks;
    evtchn_send(b, first);
    evtchn_send(b, first);
    evtchn_send(b, second);
    assert_int_equal(harness_counts.vcpu_kicks, kicks + 1);
}

static void test_pirq(void **state)
{
    uint32_t port, other;

    (void)state;
    assert_int_equal(pirq_map_gsi(a, 4), -XEN_EINVAL); // the harness keeps GSI 4
    assert_int_equal(pirq_map_gsi(a, 1000), -XEN_EINVAL);
    assert_int_equal(evtchn_bind_pirq(a, 1, &port), -XEN_EINVAL); // not mapped
    harness_gsi_masked[1] = true;
    assert_int_equal(pirq_map_gsi(a, 1), 1);
    assert_int_equal(pirq_map_gsi(b, 1), -XEN_EBUSY);
    assert_int_equal(evtchn_bind_pirq(b, 1, &port), -XEN_EINVAL);
    assert_int_equal(evtchn_bind_pirq(a, 1, &port), 0);
    assert_int_equal(evtchn_bind_pirq(a, 1, &other), -XEN_EEXIST);
    assert_false(harness_gsi_masked[1]);
    irq_deliver(1);
    irq_deliver(2);
    irq_deliver(100000);
    assert_true(pending(a, port));
    assert_int_equal(pirq_unmap(a, 1), -XEN_EBUSY);
    assert_int_equal(evtchn_close(a, port), 0);
    assert_true(harness_gsi_masked[1]);
    irq_deliver(1);
    assert_false(pending(a, port));
    assert_int_equal(pirq_unmap(b, 1), -XEN_EINVAL);
    assert_int_equal(pirq_unmap(a, 1), 0);
}

static void test_dying_peer(void **state)
{
    struct domain *c = harness_domain(0, 1, 1);
    uint32_t port_a, port_c, port;

    (void)state;
    assert_int_equal(evtchn_alloc_unbound(a, c->id, &port_a), 0);
    assert_int_equal(evtchn_bind_interdomain(c, a, port_a, &port_c), 0);
    domid_t id = c->id;
    domain_get(c);
    domain_get(c);
    while (domain_destroy(c) == -XEN_ERESTART)
        softirq_run();
    assert_int_equal(status_of(a, port_a).status, EVTCHNSTAT_unbound);
    assert_int_equal(evtchn_send(a, port_a), 0);
    assert_int_equal(evtchn_alloc_unbound(c, a->id, &port), -XEN_EINVAL);
    assert_int_equal(evtchn_bind_interdomain(a, c, port_c, &port), -XEN_EINVAL);
    domain_put(c);
    domain_put(c);
    softirq_run();
    assert_null(domain_lookup_dying_too(id));
}

// --- SCHEDOP_poll, through the hypercall ---

#define ARGS  0x100
#define PORTS 0x200

static long poll(struct vcpu *v, const uint32_t *ports, unsigned count, uint64_t timeout)
{
    struct sched_poll *op = harness_memory(v->domain, ARGS);

    *op = (struct sched_poll){.nr_ports = count, .timeout = timeout};
    op->ports.p = (evtchn_port_t *)PORTS;
    memcpy(harness_memory(v->domain, PORTS), ports, count * sizeof(ports[0]));
    return harness_hypercall(v, __HYPERVISOR_sched_op, SCHEDOP_poll, ARGS, 0);
}

static void mask_all(struct domain *d)
{
    memset(d->shared_info->evtchn_mask, 0xff, sizeof(d->shared_info->evtchn_mask));
}

static void test_poll(void **state)
{
    struct vcpu *v = b->vcpus[0];
    uint32_t ports[2];

    (void)state;
    mask_all(b);
    assert_int_equal(evtchn_bind_ipi(b, 0, &ports[0]), 0);
    assert_int_equal(evtchn_bind_ipi(b, 1, &ports[1]), 0);

    // One port: only that one wakes, whichever vcpu it notifies.
    assert_int_equal(poll(v, &ports[1], 1, 0), 0);
    softirq_run();
    assert_false(vcpu_runnable(v));
    evtchn_send(b, ports[0]);
    assert_false(vcpu_runnable(v));
    evtchn_send(b, ports[1]);
    assert_true(vcpu_runnable(v));
    assert_int_equal(b->evtchn.pollers, 0);

    // Pending already: returns at once.
    assert_int_equal(poll(v, ports, 2, 0), 0);
    assert_true(vcpu_runnable(v));

    // Several ports: any of them.
    memset(b->shared_info->evtchn_pending, 0, sizeof(b->shared_info->evtchn_pending));
    assert_int_equal(poll(v, ports, 2, 0), 0);
    assert_false(vcpu_runnable(v));
    evtchn_send(b, ports[0]);
    assert_true(vcpu_runnable(v));
}

static void test_poll_errors(void **state)
{
    static const uint32_t ports[2] = {1, 99};
    static uint32_t many[129];
    uint32_t port;

    (void)state;
    mask_all(b);
    assert_int_equal(evtchn_bind_ipi(b, 0, &port), 0);
    assert_int_equal(poll(b->vcpus[0], ports, 2, 0), -XEN_EINVAL);
    assert_int_equal(poll(b->vcpus[0], many, 129, 0), -XEN_EINVAL);
    assert_int_equal(harness_hypercall(b->vcpus[0], __HYPERVISOR_sched_op, SCHEDOP_poll, ~0UL, 0),
                     -XEN_EFAULT);
    assert_true(vcpu_runnable(b->vcpus[0]));
}

static void test_poll_timeout(void **state)
{
    struct vcpu *v = b->vcpus[0];
    uint32_t port;

    (void)state;
    mask_all(b);
    assert_int_equal(evtchn_bind_ipi(b, 0, &port), 0);
    assert_int_equal(poll(v, &port, 1, harness_now + 1000), 0);
    harness_advance(900);
    assert_false(vcpu_runnable(v));
    harness_advance(200);
    assert_true(vcpu_runnable(v));
    // Woken early: the timer of that poll does not end the next one.
    assert_int_equal(poll(v, &port, 1, harness_now + 1000), 0);
    evtchn_send(b, port);
    assert_true(vcpu_runnable(v));
    b->shared_info->evtchn_pending[0] = 0;
    assert_int_equal(poll(v, &port, 1, 0), 0);
    harness_advance(5000);
    assert_false(vcpu_runnable(v));
}

static void test_interrupt_ends_poll(void **state)
{
    struct vcpu *v = b->vcpus[0];
    uint32_t polled, other;

    (void)state;
    assert_int_equal(evtchn_bind_ipi(b, 0, &polled), 0);
    assert_int_equal(evtchn_bind_ipi(b, 0, &other), 0);
    assert_int_equal(poll(v, &polled, 1, 0), 0);
    assert_false(vcpu_runnable(v));
    evtchn_send(b, other); // not masked: an upcall
    assert_true(vcpu_runnable(v));
    // With an upcall pending there is no sleep.
    assert_int_equal(poll(v, &polled, 1, 0), 0);
    assert_true(vcpu_runnable(v));
}

static int setup(void **state)
{
    (void)state;
    harness_init();
    a = harness_domain(PRIV_CONTROL | PRIV_HARDWARE, 2, 1);
    b = harness_domain(0, 2, 1);
    domain_get(a);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    domain_put(a);
    harness_destroy(b);
    harness_destroy(a);
    harness_init(); // complains about what is left
    return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_alloc_unbound),
        TEST(test_port_0_and_unknown_ports),
        TEST(test_interdomain),
        TEST(test_bind_interdomain_refuses),
        TEST(test_loopback),
        TEST(test_close_leaves_peer_unbound),
        TEST(test_closed_port_is_reused_clean),
        TEST(test_exhaustion),
        TEST(test_limit_of_createdomain),
        TEST(test_virq_per_vcpu),
        TEST(test_virq_global),
        TEST(test_ipi_and_bind_vcpu),
        TEST(test_mask_and_unmask),
        TEST(test_one_upcall_for_many_events),
        TEST(test_pirq),
        TEST(test_dying_peer),
        TEST(test_poll),
        TEST(test_poll_errors),
        TEST(test_poll_timeout),
        TEST(test_interrupt_ends_poll),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

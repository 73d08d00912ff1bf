// SPDX-License-Identifier: MIT
//
// Event channels within one domain: loopback, IPIs, VIRQs, masks, closing, wrong arguments, every port there
// is.

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <guest/cpu.h>
#include <guest/event.h>
#include <guest/hypercall.h>
#include <guest/thread.h>
#include <guest/time.h>
#include "../test.h"

#define PORTS 4096 // of the 2-level ABI

static unsigned counts[PORTS];

static void count(evtchn_port_t port, void *arg)
{
    (void)arg;
    counts[port]++;
}

static int status_of(evtchn_port_t port)
{
    struct evtchn_status status = {.dom = DOMID_SELF, .port = port};
    long rc = HYPERVISOR_event_channel_op(EVTCHNOP_status, &status);
    return rc ? (int)rc : (int)status.status;
}

static void test_loopback(void)
{
    int unbound = event_alloc_unbound(DOMID_SELF, count, NULL);
    CHECK(unbound > 0);
    CHECK_EQUAL(status_of((evtchn_port_t)unbound), EVTCHNSTAT_unbound);
    int bound = event_bind_interdomain(DOMID_SELF, (evtchn_port_t)unbound, count, NULL);
    CHECK(bound > 0 && bound != unbound);
    CHECK_EQUAL(status_of((evtchn_port_t)bound), EVTCHNSTAT_interdomain);
    CHECK(event_bind_interdomain(DOMID_SELF, (evtchn_port_t)unbound, count, NULL) < 0); // taken
    thread_yield(); // binding may raise an event
    memset(counts, 0, sizeof(counts));
    CHECK_EQUAL(event_send((evtchn_port_t)bound), 0);
    thread_yield();
    CHECK_EQUAL(counts[unbound], 1);
    CHECK_EQUAL(counts[bound], 0);
    event_send((evtchn_port_t)unbound);
    event_send((evtchn_port_t)unbound); // two events before anyone looks are one
    thread_yield();
    CHECK_EQUAL(counts[bound], 1);
    CHECK_EQUAL(event_close((evtchn_port_t)bound), 0);
    CHECK_EQUAL(status_of((evtchn_port_t)unbound), EVTCHNSTAT_unbound); // the other end is free again
    CHECK_EQUAL(event_send((evtchn_port_t)unbound), 0);                 // into the void
    CHECK_EQUAL(event_close((evtchn_port_t)unbound), 0);
    CHECK_EQUAL(status_of((evtchn_port_t)unbound), EVTCHNSTAT_closed);
}

static void test_masks(void)
{
    int port = event_bind_ipi(count, NULL);
    CHECK(port > 0);
    counts[port] = 0;
    event_mask((evtchn_port_t)port);
    event_send((evtchn_port_t)port);
    thread_yield();
    CHECK_EQUAL(counts[port], 0);
    CHECK(event_is_pending((evtchn_port_t)port));
    event_unmask((evtchn_port_t)port);
    thread_yield();
    CHECK_EQUAL(counts[port], 1);

    // The same through Xen: unmasking a pending port delivers it.
    struct evtchn_unmask op = {.port = (evtchn_port_t)port};
    event_mask((evtchn_port_t)port);
    event_send((evtchn_port_t)port);
    CHECK_EQUAL(HYPERVISOR_event_channel_op(EVTCHNOP_unmask, &op), 0);
    thread_yield();
    CHECK_EQUAL(counts[port], 2);
    CHECK(!event_is_masked((evtchn_port_t)port));
    event_close((evtchn_port_t)port);
}

static void test_virq(void)
{
    int debug = event_bind_virq(VIRQ_DEBUG, count, NULL);
    CHECK(debug > 0);
    CHECK_EQUAL(status_of((evtchn_port_t)debug), EVTCHNSTAT_virq);
    CHECK(event_bind_virq(VIRQ_DEBUG, count, NULL) == -EEXIST);
    CHECK(event_bind_virq(NR_VIRQS, count, NULL) < 0);
    CHECK(event_bind_virq(0xffffffff, count, NULL) < 0);
    CHECK(event_send((evtchn_port_t)debug) < 0); // a guest can't raise it itself
    CHECK_EQUAL(event_close((evtchn_port_t)debug), 0);
    debug = event_bind_virq(VIRQ_DEBUG, count, NULL);
    CHECK(debug > 0);
    event_close((evtchn_port_t)debug);
}

static void test_bad_arguments(void)
{
    static const evtchn_port_t bad[] = {0, 4000, 4096, 100000, 0x7fffffff, 0xffffffff};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct evtchn_close close = {.port = bad[i]};
        struct evtchn_unmask unmask = {.port = bad[i]};
        struct evtchn_bind_vcpu vcpu = {.port = bad[i], .vcpu = 0};
        CHECK(event_send(bad[i]) < 0);
        CHECK(HYPERVISOR_event_channel_op(EVTCHNOP_close, &close) < 0);
        CHECK(HYPERVISOR_event_channel_op(EVTCHNOP_bind_vcpu, &vcpu) < 0);
        if (bad[i] >= PORTS)
            CHECK(HYPERVISOR_event_channel_op(EVTCHNOP_unmask, &unmask) < 0);
        CHECK(event_bind_interdomain(DOMID_SELF, bad[i], NULL, NULL) < 0);
        CHECK(status_of(bad[i]) < 0 || status_of(bad[i]) == EVTCHNSTAT_closed);
    }
    CHECK(event_bind_interdomain(0x7123, 1, NULL, NULL) < 0);
    CHECK(event_alloc_unbound_for(0, DOMID_SELF) < 0); // in dom0's name
    struct evtchn_bind_ipi ipi = {.vcpu = 77};
    CHECK(HYPERVISOR_event_channel_op(EVTCHNOP_bind_ipi, &ipi) < 0);
    struct evtchn_bind_vcpu move = {.port = (evtchn_port_t)event_bind_ipi(NULL, NULL), .vcpu = 99};
    CHECK(HYPERVISOR_event_channel_op(EVTCHNOP_bind_vcpu, &move) < 0);
    event_close(move.port);
}

// Takes every port that is left, sends on each, and gives them back.
static void test_all_ports(void)
{
    static evtchn_port_t ports[PORTS];
    unsigned taken = 0;
    int port, last_error = 0;
    memset(counts, 0, sizeof(counts));
    while (taken < PORTS && (port = event_bind_ipi(count, NULL)) > 0)
        ports[taken++] = (evtchn_port_t)port;
    last_error = taken < PORTS ? port : 0;
    printf("%u ports taken, then: %s\n", taken, strerror(-last_error));
    CHECK(last_error == -ENOSPC);
    CHECK(taken > 512); // libxl's default limit is 1023
    for (unsigned i = 0; i < taken; i++)
        CHECK_EQUAL(event_send(ports[i]), 0);
    thread_yield();
    for (unsigned i = 0; i < taken; i++)
        CHECK_EQUAL(counts[ports[i]], 1);
    for (unsigned i = 0; i < taken; i++)
        CHECK_EQUAL(event_close(ports[i]), 0);
    port = event_bind_ipi(count, NULL);
    CHECK(port > 0);
    event_close((evtchn_port_t)port);
}

static void on_wake(evtchn_port_t port, void *queue)
{
    (void)port;
    waitq_wake_all(queue);
}

// HLT must end at once when the event was sent just before; repeated, because a lost wake-up is a race.
static void test_no_wakeup_is_lost(void)
{
    struct waitq queue = WAITQ_INIT;
    int port = event_bind_ipi(on_wake, &queue);
    uint64_t start = time_now();
    for (int i = 0; i < 500; i++) {
        event_send((evtchn_port_t)port);
        CHECK(waitq_wait(&queue, time_after(NS_PER_S)));
    }
    CHECK(time_now() - start < 60 * NS_PER_S);
    event_close((evtchn_port_t)port);
}

int main(void)
{
    test_loopback();
    test_masks();
    test_virq();
    test_bad_arguments();
    test_all_ports();
    test_no_wakeup_is_lost();
    return test_end("events");
}

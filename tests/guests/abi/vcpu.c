// SPDX-License-Identifier: MIT
//
// vcpu_op: the areas a vCPU registers, its timers, and the clock they are about.

#include <stdint.h>
#include <string.h>
#include <guest/cpu.h>
#include <guest/event.h>
#include <guest/hypercall.h>
#include <guest/main.h>
#include <guest/mem.h>
#include <guest/thread.h>
#include <guest/time.h>
#include "abi.h"

extern struct vcpu_info *event_vcpu_info; // the kit's pointer, moved by test_vcpu_info

static void spin(uint64_t ns)
{
    uint64_t end = time_after(ns);
    while (time_now() < end)
        cpu_relax();
}

void test_time(void)
{
    const volatile struct vcpu_time_info *t = &event_vcpu_info->time;
    CHECK(t->tsc_to_system_mul != 0);
    CHECK(!(t->version & 1));
    CHECK(time_wall_now() > UINT64_C(900000000) * NS_PER_S);
    CHECK(guest_shared_info()->wc_version != 0);
    uint64_t now = time_now(), tsc = rdtsc();
    spin(2 * NS_PER_MS);
    CHECK(time_now() - now >= 2 * NS_PER_MS);
    CHECK(rdtsc() > tsc);
}

// ---- single-shot timer
// ----------------------------------------------------------------------------------------------

static volatile unsigned fired;

static void on_timer(evtchn_port_t port, void *arg)
{
    (void)port, (void)arg;
    fired++;
}

static long arm(uint64_t deadline)
{
    struct vcpu_set_singleshot_timer op = {.timeout_abs_ns = deadline};
    return HYPERVISOR_vcpu_op(VCPUOP_set_singleshot_timer, 0, &op);
}

static void run_for(uint64_t ns)
{
    uint64_t end = time_after(ns);
    while (time_now() < end)
        event_dispatch();
}

// The kit's own VIRQ_TIMER port, found by its status.
static evtchn_port_t timer_port(void)
{
    for (evtchn_port_t port = 1; port < 64; port++) {
        struct evtchn_status status = {.dom = DOMID_SELF, .port = port};
        if (!HYPERVISOR_event_channel_op(EVTCHNOP_status, &status) && status.status == EVTCHNSTAT_virq &&
            status.u.virq == VIRQ_TIMER)
            return port;
    }
    return 0;
}

void test_timers(void)
{
    evtchn_port_t port = timer_port();
    CHECK(port != 0);
    event_close(port);
    port = (evtchn_port_t)event_bind_virq(VIRQ_TIMER, on_timer, NULL);
    fired = 0;
    uint64_t deadline = time_after(2 * NS_PER_MS);
    CHECK_EQUAL(arm(deadline), 0);
    run_for(NS_PER_MS);
    CHECK(fired == 0 || time_now() >= deadline);
    run_for(20 * NS_PER_MS);
    CHECK_EQUAL(fired, 1); // once, not periodically
    CHECK_EQUAL(arm(time_now() - 1000), 0);
    run_for(5 * NS_PER_MS);
    CHECK_EQUAL(fired, 2); // in the past: at once
    CHECK_EQUAL(arm(time_after(50 * NS_PER_MS)), 0);
    CHECK_EQUAL(HYPERVISOR_vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
    run_for(60 * NS_PER_MS);
    CHECK_EQUAL(fired, 2);
    CHECK(arm(time_after(NS_PER_S)) == 0 && arm(time_after(NS_PER_MS)) == 0); // the later call counts
    run_for(5 * NS_PER_MS);
    CHECK_EQUAL(fired, 3);
    CHECK_EQUAL(HYPERVISOR_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
    struct vcpu_set_singleshot_timer other = {.timeout_abs_ns = 0};
    CHECK(HYPERVISOR_vcpu_op(VCPUOP_set_singleshot_timer, 1, &other) < 0);
    CHECK_EQUAL(HYPERVISOR_vcpu_op(VCPUOP_is_up, 0, NULL), 1);
    CHECK(HYPERVISOR_vcpu_op(VCPUOP_is_up, 12345, NULL) < 0);
}

// ---- areas
// ------------------------------------------------------------------------------------------------------------

static uint64_t total(const volatile struct vcpu_runstate_info *r)
{
    return r->time[0] + r->time[1] + r->time[2] + r->time[3];
}

void test_runstate(void)
{
    static struct vcpu_runstate_info area, now;
    struct vcpu_register_runstate_memory_area op;
    memset(&op, 0, sizeof(op));
    op.addr.v = &area;
    CHECK_EQUAL(HYPERVISOR_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &op), 0);
    CHECK_EQUAL(HYPERVISOR_vm_assist(VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag), 0);
    CHECK(HYPERVISOR_vm_assist(VMASST_CMD_enable, 63) < 0);
    thread_sleep(5 * NS_PER_MS);
    const volatile struct vcpu_runstate_info *seen = &area;
    CHECK_EQUAL(seen->state, RUNSTATE_running);
    CHECK(seen->time[RUNSTATE_blocked] > 0);
    // Woken early by the console it may have waited for the CPU instead.
    CHECK(seen->time[RUNSTATE_blocked] + seen->time[RUNSTATE_runnable] >= 4 * NS_PER_MS);
    CHECK(!(seen->state_entry_time & XEN_RUNSTATE_UPDATE));
    CHECK(seen->state_entry_time <= time_now());
    CHECK_EQUAL(HYPERVISOR_vcpu_op(VCPUOP_get_runstate_info, 0, &now), 0);
    CHECK_EQUAL(now.state, RUNSTATE_running);
    CHECK(total(&now) >= total(seen));
}

// What the clock says by the record in an area (the version can wait: nothing else runs).
static uint64_t clock_of(const volatile struct vcpu_time_info *t)
{
    uint64_t ticks = rdtsc() - t->tsc_timestamp;
    ticks = t->tsc_shift < 0 ? ticks >> -t->tsc_shift : ticks << t->tsc_shift;
    return t->system_time + (uint64_t)((unsigned __int128)ticks * t->tsc_to_system_mul >> 32);
}

void test_time_area(void)
{
    static struct vcpu_time_info area;
    struct vcpu_register_time_memory_area op;
    memset(&op, 0, sizeof(op));
    op.addr.v = &area;
    CHECK_EQUAL(HYPERVISOR_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &op), 0);
    thread_sleep(NS_PER_MS);
    uint64_t before = time_now(), by_area = clock_of(&area), after = time_now();
    CHECK(before <= by_area + NS_PER_US && by_area <= after + NS_PER_US);
    CHECK(!(area.version & 1));
}

static void on_ipi(evtchn_port_t port, void *arg)
{
    (void)port;
    ++*(unsigned *)arg;
}

void test_vcpu_info(void)
{
    unsigned count = 0;
    char *page = page_alloc(1);
    memset(page, 0, PAGE_SIZE);
    struct vcpu_register_vcpu_info op = {.mfn = mem_gfn_of(page), .offset = PAGE_SIZE - 8};
    CHECK(HYPERVISOR_vcpu_op(VCPUOP_register_vcpu_info, 0, &op) < 0); // crosses the page's end
    op = (struct vcpu_register_vcpu_info){.mfn = UINT64_C(1) << 40, .offset = 0};
    CHECK(HYPERVISOR_vcpu_op(VCPUOP_register_vcpu_info, 0, &op) < 0);
    op = (struct vcpu_register_vcpu_info){.mfn = mem_gfn_of(page), .offset = 256};
    CHECK(HYPERVISOR_vcpu_op(VCPUOP_register_vcpu_info, 7, &op) < 0);
    interrupts_disable(); // Xen marks everything pending in the new place: the upcall must find it there
    CHECK_EQUAL(HYPERVISOR_vcpu_op(VCPUOP_register_vcpu_info, 0, &op), 0);
    event_vcpu_info = (struct vcpu_info *)(page + 256);
    interrupts_enable();
    CHECK(HYPERVISOR_vcpu_op(VCPUOP_register_vcpu_info, 0, &op) < 0); // only once
    CHECK(event_vcpu_info->time.tsc_to_system_mul != 0);
    int port = event_bind_ipi(on_ipi, &count);
    event_send((evtchn_port_t)port);
    thread_yield();
    CHECK_EQUAL(count, 1);
    thread_sleep(2 * NS_PER_MS);
}

// SPDX-License-Identifier: MIT
//
// Clocks from the vCPU's time record (struct vcpu_time_info): system time at a TSC reading, and the scale
// from there. An odd version means Xen is writing; a changed one that it wrote meanwhile.

#include <stdint.h>
#include <guest/cpu.h>
#include <guest/event.h>
#include <guest/hypercall.h>
#include <guest/main.h>
#include <guest/shutdown.h>
#include <guest/thread.h>
#include <guest/time.h>
#include "kit.h"

static uint64_t latest; // time never steps back
static uint64_t armed = DEADLINE_NEVER;

// ns for a TSC difference: (ticks << shift) * mul / 2^32, the product taken with 128 bits.
static uint64_t scale(uint64_t ticks, uint32_t mul, int8_t shift)
{
    ticks = shift < 0 ? ticks >> -shift : ticks << shift;
    return (uint64_t)((unsigned __int128)ticks * mul >> 32);
}

uint64_t time_now(void)
{
    const volatile struct vcpu_time_info *t = &event_vcpu_info->time;
    uint32_t version;
    uint64_t now;
    do {
        version = __atomic_load_n(&t->version, __ATOMIC_ACQUIRE);
        now = t->system_time + scale(rdtsc() - t->tsc_timestamp, t->tsc_to_system_mul, t->tsc_shift);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while (version & 1 || version != t->version);
    if (now > latest)
        latest = now;
    return latest;
}

uint64_t time_wall_now(void)
{
    const volatile struct shared_info *s = guest_shared_info();
    uint32_t version;
    uint64_t boot;
    do {
        version = __atomic_load_n(&s->wc_version, __ATOMIC_ACQUIRE);
        boot = ((uint64_t)s->wc_sec_hi << 32 | s->wc_sec) * NS_PER_S + s->wc_nsec;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while (version & 1 || version != s->wc_version);
    return boot + time_now();
}

uint64_t time_after(uint64_t ns)
{
    uint64_t now = time_now();
    return ns > DEADLINE_NEVER - now ? DEADLINE_NEVER : now + ns;
}

// Waking up is all that's needed: the scheduler looks at its deadlines itself.
static void timer_fired(evtchn_port_t port, void *arg)
{
    (void)port, (void)arg;
    armed = DEADLINE_NEVER;
}

void time_init(void)
{
    int port = event_bind_virq(VIRQ_TIMER, timer_fired, NULL);
    if (port < 0)
        guest_panic("binding the timer's virtual interrupt: error %d", port);
    HYPERVISOR_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
}

// An earlier shot than needed costs one spurious wake-up; arming again costs a hypercall.
void time_arm(uint64_t deadline)
{
    struct vcpu_set_singleshot_timer op = {.timeout_abs_ns = deadline};
    if (deadline >= armed)
        return;
    long rc = HYPERVISOR_vcpu_op(VCPUOP_set_singleshot_timer, 0, &op);
    if (rc)
        guest_panic("arming the single-shot timer: error %ld", rc);
    armed = deadline;
}

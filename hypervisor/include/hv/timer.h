// SPDX-License-Identifier: MIT
// One-shot timers on a per-cpu heap of deadlines. Times are ns of system time (arch_now()). Whoever owns a
// timer serialises timer_set() and timer_stop() on it.
#pragma once

#include <hv/heap.h>
#include <hv/types.h>

struct cpu;

struct timer {
    struct heap_node node; // key: deadline
    // Runs in softirq context on the timer's cpu, no lock held; the timer is idle by then.
    void (*fn)(void *arg);
    void *arg;
    unsigned cpu; // the heap it is queued on
};

#define TIME_NEVER (~0UL)

void timer_init_cpu(struct cpu *cpu); // from cpu_online()

void timer_init(struct timer *timer, void (*fn)(void *), void *arg);
void timer_set(struct timer *timer,
               uint64_t deadline); // (re)arms on this cpu; a past deadline fires at the next softirq
void timer_stop(struct timer *timer);
static inline bool timer_armed(const struct timer *timer)
{
    return timer->node.queued;
}

void timer_interrupt(void); // hardware deadline reached: called by arch with interrupts closed
void timer_softirq(void);   // fires what is due and reprograms the hardware (arch_timer_program)

// SPDX-License-Identifier: MIT
// What the core keeps per physical cpu. Only the cpu itself touches its record, but for softirq bits and what
// a lock in the record guards.
#pragma once

#include <hv/heap.h>
#include <hv/lock.h>
#include <hv/timer.h>
#include <hv/types.h>

struct vcpu;

#define MAX_PCPUS 64

struct cpu {
    unsigned id;
    uint32_t apic_id;
    struct vcpu *current;     // vcpu whose context is loaded, NULL when idle
    uint32_t softirq_pending; // bits of enum softirq, set atomically by anyone

    struct spinlock timer_lock; // LOCK_TIMER
    struct heap timers;         // key: deadline, ns of system time
    uint64_t timer_programmed;  // deadline the hardware is armed for, ~0 when off

    struct spinlock sched_lock; // LOCK_SCHED
    struct heap runqueue;       // runnable vcpus but for current; key: virtual time
    uint64_t min_vruntime;      // virtual time that newly woken vcpus start from
    struct timer slice_timer;   // current has to be reconsidered; armed only while others wait
    bool yielded;               // current asked for somebody else to go first
    uint64_t idle_ns;           // time without a vcpu up to now, but for the idle period that goes on
    uint64_t idle_since;        // when current became NULL, ns
};

extern struct cpu *cpus[MAX_PCPUS]; // [0, nr_cpus), filled by cpu_online()
extern unsigned nr_cpus;

// The record of the cpu we run on (arch: read through the per-cpu base register).
struct cpu *this_cpu(void) __attribute__((const));

static inline struct vcpu *current_vcpu(void)
{
    return this_cpu()->current;
}

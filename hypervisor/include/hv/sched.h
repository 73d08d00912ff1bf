// SPDX-License-Identifier: MIT
// The scheduler: fair by virtual time. A pcpu runs the runnable vcpu that has had the least run time for its
// weight.
#pragma once

#include <hv/heap.h>
#include <hv/types.h>

struct vcpu;
struct domain;

struct sched_entity {
    struct heap_node node; // in the run queue of `cpu`; key: vruntime
    uint64_t vruntime;     // weighted run time, ns
    uint64_t ran_since;    // when it last got the cpu
    unsigned cpu;
};

void sched_init_vcpu(struct vcpu *v);
void sched_destroy_vcpu(struct vcpu *v); // v is off the run queue and loaded on no cpu when this returns

// Makes a blocked vcpu runnable; no effect on a runnable, paused or offline one (it is remembered for the
// latter two).
void vcpu_wake(struct vcpu *v);
// Blocks the current vcpu until vcpu_wake(). The caller has checked that nothing is pending.
void vcpu_block(struct vcpu *v);
void vcpu_yield(struct vcpu *v);
// Re-evaluates pause counts and up/down flags of v: takes it off the cpu or puts it on the run queue. A vcpu
// paused by anyone but itself is not in guest mode when this returns.
void vcpu_pause_changed(struct vcpu *v);

// SOFTIRQ_SCHEDULE: accounts current, picks the next vcpu and switches to it (arch_vcpu_switch). Slice: 5 ms,
// armed only while more than one vcpu is runnable, so a lone guest takes no scheduler ticks.
void sched_softirq(void);

uint64_t vcpu_run_time(const struct vcpu *v); // total ns in RUNSTATE_running, up to now

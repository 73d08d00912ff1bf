// SPDX-License-Identifier: MIT
// Deferred work: bits set from anywhere, run by the owning cpu between two guest entries, with no lock held.
#pragma once

#include <hv/types.h>

enum softirq {
    SOFTIRQ_TIMER,       // timer_softirq()
    SOFTIRQ_DOMAIN_FREE, // domain_free_softirq()
    SOFTIRQ_SCHEDULE,    // sched_softirq(): last, so that it sees what the others woke
    SOFTIRQ_COUNT
};

void softirq_raise(unsigned cpu, enum softirq nr); // kicks the cpu if it is another one
void softirq_run(void);                            // runs what is pending on this cpu until nothing is

// For long hypervisor operations, called with no lock held: opens interrupts for an instant and tells whether
// this cpu has other work waiting, in which case the caller should return a continuation.
bool preempt_check(void);

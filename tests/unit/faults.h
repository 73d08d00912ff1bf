// SPDX-License-Identifier: MIT
// What may go wrong, at will: allocations that fail, and other work that is always waiting. Linked with
// $(faults-libs), which put these functions in front of the core's own. preempt_check() is also watched: no
// lock may be held there.
#pragma once

#include <stdbool.h>

// The n-th allocation from now (1: the next) of pages or objects fails; 0: none does.
void faults_fail_allocation(unsigned n);
bool faults_allocation_failed(void); // has it come to that?

// Every n-th preempt_check() finds other work; 0: only when there is some.
void faults_preempt_every(unsigned n);
extern unsigned faults_preempted; // how often it did

// SPDX-License-Identifier: MIT
// The hypervisor's core as an ordinary program: harness.c implements hv/arch.h on top of libc, so that the
// real sources run under sanitizers. Time stands still unless a test moves it; guests don't execute, a test
// acts for them.
#pragma once

#include <hv/arch.h>
#include <hv/hypercall.h>
#include <hv/page_alloc.h>

#include <xen/sched.h>

// Boots the core, once per program: HARNESS_RAM bytes of RAM and one cpu. Later calls only check that the
// last test left nothing behind but the log.
#define HARNESS_RAM (256UL << 20)
void harness_init(void);

// System time, ns. harness_advance() lets time pass: timers fire at their deadlines and softirqs run.
extern uint64_t harness_now;
void harness_advance(uint64_t ns);

// A live, unpaused domain with `vcpus` vcpus that are up, and `pages` pages of RAM from gfn 0 on.
struct domain *harness_domain(uint32_t privileges, unsigned vcpus, unsigned pages);
void harness_destroy(struct domain *d); // to the last reference, which the caller must have dropped

// Makes v, which must be runnable, the current vcpu by the scheduler's own means.
void harness_enter(struct vcpu *v);
// Enters v and issues a hypercall, again as long as it asks to be continued (softirqs run in between).
long harness_hypercall(struct vcpu *v, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2);
// The guest's memory at a guest-physical address; guest-virtual addresses are the same. NULL: nothing there.
void *harness_memory(struct domain *d, gpa_t gpa);
// The guest takes its upcall: clears upcall_pending and the selector, returns whether it was set.
bool harness_take_upcall(struct vcpu *v);

// Runs fn(arg); true if it panicked. The message is in harness_panic_message.
bool harness_panics(void (*fn)(void *arg), void *arg);
extern const char *harness_panic_message;

// What the core asked of the architecture.
extern struct harness_counts {
    unsigned switches;       // arch_vcpu_switch
    unsigned vcpu_kicks;     // arch_vcpu_kick
    unsigned timer_programs; // arch_timer_program
    unsigned flushes;        // arch_p2m_flush
    unsigned poweroffs, resets;
} harness_counts;
extern bool harness_gsi_masked[256];

extern char harness_debug_keys[8]; // that were asked for, the latest first

// What the console has shown since the last call of harness_console_clear().
extern char harness_console[16384];
void harness_console_clear(void);

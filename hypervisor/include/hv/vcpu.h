// SPDX-License-Identifier: MIT
// A virtual cpu: what the core knows of it. Registers and vendor state live behind `arch`.
#pragma once

#include <hv/evtchn.h>
#include <hv/sched.h>
#include <hv/timer.h>
#include <hv/types.h>

#include <xen/vcpu.h>

struct arch_vcpu;
struct domain;

enum vcpu_flags {
    VCPU_DOWN = 1 << 0,    // offline: never initialised, VCPUOP_down, or HLT with interrupts off
    VCPU_BLOCKED = 1 << 1, // waits for an event

};

// A page-bounded area of guest memory the hypervisor writes through its own mapping; it holds a page
// reference.
struct guest_area {
    mfn_t mfn;  // MFN_INVALID: not registered
    void *virt; // start of the area inside the mapped page
};

struct vcpu {
    struct domain *domain;
    unsigned id;
    uint32_t flags;   // enum vcpu_flags, atomic
    int pause_count;  // vcpu_pause_changed() after each change; the domain's count adds to it
    bool initialised; // has a register context

    struct vcpu_info *info; // in shared_info (vcpu < 32), or wherever register_vcpu_info put it
    struct guest_area info_area;

    gva_t runstate_gva; // VCPUOP_register_runstate_memory_area: written on switch-in; 0: none

    struct vcpu_runstate_info runstate;

    struct timer singleshot; // VIRQ_TIMER
    struct timer periodic;
    uint64_t period_ns; // 0: off
    struct timer poll_timer;
    int64_t poll_port;            // SCHEDOP_poll of this port alone; -1: of several or none
    uint32_t virq_port[NR_VIRQS]; // 0: unbound

    bool loaded; // its context is on a cpu, in guest mode or not
    struct sched_entity sched;
    struct arch_vcpu *arch;
};

int vcpu_create(struct domain *d, unsigned id); // into d->vcpus[id]; starts VCPU_DOWN and uninitialised
void vcpu_destroy(struct vcpu *v);
struct vcpu *domain_vcpu(const struct domain *d, uint32_t id); // NULL: no such vcpu, whatever the id

bool vcpu_runnable(const struct vcpu *v); // nothing paused, not down, not blocked, domain alive
void vcpu_up(struct vcpu *v);
void vcpu_down(struct vcpu *v); // the last one going down shuts the domain down with SHUTDOWN_poweroff
void vcpu_pause(struct vcpu *v);
void vcpu_unpause(struct vcpu *v);

// An event is pending for v and v wants to hear of it (upcall_pending is set).
bool vcpu_event_pending(const struct vcpu *v);

void vcpu_set_runstate(struct vcpu *v, int state, uint64_t now); // accounts and switches RUNSTATE_*
// The constants a guest turns its TSC into system time with: the same for all vcpus, and they never change.
void vcpu_time_constants(struct vcpu_time_info *time);
void vcpu_update_time(struct vcpu *v);          // writes them to v->info
void vcpu_update_runstate_area(struct vcpu *v); // v's context is loaded, no lock held

// SPDX-License-Identifier: MIT
// A vendor, a domain and a vcpu made of plain variables, for the tests of hvm/.
#pragma once

#include <asm/hvm/hvm.h>
#include <asm/hvm/virt_ops.h>

#define FAKE_PAGES 64

struct fake {
    struct domain d;
    struct vcpu v;
    struct arch_domain ad;
    struct arch_vcpu av;
    struct shared_info shared;
    struct vcpu *vcpus[1];

    uint64_t sregs[SREG_COUNT];
    struct guest_segment_state segments[SEG_COUNT];
    bool interruptible, nmi_allowed;
    struct guest_event injected; // the last one
    unsigned injections, flushes, wakes;
    bool delivers; // the processor delivers the local APIC's interrupts
    int window;    // priority of the last window asked for, -1: none

    uint64_t now;
    uint64_t timer_deadline; // of the one timer there is, 0: off

    uint8_t memory[FAKE_PAGES * PAGE_SIZE]; // guest-physical, from 0
    enum p2m_type types[FAKE_PAGES];
};

extern struct fake *fake;

// A fresh vcpu in 32-bit flat mode with paging off; memory is zero and P2M_RAM. For cmocka's setup and
// teardown.
int fake_setup(void **state);
int fake_teardown(void **state);
void fake_timer_fire(void); // moves time to the deadline and calls the timer

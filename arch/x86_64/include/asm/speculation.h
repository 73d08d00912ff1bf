// SPDX-License-Identifier: MIT
// Mitigations against speculation, as docs/speculation.md tells: which this processor needs and has, chosen
// once at the start.
#pragma once

// thunks.S: each thunk's size, and where in it the plain jump is.
#define THUNK_SIZE  32
#define THUNK_PLAIN 24

#ifndef __ASSEMBLY__
#include <hv/cmdline.h>
#include <hv/types.h>

struct domain;
struct host_cpu;

enum spec_state {
    SPEC_UNNEEDED,
    SPEC_MISSING, // needed, and this processor, or its microcode, can't
    SPEC_OFF,     // by boot option
    SPEC_ON
};

struct speculation {
    enum spec_state states[SPEC_MITIGATIONS];
    uint64_t spec_ctrl; // of MSR_SPEC_CTRL, guests' too; 0: not written
    uint64_t efer;      // bits to add to the host's
};

// What to do on such a processor, with the options SPEC_* forced on or off: bits.
struct speculation speculation_choose(const struct host_cpu *cpu, uint32_t on, uint32_t off);

void speculation_init(void);       // chooses for this machine; before the image becomes read-only
void speculation_enable_cpu(void); // on each cpu, before its vendor's half is enabled
bool speculation_on(enum spec_mitigation which);
const char *speculation_report(void); // "retpoline=on ibrs=missing ..."

// A vcpu of this domain is going to run on this cpu.
void speculation_switch(const struct domain *d);
#endif

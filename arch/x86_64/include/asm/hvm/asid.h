// SPDX-License-Identifier: MIT
// Address space identifiers (AMD's ASIDs, Intel's VPIDs): they tag translations in the TLB, so that a change
// of vcpu flushes nothing. Each cpu gives out its own; 0 is the host's.
#pragma once

#include <hv/types.h>

struct asid {
    uint32_t id;         // 0: never had one
    unsigned cpu;        // that gave it out
    uint64_t generation; // of that cpu, when it did
};

enum asid_state {
    ASID_KEPT,     // still its own
    ASID_FRESH,    // a new one that nobody has used
    ASID_RECYCLED, // a new one with somebody's translations: they have to be flushed before use
};

void asid_init_cpu(uint32_t max); // this cpu gives out 1 to max
// The identifier of a vcpu that this cpu is going to run.
enum asid_state asid_take(struct asid *asid);
enum asid_state asid_renew(struct asid *asid); // another one, whatever it had

// TLB flushes made on behalf of guests, for those who want to know that none is missing and none too many.
enum tlb_flush {
    TLB_FLUSH_TABLES,     // guest-physical memory was changed, or the vcpu is new on this cpu
    TLB_FLUSH_IDENTIFIER, // a recycled identifier
    TLB_FLUSH_KINDS
};

void tlb_flushes_count(enum tlb_flush kind); // one more, on this cpu
uint64_t tlb_flushes(enum tlb_flush kind);   // so far, on all cpus

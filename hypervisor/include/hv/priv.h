// SPDX-License-Identifier: MIT
// Privilege: a property of a domain, checked in the one table of priv.c. No code compares domids.
#pragma once

#include <hv/types.h>

struct domain;

// Roles a domain may hold.
#define PRIV_CONTROL  (1U << 0) // creates and controls other domains
#define PRIV_HARDWARE (1U << 1) // owns machine ports, MMIO, interrupts, power
#define PRIV_STORE    (1U << 2) // serves XenStore: may map other domains' store pages

enum priv_op {
    PRIV_OP_DOMCTL,
    PRIV_OP_SYSCTL,
    PRIV_OP_FOREIGN_MAP,     // map the target's pages
    PRIV_OP_FOREIGN_MEMORY,  // populate, decrease, set the target's memory map
    PRIV_OP_HVM_PARAM,       // get or set the target's HVM params
    PRIV_OP_FOREIGN_EVTCHN,  // alloc_unbound, status, reset on the target's behalf
    PRIV_OP_FOREIGN_GRANT,   // grant table set-up of the target
    PRIV_OP_REMOTE_SHUTDOWN, // SCHEDOP_remote_shutdown
    PRIV_OP_CONSOLE,         // read the console, clear the log
    PRIV_OP_GLOBAL_VIRQ,     // bind VIRQ_CONSOLE, VIRQ_DOM_EXC ...
    PRIV_OP_PHYSDEV,         // machine interrupts
    PRIV_OP_PLATFORM,        // time and power of the machine
    PRIV_OP_COUNT
};

// 0, or -XEN_EPERM. `target` may be NULL for operations on the machine; a domain may act on itself where the
// table says so.
int priv_check(const struct domain *caller, enum priv_op op, const struct domain *target);

// SPDX-License-Identifier: MIT
// The rank of every lock. A cpu may take a lock only while every lock it holds has a lower rank; two locks of
// one rank (two domains' event channels, say) are taken in ascending address with spin_lock_pair(). A DEBUG=1
// build checks the order at each acquisition and panics with both names.
#pragma once

enum lock_rank {
    LOCK_NONE = 0,
    LOCK_DOMCTL,      // serialises domain creation, destruction and the other domctls
    LOCK_DOMAIN,      // struct domain: state, pause count, shutdown code
    LOCK_GNTTAB,      // one domain's grant table frames and active entries
    LOCK_MAPTRACK,    // one domain's list of foreign grants it has mapped
    LOCK_P2M,         // one domain's gfn -> mfn map and its page accounting
    LOCK_EVTCHN,      // one domain's event channel table
    LOCK_IRQ,         // pirq bindings
    LOCK_SCHED,       // one pcpu's run queue and the states of its vcpus
    LOCK_TIMER,       // one pcpu's timer heap
    LOCK_DOMAIN_LIST, // domid table and list of domains: late, so that a domid can be looked up under most
                      // locks
    LOCK_SLAB,        // object caches
    LOCK_PAGE_ALLOC,  // buddy allocator
    LOCK_CONSOLE,     // serial, screen, log ring: last, so that anything may print
};

// SPDX-License-Identifier: MIT
/*
 * What dom0 itself holds at the moment: for the administrator who asks where its memory went, and for tests
 * that look for leaks.
 */
#ifndef DOM0_RESOURCES_H
#define DOM0_RESOURCES_H

#include <stdint.h>

#include <dom0/error.h>

struct resources {
    uint64_t machine_free; /* bytes of the machine that no domain has */
    uint64_t free;         /* bytes of dom0's RAM that are neither heap nor stacks nor anything else */
    uint64_t heap;         /* bytes behind malloc's heap */
    uint64_t heap_used;    /* of these, bytes in allocations */
    uint64_t window;       /* bytes of the gfn window: pages of other domains, and the hypervisor's */
    uint64_t event_ports;
    uint64_t store_nodes; /* owned by dom0 */
};

/* 0 or a negative errno. */
int resources_count(struct resources *resources, struct error *err);

#endif

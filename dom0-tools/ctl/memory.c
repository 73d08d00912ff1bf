// SPDX-License-Identifier: MIT
/*
 * A domain's memory, seen from outside: populating it, its memory map, and seeding its grant table.
 */
#include <errno.h>

#include <guest/main.h>
#include <guest/mem.h>

#include "call.h"
#include "extents.h"

#define POPULATE_BATCH 128u /* extents per hypercall */

/* Tries up to @count extents of 2^@order pages. Returns how many it got, which may be none, or a negative
 * XEN_E*. */
static long populate_extents(domid_t domid, uint64_t gfn, uint64_t count, unsigned int order)
{
    xen_pfn_t extents[POPULATE_BATCH];
    struct xen_memory_reservation op = {.extent_order = order, .domid = domid};

    if (count > POPULATE_BATCH)
        count = POPULATE_BATCH;
    for (uint64_t i = 0; i < count; i++)
        extents[i] = gfn + (i << order);
    set_xen_guest_handle(op.extent_start, extents);
    op.nr_extents = count;
    return HYPERVISOR_memory_op(XENMEM_populate_physmap, &op);
}

int ctl_populate(domid_t domid, uint64_t gfn, uint64_t pages, struct error *err)
{
    unsigned int limit = ORDER_1GIB;

    while (pages) {
        struct extent_run run = extent_run_next(gfn, pages, limit);
        long done = populate_extents(domid, gfn, run.count, run.order);

        if (done > 0) {
            gfn += (uint64_t)done << run.order;
            pages -= (uint64_t)done << run.order;
        } else if (run.order != ORDER_4KIB) {
            /* The heap has none of that size left, or the hypervisor doesn't do it. */
            limit = run.order == ORDER_1GIB ? ORDER_2MIB : ORDER_4KIB;
        } else {
            return ctl_result(err, done ? done : -XEN_ENOMEM, "memory_op populate_physmap", domid);
        }
    }
    return 0;
}

int ctl_set_memory_map(domid_t domid, const struct e820_entry *map, unsigned int entries, struct error *err)
{
    struct xen_foreign_memory_map op = {.domid = domid, .map.nr_entries = entries};

    set_xen_guest_handle(op.map.buffer, (void *)map); /* only read */
    return ctl_result(err, HYPERVISOR_memory_op(XENMEM_set_memory_map, &op), "memory_op set_memory_map",
                      domid);
}

static void write_grants(struct grant_entry_v1 *table, uint64_t console_gfn, uint64_t store_gfn)
{
    domid_t self = guest_domid();

    /* The domain has not run yet, so the order of these writes does not matter. */
    table[GNTTAB_RESERVED_CONSOLE].domid = self;
    table[GNTTAB_RESERVED_CONSOLE].frame = (uint32_t)console_gfn;
    table[GNTTAB_RESERVED_CONSOLE].flags = GTF_permit_access;
    table[GNTTAB_RESERVED_XENSTORE].domid = self;
    table[GNTTAB_RESERVED_XENSTORE].frame = (uint32_t)store_gfn;
    table[GNTTAB_RESERVED_XENSTORE].flags = GTF_permit_access;
}

int ctl_grant_seed(domid_t domid, uint64_t console_gfn, uint64_t store_gfn, struct error *err)
{
    xen_pfn_t gfn = gfn_window_alloc(1);
    struct xen_mem_acquire_resource acquire = {
        .domid = domid,
        .type = XENMEM_resource_grant_table,
        .id = XENMEM_resource_grant_table_id_shared,
        .nr_frames = 1,
    };
    struct xen_remove_from_physmap release = {.domid = DOMID_SELF, .gpfn = gfn};
    long rc;

    if (gfn == INVALID_GFN)
        return error_set(err, -ENOMEM, "no room to map the grant table of domain %u", domid);
    set_xen_guest_handle(acquire.frame_list, &gfn);
    rc = HYPERVISOR_memory_op(XENMEM_acquire_resource, &acquire);
    if (rc >= 0) {
        write_grants(mem_of_gfn(release.gpfn), console_gfn, store_gfn);
        HYPERVISOR_memory_op(XENMEM_remove_from_physmap, &release);
    }
    gfn_window_free(release.gpfn, 1);
    return ctl_result(err, rc, "memory_op acquire_resource (grant table)", domid);
}

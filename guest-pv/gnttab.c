// SPDX-License-Identifier: MIT
//
// Grant table, version 1. The table's frames live in the gfn window and are added one by one as references
// are used up.

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <guest/error.h>
#include <guest/gnttab.h>
#include <guest/hypercall.h>
#include <guest/mem.h>
#include "kit.h"

#define REFS_PER_FRAME (PAGE_SIZE / sizeof(grant_entry_v1_t))
#define BATCH          32

static grant_entry_v1_t *table; // NULL until the first grant
static size_t frames, max_frames;
static uint64_t *taken; // one bit per reference
static size_t hint;

_Static_assert(sizeof(grant_entry_v1_t) == 8, "grant_table.h, version 1");

int grant_error(int16_t status)
{
    switch (status) {
    case GNTST_okay: return 0;
    case GNTST_bad_domain: return -ESRCH;
    case GNTST_bad_virt_addr:
    case GNTST_bad_dev_addr: return -EFAULT;
    case GNTST_no_device_space:
    case GNTST_no_space: return -ENOSPC;
    case GNTST_permission_denied: return -EACCES;
    case GNTST_address_too_big: return -E2BIG;
    case GNTST_eagain: return -EAGAIN;
    case GNTST_general_error: return -EIO;
    default: return -EINVAL; // bad reference, handle, page or copy argument
    }
}

static int table_init(void)
{
    struct gnttab_query_size query = {.dom = DOMID_SELF};
    long rc = HYPERVISOR_grant_table_op(GNTTABOP_query_size, &query, 1);
    if (rc || query.status != GNTST_okay)
        return rc ? error_from_xen(rc) : grant_error(query.status);
    uint64_t gfn = gfn_window_alloc(query.max_nr_frames);
    taken = calloc(BITMAP_WORDS(query.max_nr_frames * REFS_PER_FRAME), sizeof(uint64_t));
    if (gfn == INVALID_GFN || !taken)
        return -ENOMEM;
    max_frames = query.max_nr_frames;
    table = mem_of_gfn(gfn);
    // The first references belong to the toolstack (console, store). A table of no frames has none.
    bitmap_set(taken, 0, GNTTAB_NR_RESERVED_ENTRIES);
    return 0;
}

// Makes sure the frame that holds `ref` is there.
static int table_grow(grant_ref_t ref)
{
    while (ref >= frames * REFS_PER_FRAME) {
        struct xen_add_to_physmap op = {.domid = DOMID_SELF,
                                        .space = XENMAPSPACE_grant_table,
                                        .idx = frames,
                                        .gpfn = ((uintptr_t)table >> PAGE_SHIFT) + frames};
        long rc = HYPERVISOR_memory_op(XENMEM_add_to_physmap, &op);
        if (rc)
            return error_from_xen(rc);
        frames++;
    }
    return 0;
}

int grant_access(domid_t dom, uint64_t gfn, bool readonly)
{
    int rc = table ? 0 : table_init();
    if (rc)
        return rc;
    if (gfn > UINT32_MAX) // version 1 has no room for more
        return -E2BIG;
    size_t ref = bitmap_take(taken, max_frames * REFS_PER_FRAME, 1, &hint);
    if (ref == max_frames * REFS_PER_FRAME)
        return -ENOSPC;
    rc = table_grow((grant_ref_t)ref);
    if (rc) {
        bitmap_give(taken, ref, 1, &hint);
        return rc;
    }
    table[ref].frame = (uint32_t)gfn;
    table[ref].domid = dom;
    // The flags make the entry valid, so they come last.
    __atomic_store_n(&table[ref].flags, (uint16_t)(GTF_permit_access | (readonly ? GTF_readonly : 0)),
                     __ATOMIC_RELEASE);
    return (int)ref;
}

int grant_end(grant_ref_t ref)
{
    if (ref >= frames * REFS_PER_FRAME)
        return -EINVAL;
    uint16_t flags = __atomic_load_n(&table[ref].flags, __ATOMIC_RELAXED);
    do {
        if (flags & (GTF_reading | GTF_writing))
            return -EBUSY;
    } while (!__atomic_compare_exchange_n(&table[ref].flags, &flags, GTF_invalid, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_RELAXED));
    bitmap_give(taken, ref, 1, &hint);
    return 0;
}

// Maps up to BATCH grants from window gfn `gfn` on; mappings that failed get an address of NULL.
static int map_batch(domid_t dom, const grant_ref_t *refs, unsigned count, bool readonly, uint64_t gfn,
                     struct grant_mapping *mappings)
{
    struct gnttab_map_grant_ref ops[BATCH];
    int error = 0;
    for (unsigned i = 0; i < count; i++)
        ops[i] = (struct gnttab_map_grant_ref){
            .host_addr = (gfn + i) << PAGE_SHIFT,
            .flags = GNTMAP_host_map | (readonly ? GNTMAP_readonly : 0),
            .ref = refs[i],
            .dom = dom,
            .status = GNTST_general_error,
        };
    long rc = HYPERVISOR_grant_table_op(GNTTABOP_map_grant_ref, ops, count);
    for (unsigned i = 0; i < count; i++) {
        int status = rc ? error_from_xen(rc) : grant_error(ops[i].status);
        mappings[i].address = status ? NULL : mem_of_gfn(gfn + i);
        mappings[i].handle = ops[i].handle;
        if (status && !error)
            error = status;
    }
    return error;
}

static void unmap_batch(const struct grant_mapping *mappings, unsigned count)
{
    struct gnttab_unmap_grant_ref ops[BATCH];
    unsigned used = 0;
    for (unsigned i = 0; i < count; i++)
        if (mappings[i].address)
            ops[used++] = (struct gnttab_unmap_grant_ref){.host_addr = (uintptr_t)mappings[i].address,
                                                          .handle = mappings[i].handle};
    if (used)
        HYPERVISOR_grant_table_op(GNTTABOP_unmap_grant_ref, ops, used);
}

static void unmap_all(const struct grant_mapping *mappings, size_t count)
{
    for (size_t done = 0; done < count; done += BATCH)
        unmap_batch(mappings + done, count - done < BATCH ? count - done : BATCH);
}

int grant_map(domid_t dom, const grant_ref_t *refs, size_t count, bool readonly,
              struct grant_mapping *mappings)
{
    uint64_t gfn = count ? gfn_window_alloc(count) : INVALID_GFN;
    if (gfn == INVALID_GFN)
        return count ? -ENOMEM : -EINVAL;
    for (size_t done = 0; done < count; done += BATCH) {
        unsigned batch = count - done < BATCH ? count - done : BATCH;
        int error = map_batch(dom, refs + done, batch, readonly, gfn + done, mappings + done);
        if (error) {
            unmap_all(mappings, done + batch);
            gfn_window_free(gfn, count);
            return error;
        }
    }
    return 0;
}

void grant_unmap(struct grant_mapping *mappings, size_t count)
{
    unmap_all(mappings, count);
    if (count)
        gfn_window_free((uintptr_t)mappings[0].address >> PAGE_SHIFT, count);
}

int grant_copy(struct gnttab_copy *ops, size_t count)
{
    long rc = HYPERVISOR_grant_table_op(GNTTABOP_copy, ops, (unsigned)count);
    if (rc)
        return error_from_xen(rc);
    for (size_t i = 0; i < count; i++)
        if (ops[i].status != GNTST_okay)
            return grant_error(ops[i].status);
    return 0;
}

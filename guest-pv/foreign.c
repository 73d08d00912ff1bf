// SPDX-License-Identifier: MIT
//
// Pages of other domains in our gfn window (XENMEM_add_to_physmap_batch), for a domain with privilege over
// them.

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <guest/error.h>
#include <guest/hypercall.h>
#include <guest/mem.h>
#include "kit.h"

#define BATCH 128 // pages in one hypercall: bounds its duration and our stack

// Maps one batch at window gfns from `gfn` on; results[i] becomes 0 or a negative errno.
static void map_batch(domid_t dom, const uint64_t *foreign, uint64_t gfn, unsigned count, int *results)
{
    xen_ulong_t indices[BATCH];
    xen_pfn_t gfns[BATCH];
    int errors[BATCH];
    struct xen_add_to_physmap_batch op = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign, .size = count, .u.foreign_domid = dom};

    for (unsigned i = 0; i < count; i++) {
        indices[i] = foreign[i];
        gfns[i] = gfn + i;
        errors[i] = 0;
    }
    set_xen_guest_handle(op.idxs, indices);
    set_xen_guest_handle(op.gpfns, gfns);
    set_xen_guest_handle(op.errs, errors);
    long rc = HYPERVISOR_memory_op(XENMEM_add_to_physmap_batch, &op);
    for (unsigned i = 0; i < count; i++)
        results[i] = error_from_xen(rc < 0 ? rc : errors[i]);
}

static void remove_page(uint64_t gfn)
{
    struct xen_remove_from_physmap op = {.domid = DOMID_SELF, .gpfn = gfn};
    HYPERVISOR_memory_op(XENMEM_remove_from_physmap, &op);
}

static void *give_up(uint64_t gfn, size_t count, int error)
{
    gfn_window_free(gfn, count);
    errno = -error;
    return NULL;
}

void *foreign_map(domid_t dom, const uint64_t *gfns, size_t count, int *errors)
{
    uint64_t window = count ? gfn_window_alloc(count) : INVALID_GFN;
    size_t mapped = 0;
    int first_error = 0;
    if (window == INVALID_GFN) {
        errno = count ? ENOMEM : EINVAL;
        return NULL;
    }
    for (size_t done = 0; done < count; done += BATCH) {
        int results[BATCH];
        unsigned batch = count - done < BATCH ? count - done : BATCH;
        map_batch(dom, gfns + done, window + done, batch, results);
        for (unsigned i = 0; i < batch; i++) {
            if (errors)
                errors[done + i] = results[i];
            if (results[i] && !first_error)
                first_error = results[i];
            mapped += !results[i];
        }
        if (first_error && !errors) {
            for (size_t i = 0; i < done + batch; i++)
                remove_page(window + i);
            return give_up(window, count, first_error);
        }
    }
    return mapped ? mem_of_gfn(window) : give_up(window, count, first_error);
}

void foreign_unmap(void *address, size_t count)
{
    uint64_t gfn = (uintptr_t)address >> PAGE_SHIFT;
    for (size_t i = 0; i < count; i++)
        remove_page(gfn + i);
    gfn_window_free(gfn, count);
}

// SPDX-License-Identifier: MIT
/*
 * Cutting a range of guest frames into extents: pure arithmetic.
 */
#include "extents.h"

static const unsigned int orders[] = {ORDER_1GIB, ORDER_2MIB, ORDER_4KIB};

struct extent_run extent_run_next(uint64_t gfn, uint64_t pages, unsigned int limit)
{
    uint64_t end = gfn + pages, stop = end; /* the run ends where a larger extent could begin */

    for (unsigned int i = 0;; i++) {
        unsigned int order = orders[i];
        uint64_t mask = (UINT64_C(1) << order) - 1, first = (gfn + mask) & ~mask;

        if (order > limit || first > end || end - first <= mask)
            continue; /* not wanted, or no such extent in the range; 4 KiB always is */
        if (first == gfn)
            return (struct extent_run){order, (stop - gfn) >> order};
        if (first < stop)
            stop = first;
    }
}

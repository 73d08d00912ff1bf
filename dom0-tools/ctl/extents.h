// SPDX-License-Identifier: MIT
/*
 * Cutting a range of guest frames into extents of the CPU's page sizes.
 */
#ifndef CTL_EXTENTS_H
#define CTL_EXTENTS_H

#include <stdint.h>

#define ORDER_1GIB 18u
#define ORDER_2MIB 9u
#define ORDER_4KIB 0u

/* @count extents of 2^@order pages each, one after the other. */
struct extent_run {
    unsigned int order;
    uint64_t count;
};

/*
 * The extents that [gfn, gfn + pages) should start with: of the largest order up to @limit that @gfn is
 * aligned to and
 * @pages has room for, and as many as there are before a larger order fits. @pages > 0; the run is never
 * empty.
 */
struct extent_run extent_run_next(uint64_t gfn, uint64_t pages, unsigned int limit);

#endif

// SPDX-License-Identifier: MIT
/*
 * The new guest's memory as the builder sees it: where RAM is, and how to reach a run of its pages. In dom0
 * the pages are foreign mappings; in the host's unit tests they are a plain buffer, so everything above this
 * seam runs there.
 */
#ifndef DOM0_BUILDER_MEMORY_H
#define DOM0_BUILDER_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dom0/error.h>

#define GUEST_PAGE_SHIFT 12
#define GUEST_PAGE_SIZE  (UINT64_C(1) << GUEST_PAGE_SHIFT)
#define GUEST_4GIB       (UINT64_C(1) << 32)

/* RAM is [0, low_end) and, if high_end is not 0, [4 GiB, high_end). Both are whole pages and arrive zeroed.
 */
struct guest_memory {
    uint64_t low_end;  /* bytes, ≤ 4 GiB */
    uint64_t high_end; /* 0 or > 4 GiB */
    /* Map @count pages from @gfn on, read-write, at consecutive addresses; NULL and *err if that fails. */
    void *(*map)(struct guest_memory *memory, uint64_t gfn, size_t count, struct error *err);
    void (*unmap)(struct guest_memory *memory, void *address, size_t count);
};

/* Is all of [gpa, gpa + size) RAM? False if it wraps around; true for size 0 inside RAM. */
bool guest_memory_has(const struct guest_memory *memory, uint64_t gpa, uint64_t size);

/*
 * Copy @size bytes to @gpa, mapping just the pages written, few at a time. The caller has checked the range
 * with guest_memory_has(), or populated it. Returns 0 or a negative errno.
 */
int guest_memory_write(struct guest_memory *memory, uint64_t gpa, const void *data, size_t size,
                       struct error *err);

static inline uint64_t guest_page_round_up(uint64_t address)
{
    return (address + GUEST_PAGE_SIZE - 1) & ~(GUEST_PAGE_SIZE - 1);
}

#endif

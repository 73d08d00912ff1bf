// SPDX-License-Identifier: MIT
//
// Memory. Address space: guest-physical memory is mapped at its own address (identity), so a page's gfn is
// its address >> 12; malloc's heap and thread stacks live in windows of the upper half, backed page by page
// from whatever RAM there is. Page 0 is never mapped. Only RAM of the memory map is ever touched, minus the
// image, start_info, modules and command lines. Above the last entry of the memory map lies the gfn window:
// gfns without RAM, for foreign, grant and Xen-owned pages.
#ifndef GUEST_MEM_H
#define GUEST_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>

#ifndef PAGE_SIZE
#define PAGE_SHIFT 12
#define PAGE_SIZE  4096UL
#endif

// Allocates `count` contiguous pages, not cleared; NULL when there are none. Freed pages may be any part of
// an allocation.
void *page_alloc(size_t count);
void page_free(void *pages, size_t count);

// Identity addresses to gfns and back. mem_gfn_of also translates heap and stack addresses by a page-table
// walk; contiguous there only within a page. INVALID_GFN when not mapped.
#define INVALID_GFN UINT64_MAX
uint64_t mem_gfn_of(const void *address);
static inline void *mem_of_gfn(uint64_t gfn)
{
    return (void *)(uintptr_t)(gfn << 12);
}

// Takes `count` contiguous gfns of the window (1 GiB in all) with nothing behind them; INVALID_GFN when full.
// Their addresses, mem_of_gfn, are mapped read-write.
uint64_t gfn_window_alloc(size_t count);
void gfn_window_free(uint64_t gfn, size_t count);

// Makes guest-physical [gpa, gpa + size) reachable at its own address: MMIO, or RAM found later. 0 or
// -ENOMEM.
#define MEM_UNCACHED 1u
int mem_map_window(uint64_t gpa, uint64_t size, unsigned flags);

// Maps `count` pages of domain `dom` into the window, in few hypercalls. errors, if not NULL, gets 0 or a
// negative errno per page. Returns their address if every page was mapped, or if errors is given and at least
// one was; else NULL with errno set, and nothing stays mapped.
void *foreign_map(domid_t dom, const uint64_t *gfns, size_t count, int *errors);
void foreign_unmap(void *address, size_t count);

struct mem_info {
    uint64_t total;  // bytes of RAM in the memory map
    uint64_t free;   // bytes neither allocated nor part of heap and stacks
    uint64_t heap;   // bytes behind malloc's heap
    uint64_t window; // bytes of the gfn window that are taken
};
void mem_info(struct mem_info *info);

#endif

// SPDX-License-Identifier: MIT
//
// The gfn window: 1 GiB of guest-physical addresses with no RAM behind, where foreign, grant and Xen-owned
// pages are put. It lies above everything in the memory map, for dom0's sake: there gfn = mfn, and a gfn the
// map names is a place of the machine. Should nothing be left below the physical address width, it is the
// highest free gigabyte.

#include <stdint.h>
#include <guest/mem.h>
#include <guest/shutdown.h>
#include "kit.h"

#define WINDOW_PAGES (UINT64_C(1) << 18)
#define WINDOW_SIZE  (WINDOW_PAGES << PAGE_SHIFT)
#define FOUR_GIB     (UINT64_C(4) << 30)

static uint64_t window_gfn;
static uint64_t taken[BITMAP_WORDS(WINDOW_PAGES)];
static size_t hint, pages_taken;

static uint64_t end_of_map(const struct hvm_start_info *info)
{
    const struct hvm_memmap_table_entry *map = (const void *)info->memmap_paddr;
    uint64_t end = FOUR_GIB;
    for (uint32_t i = 0; i < info->memmap_entries; i++)
        if (map[i].addr + map[i].size > end)
            end = map[i].addr + map[i].size;
    return end;
}

static bool in_use(const struct hvm_start_info *info, uint64_t start)
{
    const struct hvm_memmap_table_entry *map = (const void *)info->memmap_paddr;
    for (uint32_t i = 0; i < info->memmap_entries; i++)
        if (map[i].addr < start + WINDOW_SIZE && start < map[i].addr + map[i].size)
            return true;
    return false;
}

void gfn_window_init(const struct hvm_start_info *info)
{
    uint64_t limit = UINT64_C(1) << paging_physical_bits();
    uint64_t start = (end_of_map(info) + WINDOW_SIZE - 1) & ~(WINDOW_SIZE - 1);
    if (start + WINDOW_SIZE > limit)
        for (start = limit - WINDOW_SIZE; start > FOUR_GIB && in_use(info, start);)
            start -= WINDOW_SIZE;
    if (mem_map_window(start, WINDOW_SIZE, 0))
        guest_panic("no memory for the page tables of the gfn window");
    window_gfn = start >> PAGE_SHIFT;
}

uint64_t gfn_window_alloc(size_t count)
{
    size_t first = bitmap_take(taken, WINDOW_PAGES, count, &hint);
    if (first == WINDOW_PAGES)
        return INVALID_GFN;
    pages_taken += count;
    return window_gfn + first;
}

void gfn_window_free(uint64_t gfn, size_t count)
{
    bitmap_give(taken, gfn - window_gfn, count, &hint);
    pages_taken -= count;
}

uint64_t gfn_window_size_taken(void)
{
    return (uint64_t)pages_taken << PAGE_SHIFT;
}

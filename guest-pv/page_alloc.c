// SPDX-License-Identifier: MIT
//
// Pages of RAM. Every RAM entry of the memory map becomes a range with a bitmap, kept in the range's own
// first pages that nothing else occupies. What the loader put there (image, start_info, memory map, modules,
// command lines) is found again by walking start_info, and marked taken.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <guest/mem.h>
#include <guest/shutdown.h>
#include "kit.h"

#define MAX_RANGES 64

struct ram_range {
    uint64_t gfn;
    size_t pages, free, hint;
    uint64_t *taken;
};

static struct ram_range ranges[MAX_RANGES];
static unsigned range_count;
static uint64_t total_pages;

struct span {
    uint64_t start, end; // bytes
};

static struct span span_of(uint64_t start, uint64_t size)
{
    return (struct span){start, start + size};
}

static struct span span_of_string(uint64_t address)
{
    return span_of(address, address ? strlen((const char *)address) + 1 : 0);
}

// The n-th thing the loader placed; false beyond the last. Unused ones are empty.
static bool loaded(const struct hvm_start_info *info, unsigned n, struct span *span)
{
    const struct hvm_modlist_entry *modules = (const void *)info->modlist_paddr;
    switch (n) {
    case 0: *span = (struct span){(uintptr_t)guest_image_start, (uintptr_t)guest_image_end}; return true;
    case 1: *span = span_of((uintptr_t)info, sizeof(*info)); return true;
    case 2: *span = span_of(info->modlist_paddr, info->nr_modules * sizeof(modules[0])); return true;
    case 3:
        *span = span_of(info->memmap_paddr, info->memmap_entries * sizeof(struct hvm_memmap_table_entry));
        return true;
    case 4: *span = span_of_string(info->cmdline_paddr); return true;
    case 5: *span = span_of(0, PAGE_SIZE); return true;
    }
    unsigned module = (n - 5) / 2;
    if (module >= info->nr_modules)
        return false;
    *span = n % 2 == 0 ? span_of_string(modules[module].cmdline_paddr)
                       : span_of(modules[module].paddr, modules[module].size);
    return true;
}

// First address at or above `start`, page aligned, from where `size` bytes hold nothing loaded.
static uint64_t find_gap(const struct hvm_start_info *info, uint64_t start, uint64_t size)
{
    struct span span;
    for (unsigned n = 0; loaded(info, n, &span); n++) {
        if (span.start < span.end && start < span.end && span.start < start + size) {
            start = (span.end + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
            n = -1u; // something before may stand in the new place
        }
    }
    return start;
}

static void take_pages(struct ram_range *range, struct span span)
{
    uint64_t first = span.start >> PAGE_SHIFT;
    uint64_t end = (span.end + PAGE_SIZE - 1) >> PAGE_SHIFT;
    if (first < range->gfn)
        first = range->gfn;
    if (end > range->gfn + range->pages)
        end = range->gfn + range->pages;
    if (span.start < span.end && first < end)
        bitmap_set(range->taken, first - range->gfn, end - first);
}

static size_t count_free(const struct ram_range *range)
{
    size_t free = 0;
    for (size_t word = 0; word < BITMAP_WORDS(range->pages); word++)
        free += (size_t)__builtin_popcountll(~range->taken[word]);
    return free - (BITMAP_WORDS(range->pages) * 64 - range->pages); // the last word's bits beyond the range
}

static void add_range(const struct hvm_start_info *info, uint64_t gfn, size_t pages)
{
    struct ram_range *range = &ranges[range_count];
    size_t map_size = BITMAP_WORDS(pages) * sizeof(uint64_t);
    uint64_t map = find_gap(info, gfn << PAGE_SHIFT, map_size);
    struct span span;

    if (map + map_size > (gfn + pages) << PAGE_SHIFT || range_count == MAX_RANGES ||
        mem_map_window(gfn << PAGE_SHIFT, pages << PAGE_SHIFT, 0))
        return;
    *range = (struct ram_range){.gfn = gfn, .pages = pages, .taken = (uint64_t *)map};
    memset(range->taken, 0, map_size);
    for (unsigned n = 0; loaded(info, n, &span); n++)
        take_pages(range, span);
    take_pages(range, span_of(map, map_size));
    range->free = count_free(range);
    range_count++;
}

void page_alloc_init(const struct hvm_start_info *info)
{
    const struct hvm_memmap_table_entry *map = (const void *)info->memmap_paddr;
    uint32_t entries = info->version >= 1 ? info->memmap_entries : 0;
    for (uint32_t i = 0; i < entries; i++) {
        uint64_t first = (map[i].addr + PAGE_SIZE - 1) >> PAGE_SHIFT;
        uint64_t end = (map[i].addr + map[i].size) >> PAGE_SHIFT;
        if (map[i].type != XEN_HVM_MEMMAP_TYPE_RAM || first >= end)
            continue;
        total_pages += end - first;
        first += first == 0; // page 0 stays unmapped
        add_range(info, first, end - first);
    }
    if (!range_count)
        guest_panic("the start information lists no usable RAM");
}

void *page_alloc(size_t count)
{
    for (struct ram_range *range = ranges; count && range < ranges + range_count; range++) {
        if (range->free < count)
            continue;
        size_t page = bitmap_take(range->taken, range->pages, count, &range->hint);
        if (page == range->pages)
            continue;
        range->free -= count;
        return mem_of_gfn(range->gfn + page);
    }
    return NULL;
}

void page_free(void *pages, size_t count)
{
    uint64_t gfn = (uintptr_t)pages >> PAGE_SHIFT;
    for (struct ram_range *range = ranges; range < ranges + range_count; range++) {
        if (gfn < range->gfn || gfn + count > range->gfn + range->pages)
            continue;
        bitmap_give(range->taken, gfn - range->gfn, count, &range->hint);
        range->free += count;
        return;
    }
    guest_panic("page_free(%p, %lu): not RAM", pages, count);
}

void mem_info(struct mem_info *info)
{
    uint64_t free = 0;
    for (unsigned i = 0; i < range_count; i++)
        free += ranges[i].free;
    *info = (struct mem_info){
        .total = total_pages << PAGE_SHIFT,
        .free = free << PAGE_SHIFT,
        .heap = heap_size(),
        .window = gfn_window_size_taken(),
    };
}

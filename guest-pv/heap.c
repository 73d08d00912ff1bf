// SPDX-License-Identifier: MIT
//
// malloc's heap: a window of addresses whose pages are backed as malloc asks for more, and given back when it
// trims. newlib takes fresh memory from sbrk for cleared (calloc doesn't clear it again), so it is.

#include <stdint.h>
#include <string.h>
#include <guest/mem.h>
#include "kit.h"

static uint64_t heap_end = HEAP_WINDOW;    // what malloc has
static uint64_t heap_backed = HEAP_WINDOW; // page aligned, up to where there are pages

static void heap_trim(uint64_t end)
{
    while (heap_backed > end) {
        heap_backed -= PAGE_SIZE;
        page_free((void *)paging_unmap_page(heap_backed), 1);
    }
}

static bool heap_grow(uint64_t end)
{
    uint64_t before = heap_backed;
    for (; heap_backed < end; heap_backed += PAGE_SIZE) {
        void *page = page_alloc(1);
        if (!page || paging_map_page(heap_backed, (uintptr_t)page)) {
            if (page)
                page_free(page, 1);
            heap_trim(before);
            return false;
        }
        memset(page, 0, PAGE_SIZE);
    }
    return true;
}

uint64_t heap_move_end(int64_t by)
{
    uint64_t before = heap_end, end = heap_end + (uint64_t)by;
    if (end < HEAP_WINDOW || end > HEAP_WINDOW + HEAP_WINDOW_SIZE)
        return 0;
    uint64_t backed = (end + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    if (backed > heap_backed && !heap_grow(backed))
        return 0;
    if (by < 0 && end < before) {
        heap_trim(backed);
        memset((void *)end, 0, heap_backed - end);
    }
    heap_end = end;
    return before;
}

uint64_t heap_size(void)
{
    return heap_backed - HEAP_WINDOW;
}

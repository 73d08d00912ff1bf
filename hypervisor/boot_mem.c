// SPDX-License-Identifier: MIT
// Early memory: the free RAM ranges before the buddy allocator takes over. A sorted array of disjoint ranges,
// edited by the boot cpu only.

#include <hv/boot_info.h>
#include <hv/printk.h>

#define MAX_RANGES (2 * BOOT_MAX_REGIONS + BOOT_MAX_MODULES)

struct range {
    maddr_t start, end;
};

static struct range ranges[MAX_RANGES];
static unsigned nr_ranges;

static void remove_range(unsigned i)
{
    nr_ranges--;
    for (; i < nr_ranges; i++)
        ranges[i] = ranges[i + 1];
}

static void insert_range(unsigned i, maddr_t start, maddr_t end)
{
    if (nr_ranges == MAX_RANGES)
        panic("more than %u pieces of free memory at boot: the memory map is too fragmented", MAX_RANGES);
    for (unsigned j = nr_ranges; j > i; j--)
        ranges[j] = ranges[j - 1];
    nr_ranges++;
    ranges[i] = (struct range){start, end};
}

void boot_mem_init(const struct boot_info *info)
{
    nr_ranges = 0;
    for (unsigned i = 0; i < info->nr_regions; i++) {
        const struct mem_region *region = &info->regions[i];
        // Frame 0 stays out: address 0 means "none" in this allocator.
        maddr_t start = MAX(ALIGN_UP(region->start, PAGE_SIZE), PAGE_SIZE);
        maddr_t end = ALIGN_DOWN(region->end, PAGE_SIZE);

        if (region->type == MEM_RAM && start < end)
            insert_range(nr_ranges, start, end);
    }
}

void boot_mem_reserve(maddr_t start, maddr_t end)
{
    start = ALIGN_DOWN(start, PAGE_SIZE);
    end = ALIGN_UP(end, PAGE_SIZE);
    for (unsigned i = 0; i < nr_ranges;) {
        struct range r = ranges[i];

        if (end <= r.start || r.end <= start) {
            i++;
            continue;
        }
        remove_range(i);
        if (end < r.end)
            insert_range(i, end, r.end);
        if (r.start < start)
            insert_range(i++, r.start, start);
    }
}

void boot_mem_free(maddr_t start, maddr_t end)
{
    unsigned i = 0;

    while (i < nr_ranges && ranges[i].end < start)
        i++;
    // Ranges that touch the new one become part of it.
    while (i < nr_ranges && ranges[i].start <= end) {
        start = MIN(start, ranges[i].start);
        end = MAX(end, ranges[i].end);
        remove_range(i);
    }
    insert_range(i, start, end);
}

bool boot_mem_is_free(maddr_t start, maddr_t end)
{
    for (unsigned i = 0; i < nr_ranges; i++)
        if (ranges[i].start <= start && end <= ranges[i].end)
            return true;
    return false;
}

maddr_t boot_mem_alloc(uint64_t size, uint64_t align, maddr_t below)
{
    size = ALIGN_UP(size, PAGE_SIZE);
    for (unsigned i = nr_ranges; i-- > 0;) {
        maddr_t end = below && below < ranges[i].end ? below : ranges[i].end;

        if (end < size || ALIGN_DOWN(end - size, align) < ranges[i].start)
            continue;
        maddr_t start = ALIGN_DOWN(end - size, align);
        boot_mem_reserve(start, start + size);
        return start;
    }
    return 0;
}

void boot_mem_release(void (*fn)(maddr_t start, maddr_t end))
{
    for (unsigned i = 0; i < nr_ranges; i++)
        fn(ranges[i].start, ranges[i].end);
    nr_ranges = 0;
}

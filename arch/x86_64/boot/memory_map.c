// SPDX-License-Identifier: MIT
// The machine's memory map, made sorted and disjoint from whatever the firmware reports.

#include <hv/boot_info.h>

#include <asm/multiboot.h>

#define ADDRESS_LIMIT (1UL << 52) // the most x86-64 can address
#define RAM_LIMIT     (1UL << 44) // page records hold 32-bit frame numbers

static void remove_region(struct boot_info *info, unsigned i)
{
    info->nr_regions--;
    for (; i < info->nr_regions; i++)
        info->regions[i] = info->regions[i + 1];
}

// The caller has made room.
static void insert_region(struct boot_info *info, struct mem_region region)
{
    unsigned i = info->nr_regions++;

    for (; i > 0 && info->regions[i - 1].start > region.start; i--)
        info->regions[i] = info->regions[i - 1];
    info->regions[i] = region;
}

// Gives up the smallest region. All RAM is added before anything else, so where a reserved region is
// forgotten there is nothing, not RAM.
static void drop_smallest(struct boot_info *info)
{
    unsigned victim = 0;
    uint64_t smallest = ~0UL;

    for (unsigned i = 0; i < info->nr_regions; i++) {
        uint64_t size = info->regions[i].end - info->regions[i].start;

        if (size < smallest) {
            victim = i;
            smallest = size;
        }
    }
    remove_region(info, victim);
}

// Takes [start, end) out of every region; needs room for one more, when that leaves a region in two pieces.
static void cut(struct boot_info *info, maddr_t start, maddr_t end)
{
    for (unsigned i = 0; i < info->nr_regions;) {
        struct mem_region r = info->regions[i];

        if (end <= r.start || r.end <= start) {
            i++;
            continue;
        }
        remove_region(info, i);
        if (r.start < start)
            insert_region(info, (struct mem_region){r.start, start, r.type});
        if (end < r.end)
            insert_region(info, (struct mem_region){end, r.end, r.type});
        i = 0;
    }
}

static void join_neighbours(struct boot_info *info)
{
    for (unsigned i = 1; i < info->nr_regions;) {
        struct mem_region *left = &info->regions[i - 1], *right = &info->regions[i];

        if (left->type == right->type && left->end == right->start) {
            left->end = right->end;
            remove_region(info, i);
        } else {
            i++;
        }
    }
}

void memory_map_add(struct boot_info *info, maddr_t start, maddr_t end, enum mem_type type)
{
    end = MIN(end, type == MEM_RAM ? RAM_LIMIT : ADDRESS_LIMIT);
    if (start >= end)
        return;
    while (info->nr_regions + 2 > BOOT_MAX_REGIONS)
        drop_smallest(info);
    cut(info, start, end);
    insert_region(info, (struct mem_region){start, end, type});
    join_neighbours(info);
}

void memory_map_finish(struct boot_info *info)
{
    for (unsigned i = 0; i < info->nr_regions;) {
        struct mem_region *r = &info->regions[i];

        if (r->type == MEM_RAM) {
            r->start = ALIGN_UP(r->start, PAGE_SIZE);
            r->end = ALIGN_DOWN(r->end, PAGE_SIZE);
        }
        if (r->start >= r->end)
            remove_region(info, i);
        else
            i++;
    }
}

// SPDX-License-Identifier: MIT
// The buddy allocator and the records of machine pages.
//
// A free block of 2^order pages is described by the record of its first frame (PAGE_FREE, order) and linked
// by frame numbers in free_list[order]. Records of the other frames of a free block have refs 0 and no flags.
// Two free buddies always become one block.

#include <hv/arch.h>
#include <hv/domain.h>
#include <hv/lock.h>
#include <hv/page_alloc.h>
#include <hv/printk.h>
#include <hv/string.h>

static struct spinlock alloc_lock = SPINLOCK(LOCK_PAGE_ALLOC);
struct page_info *page_records;
uint64_t page_records_end;
static uint32_t free_list[MAX_ORDER + 1]; // frame number of the first block, 0: none
static uint64_t total_pages, free_pages, hv_pages;

static void link_block(uint64_t frame, unsigned order)
{
    struct page_info *page = &page_records[frame];

    page->flags = PAGE_FREE;
    page->order = order;
    page->owner = DOMID_INVALID;
    page->prev = 0;
    page->next = free_list[order];
    if (page->next)
        page_records[page->next].prev = frame;
    free_list[order] = frame;
}

static void unlink_block(uint64_t frame)
{
    struct page_info *page = &page_records[frame];

    if (page->prev)
        page_records[page->prev].next = page->next;
    else
        free_list[page->order] = page->next;
    if (page->next)
        page_records[page->next].prev = page->prev;
    page->flags &= ~PAGE_FREE;
}

static void free_block(uint64_t frame, unsigned order)
{
    free_pages += 1UL << order;
    for (; order < MAX_ORDER; order++) {
        uint64_t buddy = frame ^ (1UL << order);

        if (buddy >= page_records_end || !(page_records[buddy].flags & PAGE_FREE) ||
            page_records[buddy].order != order)
            break;
        unlink_block(buddy);
        page_records[frame].flags = 0;
        frame &= ~(1UL << order);
    }
    link_block(frame, order);
}

// Takes a block off the lists, cutting a larger one when needed. Leaves the halves it cuts off on their
// lists.
static uint64_t take_block(unsigned order, uint64_t below)
{
    for (unsigned from = order; from <= MAX_ORDER; from++) {
        uint64_t frame = free_list[from];

        while (frame && below && frame + (1UL << order) > below)
            frame = page_records[frame].next;
        if (!frame)
            continue;
        unlink_block(frame);
        while (from > order) {
            from--;
            link_block(frame + (1UL << from), from);
        }
        free_pages -= 1UL << order;
        return frame;
    }
    return 0;
}

static void release_range(maddr_t start, maddr_t end)
{
    uint64_t frame = start >> PAGE_SHIFT, last = end >> PAGE_SHIFT;

    while (frame < last) {
        unsigned order = 0;

        while (order < MAX_ORDER && !(frame & (1UL << order)) && frame + (2UL << order) <= last)
            order++;
        free_block(frame, order);
        frame += 1UL << order;
    }
}

// Frames the boot map calls RAM: allocatable ones and those taken before (image, modules, dom0's RAM, these
// records).
static uint64_t count_ram(void)
{
    uint64_t pages = 0;

    for (unsigned i = 0; i < boot_info.nr_regions; i++) {
        const struct mem_region *region = &boot_info.regions[i];

        if (region->type != MEM_RAM)
            continue;
        page_records_end = MAX(page_records_end, region->end >> PAGE_SHIFT);
        pages += (region->end - region->start) >> PAGE_SHIFT;
    }
    return pages;
}

void page_alloc_init(void)
{
    total_pages = count_ram();
    page_records = arch_frame_table(sizeof(struct page_info));
    boot_mem_release(release_range);
    hv_pages = total_pages - free_pages; // less what dom0 will be given
}

mfn_t page_alloc(unsigned order, unsigned flags)
{
    if (order > MAX_ORDER)
        return MFN_INVALID;
    spin_lock(&alloc_lock);
    uint64_t frame = take_block(order, flags & PAGE_ALLOC_BELOW_4G ? 1UL << (32 - PAGE_SHIFT) : 0);
    if (frame) {
        hv_pages += 1UL << order;
        page_records[frame].refs = 1;
        page_records[frame].owner = DOMID_HV;
    }
    spin_unlock(&alloc_lock);
    if (!frame)
        return MFN_INVALID;
    if (flags & PAGE_ALLOC_ZERO)
        page_scrub(MFN(frame), order);
    return MFN(frame);
}

void page_free(mfn_t mfn, unsigned order)
{
    ASSERT(page_records[mfn.n].refs == 1 && page_records[mfn.n].owner == DOMID_HV);
    spin_lock(&alloc_lock);
    page_records[mfn.n].refs = 0;
    hv_pages -= 1UL << order;
    free_block(mfn.n, order);
    spin_unlock(&alloc_lock);
}

// The charge holds a reference to the domain, so that the owner of a page can always be found.
static bool charge(struct domain *d, uint64_t count)
{
    uint64_t pages = __atomic_load_n(&d->tot_pages, __ATOMIC_RELAXED);

    do {
        if (pages + count > d->max_pages)
            return false;
    } while (!__atomic_compare_exchange_n(&d->tot_pages, &pages, pages + count, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    if (pages == 0)
        domain_get(d);
    return true;
}

static void uncharge(struct domain *d, uint64_t count)
{
    if (__atomic_sub_fetch(&d->tot_pages, count, __ATOMIC_RELAXED) == 0)
        domain_put(d);
}

mfn_t page_alloc_domain(struct domain *d, unsigned order, unsigned flags)
{
    uint64_t count = 1UL << order;

    if (order > MAX_ORDER || !charge(d, count))
        return MFN_INVALID;
    spin_lock(&alloc_lock);
    uint64_t frame = take_block(order, flags & PAGE_ALLOC_BELOW_4G ? 1UL << (32 - PAGE_SHIFT) : 0);
    spin_unlock(&alloc_lock);
    if (!frame) {
        uncharge(d, count);
        return MFN_INVALID;
    }
    for (uint64_t i = 0; i < count; i++)
        page_records[frame + i] = (struct page_info){.refs = 1, .owner = d->id};
    return MFN(frame);
}

void page_free_domain(struct domain *d, mfn_t mfn, unsigned order)
{
    uint64_t count = 1UL << order;

    for (uint64_t i = 0; i < count; i++) {
        ASSERT(page_records[mfn.n + i].refs == 1 && page_records[mfn.n + i].owner == d->id);
        page_records[mfn.n + i].refs = 0;
    }
    spin_lock(&alloc_lock);
    free_block(mfn.n, order);
    spin_unlock(&alloc_lock);
    uncharge(d, count);
}

void page_scrub(mfn_t mfn, unsigned order)
{
    for (uint64_t i = 0; i < 1UL << order; i++)
        memset(mfn_to_virt(mfn_add(mfn, i)), 0, PAGE_SIZE);
}

void page_assign(mfn_t mfn, struct domain *d)
{
    page_records[mfn.n] = (struct page_info){.refs = 1, .owner = d->id};
    hv_pages--;
    if (d->tot_pages++ == 0)
        domain_get(d);
}

void page_mark_boot_file(mfn_t mfn)
{
    page_records[mfn.n] = (struct page_info){.refs = 1, .owner = DOMID_HV, .flags = PAGE_BOOT};
    hv_pages--;
}

static void uncharge_owner(domid_t owner)
{
    struct domain *d = domain_lookup_dying_too(owner);

    uncharge(d, 1);
    domain_put(d);
}

void page_free_last(mfn_t mfn, const struct page_info *page)
{
    domid_t owner = page->owner;
    bool boot_file = page->flags & PAGE_BOOT;
    if (owner != DOMID_HV)
        uncharge_owner(owner);
    spin_lock(&alloc_lock);
    if (owner == DOMID_HV && !boot_file)
        hv_pages--;
    free_block(mfn.n, 0);
    spin_unlock(&alloc_lock);
}

uint64_t page_total(void)
{
    return total_pages;
}

uint64_t page_free_count(void)
{
    return free_pages;
}

uint64_t page_hv_count(void)
{
    return hv_pages;
}

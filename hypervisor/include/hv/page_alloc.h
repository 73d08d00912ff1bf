// SPDX-License-Identifier: MIT
// Machine pages: a 16-byte record per frame, a buddy allocator of free ones, owner and reference count of the
// others.
#pragma once

#include <hv/boot_info.h>
#include <hv/printk.h>
#include <hv/types.h>

struct domain;

#define MAX_ORDER 18        // 1 GiB
#define DOMID_HV  DOMID_XEN // owner of the hypervisor's own pages

enum page_flags {
    PAGE_FREE = 1 << 0, // head of a free buddy block
    PAGE_BOOT = 1 << 1, // boot module: not counted as the hypervisor's own
};

// One per frame, indexed by mfn. A page in use is freed when `refs` reaches zero. References are held by: the
// allocation itself for hypervisor pages; each p2m entry, foreign mapping and grant mapping for guest pages.
struct page_info {
    uint32_t refs;       // 0 when free
    domid_t owner;       // charged domain, DOMID_HV, or DOMID_INVALID when free
    uint8_t order;       // of the free block that starts here
    uint8_t flags;       // enum page_flags
    uint32_t next, prev; // free list links: frame numbers, 0 ends the list
};

_Static_assert(sizeof(struct page_info) == 16, "16 MiB of records for 4 GiB of RAM");

// Takes over all memory left in the boot allocator.
void page_alloc_init(void);

extern struct page_info *page_records; // [page_records_end]; those of holes read as zeros
extern uint64_t page_records_end;

// The record of a frame, or NULL if it is not RAM known to the allocator.
static inline struct page_info *page_info(mfn_t mfn)
{
    return mfn.n < page_records_end ? &page_records[mfn.n] : NULL;
}

#define PAGE_ALLOC_ZERO     1U // contents must be zero
#define PAGE_ALLOC_BELOW_4G 2U

// 2^order contiguous, naturally aligned pages for the hypervisor's own use; MFN_INVALID when there are none.
// Contents are undefined without PAGE_ALLOC_ZERO.
mfn_t page_alloc(unsigned order, unsigned flags);
void page_free(mfn_t mfn, unsigned order);

// Pages for a guest: charged to d->tot_pages (against d->max_pages), each page with owner d and one reference
// which the caller hands to a p2m entry. Contents are NOT scrubbed: the caller calls page_scrub() before a
// guest can see them.
mfn_t page_alloc_domain(struct domain *d, unsigned order, unsigned flags);
// Takes such an extent back while its references are still the only ones.
void page_free_domain(struct domain *d, mfn_t mfn, unsigned order);

// Makes the pages zero.
void page_scrub(mfn_t mfn, unsigned order);

// Frames taken from boot_mem rather than from the allocator, with one reference for the p2m: dom0's RAM (not
// checked against max_pages) and boot modules (owned by the hypervisor, freed should dom0 ever unmap them).
void page_assign(mfn_t mfn, struct domain *d);
void page_mark_boot_file(mfn_t mfn);

// Takes a reference if the frame is in use. The caller knows by a lock or a reference of its own that it is
// the frame it means.
static inline bool page_get(mfn_t mfn)
{
    struct page_info *page = page_info(mfn);

    if (!page)
        return false;
    uint32_t refs = __atomic_load_n(&page->refs, __ATOMIC_RELAXED);
    do {
        if (refs == 0 || refs == UINT32_MAX)
            return false;
    } while (
        !__atomic_compare_exchange_n(&page->refs, &refs, refs + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    return true;
}

void page_free_last(mfn_t mfn, const struct page_info *page); // for page_put()

// Drops one reference; the last one uncharges the owner and frees the page. Never sleeps, never fails.
static inline void page_put(mfn_t mfn)
{
    struct page_info *page = page_info(mfn);

    ASSERT(page && page->refs > 0);
    if (__atomic_sub_fetch(&page->refs, 1, __ATOMIC_ACQ_REL) == 0)
        page_free_last(mfn, page);
}

uint64_t page_total(void); // RAM frames handed to the allocator at boot, plus those in use since before
uint64_t page_free_count(void);
uint64_t page_hv_count(void); // frames the hypervisor keeps for itself, image and records included

// Page-aligned host address of a frame through the direct map.
void *mfn_to_virt(mfn_t mfn);
mfn_t virt_to_mfn(const void *virt);

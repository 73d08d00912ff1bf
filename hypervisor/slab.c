// SPDX-License-Identifier: MIT
// Small objects: one free list per power-of-two size class, cut from whole pages; a page goes back to the
// allocator when all its objects are free. The page's first object slot holds its header.

#include <hv/list.h>
#include <hv/lock.h>
#include <hv/page_alloc.h>
#include <hv/slab.h>
#include <hv/string.h>

#define MIN_SHIFT  5  // 32 bytes
#define MAX_SHIFT  10 // 1 KiB: three objects of it fit beside the header; larger objects are whole pages
#define NR_CLASSES (MAX_SHIFT - MIN_SHIFT + 1)

struct slab_page {
    struct list_node link; // on its class's list while it has a free object
    void *free;            // singly linked through the objects' first word
    uint32_t used, capacity;
};

_Static_assert(sizeof(struct slab_page) <= 1U << MIN_SHIFT,
               "the header takes one slot of the smallest class");

static struct spinlock slab_lock = SPINLOCK(LOCK_SLAB);
static struct list_node partial[NR_CLASSES];

static unsigned shift_of(size_t size)
{
    unsigned shift = MIN_SHIFT;

    while ((size_t)1 << shift < size)
        shift++;
    return shift;
}

static unsigned page_order(size_t size)
{
    unsigned order = 0;

    while (PAGE_SIZE << order < size)
        order++;
    return order;
}

static void *alloc_pages(size_t size)
{
    if (size > PAGE_SIZE << MAX_ORDER)
        return NULL;
    mfn_t mfn = page_alloc(page_order(size), PAGE_ALLOC_ZERO);
    return mfn_valid(mfn) ? mfn_to_virt(mfn) : NULL;
}

static struct slab_page *new_slab_page(unsigned shift)
{
    mfn_t mfn = page_alloc(0, 0);

    if (!mfn_valid(mfn))
        return NULL;
    struct slab_page *page = mfn_to_virt(mfn);
    *page = (struct slab_page){.capacity = (PAGE_SIZE >> shift) - 1};
    for (unsigned i = page->capacity; i > 0; i--) {
        void **object = (void **)((char *)page + ((size_t)i << shift));

        *object = page->free;
        page->free = object;
    }
    list_insert_tail(&partial[shift - MIN_SHIFT], &page->link);
    return page;
}

void *hv_alloc(size_t size)
{
    unsigned shift = shift_of(size);

    if (shift > MAX_SHIFT)
        return alloc_pages(size);
    spin_lock(&slab_lock);
    struct list_node *head = &partial[shift - MIN_SHIFT];
    if (!head->next)
        list_init(head);
    struct slab_page *page =
        list_empty(head) ? new_slab_page(shift) : list_entry(head->next, struct slab_page, link);
    if (!page) {
        spin_unlock(&slab_lock);
        return NULL;
    }
    void **object = page->free;
    page->free = *object;
    if (++page->used == page->capacity)
        list_remove(&page->link);
    spin_unlock(&slab_lock);
    return memset(object, 0, (size_t)1 << shift);
}

void hv_free(void *object, size_t size)
{
    unsigned shift = shift_of(size);

    if (!object)
        return;
    if (shift > MAX_SHIFT) {
        page_free(virt_to_mfn(object), page_order(size));
        return;
    }
    struct slab_page *page = (struct slab_page *)((uintptr_t)object & PAGE_MASK);
    spin_lock(&slab_lock);
    *(void **)object = page->free;
    page->free = object;
    if (page->used-- == page->capacity)
        list_insert_tail(&partial[shift - MIN_SHIFT], &page->link);
    if (page->used == 0) {
        list_remove(&page->link);
        page_free(virt_to_mfn(page), 0);
    }
    spin_unlock(&slab_lock);
}

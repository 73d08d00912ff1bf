// SPDX-License-Identifier: MIT
// The page-table walker. An "order" names a level by the size of its leaves: entries of the lowest table have
// order 0, the next 9, then 18, and those of the root of a 4-level tree 27.

#include <hv/page_alloc.h>
#include <hv/string.h>
#include <hv/types.h>

#include <asm/pt.h>

#define LEVEL_BITS 9

static unsigned root_order(const struct pt *pt)
{
    return (pt->format->levels - 1) * LEVEL_BITS;
}

static uint64_t nr_frames(const struct pt *pt)
{
    return 1UL << (root_order(pt) + LEVEL_BITS);
}

static unsigned slot_index(uint64_t frame, unsigned order)
{
    return (frame >> order) & ((1U << LEVEL_BITS) - 1);
}

static bool present(const struct pt_format *format, uint64_t entry)
{
    return entry & format->present_bits;
}

static mfn_t frame_of(uint64_t entry)
{
    return MFN((entry & PT_FRAME) >> PAGE_SHIFT);
}

static bool is_table(const struct pt_format *format, uint64_t entry, unsigned order)
{
    return order > 0 && present(format, entry) && !(entry & PT_LARGE);
}

// A processor may be walking these tables: what an entry refers to has to be complete before the entry can be
// seen.
static void set_entry(uint64_t *slot, uint64_t entry)
{
    __atomic_store_n(slot, entry, __ATOMIC_RELEASE);
}

static struct pt_leaf leaf_of(uint64_t entry, mfn_t mfn, unsigned order)
{
    return (struct pt_leaf){.mfn = mfn, .type = entry >> PT_TYPE_SHIFT & PT_TYPE_MASK, .order = order};
}

static struct pt_found *found_of(struct pt *pt, uint64_t frame)
{
    return &pt->found[(frame >> LEVEL_BITS) % PT_FOUND];
}

static uint64_t region_of(uint64_t frame)
{
    return (frame >> LEVEL_BITS) + 1;
}

// The table below `slot`; makes one when there is none, in which a leaf goes on as 512 smaller ones. NULL: no
// memory.
static uint64_t *table_below(struct pt *pt, uint64_t *slot, unsigned order)
{
    const struct pt_format *format = pt->format;
    unsigned sub_order = order - LEVEL_BITS;

    if (is_table(format, *slot, order))
        return mfn_to_virt(frame_of(*slot));
    mfn_t table = pt->alloc(pt->ctx);
    if (!mfn_valid(table))
        return NULL;
    uint64_t *slots = mfn_to_virt(table);
    if (present(format, *slot))
        for (unsigned i = 0; i < 1U << LEVEL_BITS; i++)
            slots[i] = format->make_leaf(mfn_add(frame_of(*slot), (uint64_t)i << sub_order), sub_order,
                                         format->attr(*slot));
    set_entry(slot, format->make_table(table));
    return slots;
}

// Puts `entry` (a leaf, or 0 to clear) where it belongs. A failure may leave a large leaf in smaller pieces
// or an empty table behind, but no translation changed.
static int put_entry(struct pt *pt, uint64_t frame, unsigned order, uint64_t entry)
{
    const struct pt_format *format = pt->format;
    const struct pt_found *found = found_of(pt, frame);
    uint64_t *slots, *slot;
    unsigned at;

    if (found->region == region_of(frame) && found->order >= order) {
        at = found->order;
        slots = found->slots;
    } else {
        at = root_order(pt);
        slots = mfn_to_virt(pt->root);
    }
    for (;; at -= LEVEL_BITS) {
        slot = &slots[slot_index(frame, at)];
        if (at == order)
            break;
        if (!entry && !present(format, *slot))
            return 0;
        slots = table_below(pt, slot, at);
        if (!slots)
            return -XEN_ENOMEM;
    }
    if (is_table(format, *slot, order))
        return -XEN_EEXIST;
    set_entry(slot, entry);
    return 0;
}

int pt_map(struct pt *pt, uint64_t frame, mfn_t mfn, unsigned order, struct pt_attr attr)
{
    return put_entry(pt, frame, order, pt->format->make_leaf(mfn, order, attr));
}

int pt_unmap(struct pt *pt, uint64_t frame, unsigned order)
{
    return put_entry(pt, frame, order, 0);
}

static inline struct pt_leaf what_is_at(const struct pt *pt, uint64_t entry, uint64_t frame, unsigned order)
{
    if (!present(pt->format, entry))
        return (struct pt_leaf){.mfn = MFN_INVALID, .order = order};
    return leaf_of(entry, mfn_add(frame_of(entry), frame & ((1UL << order) - 1)), order);
}

// Looks from the root, and notes the table it comes to.
static struct pt_leaf __attribute__((noinline))
lookup_from_root(struct pt *pt, struct pt_found *found, uint64_t frame)
{
    unsigned order = root_order(pt);
    uint64_t *slots = mfn_to_virt(pt->root), entry;

    if (frame >= nr_frames(pt))
        return (struct pt_leaf){.mfn = MFN_INVALID};
    while (entry = slots[slot_index(frame, order)], is_table(pt->format, entry, order)) {
        slots = mfn_to_virt(frame_of(entry));
        order -= LEVEL_BITS;
    }
    *found = (struct pt_found){region_of(frame), slots, order};
    return what_is_at(pt, entry, frame, order);
}

struct pt_leaf pt_lookup(struct pt *pt, uint64_t frame)
{
    struct pt_found *found = found_of(pt, frame);

    if (likely(found->region == region_of(frame))) {
        uint64_t entry = found->slots[slot_index(frame, found->order)];

        // It may be a table's by now.
        if (likely(!is_table(pt->format, entry, found->order)))
            return what_is_at(pt, entry, frame, found->order);
    }
    return lookup_from_root(pt, found, frame);
}

struct teardown {
    struct pt *pt;
    uint64_t frame; // everything below has been cleared
    unsigned budget;
    void (*leaf)(void *ctx, uint64_t frame, struct pt_leaf leaf);
};

static void clear_leaf(struct teardown *t, uint64_t *slot, unsigned order)
{
    uint64_t entry = *slot;

    set_entry(slot, 0);
    t->leaf(t->pt->ctx, t->frame, leaf_of(entry, frame_of(entry), order));
}

// Clears a table whose entries have `order`, from t->frame to its end. False when the budget ran out before
// that.
static bool clear_table(struct teardown *t, uint64_t *slots, unsigned order)
{
    const struct pt_format *format = t->pt->format;

    do {
        uint64_t *slot = &slots[slot_index(t->frame, order)];

        if (is_table(format, *slot, order)) {
            mfn_t table = frame_of(*slot);

            if (!clear_table(t, mfn_to_virt(table), order - LEVEL_BITS))
                return false;
            set_entry(slot, 0);
            memset(t->pt->found, 0, sizeof(t->pt->found));
            t->pt->free(t->pt->ctx, table);
            continue; // t->frame is past this slot already
        }
        if (present(format, *slot)) {
            if (t->budget == 0)
                return false;
            t->budget--;
            t->frame = ALIGN_DOWN(t->frame, 1UL << order);
            clear_leaf(t, slot, order);
        }
        t->frame = ALIGN_DOWN(t->frame, 1UL << order) + (1UL << order);
    } while (slot_index(t->frame, order) != 0);
    return true;
}

bool pt_teardown(struct pt *pt, uint64_t *cursor, unsigned budget,
                 void (*leaf)(void *ctx, uint64_t frame, struct pt_leaf leaf))
{
    struct teardown t = {.pt = pt, .frame = *cursor, .budget = budget, .leaf = leaf};
    bool done = *cursor >= nr_frames(pt) || clear_table(&t, mfn_to_virt(pt->root), root_order(pt));

    *cursor = t.frame;
    return done;
}

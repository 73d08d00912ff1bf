// SPDX-License-Identifier: MIT
// One walker for every x86 page table: 9 bits per level, leaves at 4 KiB, 2 MiB and 1 GiB. What an entry
// looks like is the format's business: pt_host.c (our own tables), pt_npt.c, pt_ept.c.
#pragma once

#include <hv/types.h>

// The same in all formats. No PAT bit, which would be bit 12 of a large leaf, is ever set.
#define PT_LARGE      0x80UL // a leaf above the lowest level
#define PT_FRAME      0x000ffffffffff000UL
#define PT_TYPE_SHIFT 52 // pt_attr.type, in four bits that are software's in all formats
#define PT_TYPE_MASK  0xfUL

// How an address may be used: format-independent leaf attributes.
struct pt_attr {
    bool write, exec;
    bool uncached;
    bool combining; // uncached, but writes may be gathered; host tables only
    uint8_t type;   // software bits, 0-15: enum p2m_type in guest tables
};

struct pt_format {
    unsigned levels;       // 4: 48-bit addresses
    unsigned max_order;    // largest leaf: ORDER_2M or ORDER_1G
    uint64_t present_bits; // an entry with any of these set is present
    uint64_t (*make_leaf)(mfn_t mfn, unsigned order, struct pt_attr attr);
    uint64_t (*make_table)(mfn_t table);
    struct pt_attr (*attr)(uint64_t entry); // of a leaf
};

// The deepest table found for a region of 2 MiB. Tables live until pt_teardown(), and so does the truth of
// this.
struct pt_found {
    uint64_t region; // frame >> 9, plus 1; 0: nothing
    uint64_t *slots;
    unsigned order; // of its entries
};

#define PT_FOUND 16 // power of two

struct pt {
    const struct pt_format *format;
    mfn_t root;
    struct pt_found found[PT_FOUND]; // walks begin here if they can
    // Table pages: zero-filled; MFN_INVALID when there are none.
    mfn_t (*alloc)(void *ctx);
    void (*free)(void *ctx, mfn_t table);
    void *ctx;
};

struct pt_leaf {
    mfn_t mfn;      // of the 4 KiB page asked for, MFN_INVALID: a hole
    unsigned type;  // pt_attr.type, 0 in a hole
    unsigned order; // of the leaf, or of the hole's level
};

// Maps 2^order naturally aligned pages, in place of what was mapped there, splitting larger leaves on the
// way. 0; -XEN_ENOMEM, with no translation changed; -XEN_EEXIST when a table is where a large leaf should go:
// processors may have cached it, so tables live until pt_teardown().
int pt_map(struct pt *pt, uint64_t frame, mfn_t mfn, unsigned order, struct pt_attr attr);
int pt_unmap(struct pt *pt, uint64_t frame, unsigned order);
struct pt_leaf pt_lookup(struct pt *pt, uint64_t frame); // a hole beyond the last frame
// Clears leaves from frame *cursor up, calling leaf() for each and freeing tables as they empty, at most
// `budget` leaves. True when nothing is left but the root table.
bool pt_teardown(struct pt *pt, uint64_t *cursor, unsigned budget,
                 void (*leaf)(void *ctx, uint64_t frame, struct pt_leaf leaf));

extern const struct pt_format pt_format_host;

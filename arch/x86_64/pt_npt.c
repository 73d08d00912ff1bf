// SPDX-License-Identifier: MIT
// The nested page table format of AMD-V: that of ordinary long-mode tables, walked as user accesses, with the
// p2m type in software bits (APM vol. 2, 15.25). Accessed and dirty bits are set from the start, since nobody
// reads them.

#include <asm/hvm/hvm.h>
#include <asm/pt.h>

#define NPT_PRESENT  (1UL << 0)
#define NPT_WRITE    (1UL << 1)
#define NPT_USER     (1UL << 2)
#define NPT_PWT      (1UL << 3) // with PCD: PAT entry 3, uncached
#define NPT_PCD      (1UL << 4)
#define NPT_ACCESSED (1UL << 5)
#define NPT_DIRTY    (1UL << 6)
#define NPT_NX       (1UL << 63)

static uint64_t npt_make_leaf(mfn_t mfn, unsigned order, struct pt_attr attr)
{
    return mfn.n << PAGE_SHIFT | NPT_PRESENT | NPT_USER | NPT_ACCESSED | NPT_DIRTY |
           (attr.write ? NPT_WRITE : 0) | (attr.exec ? 0 : NPT_NX) | (attr.uncached ? NPT_PWT | NPT_PCD : 0) |
           (order != ORDER_4K ? PT_LARGE : 0) | (uint64_t)attr.type << PT_TYPE_SHIFT;
}

static uint64_t npt_make_table(mfn_t table)
{
    return table.n << PAGE_SHIFT | NPT_PRESENT | NPT_WRITE | NPT_USER | NPT_ACCESSED;
}

static struct pt_attr npt_attr(uint64_t entry)
{
    return (struct pt_attr){
        .write = entry & NPT_WRITE,
        .exec = !(entry & NPT_NX),
        .uncached = entry & NPT_PCD,
        .type = entry >> PT_TYPE_SHIFT & PT_TYPE_MASK,
    };
}

struct pt_format pt_format_npt = {
    .levels = 4,
    .max_order = ORDER_2M,
    .present_bits = NPT_PRESENT,
    .make_leaf = npt_make_leaf,
    .make_table = npt_make_table,
    .attr = npt_attr,
};

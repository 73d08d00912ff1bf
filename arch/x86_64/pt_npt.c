// SPDX-License-Identifier: MIT
// The nested page table format of AMD-V: that of ordinary long-mode tables, walked as user accesses, with the
// p2m type in software bits (APM vol. 2, 15.25). Accessed and dirty bits are set from the start, since nobody
// reads them.

#include <asm/hvm/hvm.h>
#include <asm/pt.h>

#define NPT_PRESENT    (1UL << 0)
#define NPT_WRITE      (1UL << 1)
#define NPT_USER       (1UL << 2)
#define NPT_PWT        (1UL << 3) // with PCD: PAT entry 3, uncached
#define NPT_PCD        (1UL << 4)
#define NPT_ACCESSED   (1UL << 5)
#define NPT_DIRTY      (1UL << 6)
#define NPT_LARGE      (1UL << 7) // PAT in a 4 KiB entry: never set there
#define NPT_TYPE_SHIFT 52
#define NPT_NX         (1UL << 63)
#define NPT_FRAME      0x000ffffffffff000UL

static uint64_t npt_make_leaf(mfn_t mfn, unsigned order, struct pt_attr attr)
{
    return mfn.n << PAGE_SHIFT | NPT_PRESENT | NPT_USER | NPT_ACCESSED | NPT_DIRTY |
           (attr.write ? NPT_WRITE : 0) | (attr.exec ? 0 : NPT_NX) | (attr.uncached ? NPT_PWT | NPT_PCD : 0) |
           (order != ORDER_4K ? NPT_LARGE : 0) | (uint64_t)attr.type << NPT_TYPE_SHIFT;
}

static uint64_t npt_make_table(mfn_t table)
{
    return table.n << PAGE_SHIFT | NPT_PRESENT | NPT_WRITE | NPT_USER | NPT_ACCESSED;
}

static bool npt_present(uint64_t entry)
{
    return entry & NPT_PRESENT;
}

static bool npt_is_leaf(uint64_t entry, unsigned order)
{
    return order == ORDER_4K || (entry & NPT_LARGE);
}

static mfn_t npt_frame(uint64_t entry, unsigned order)
{
    (void)order; // no PAT bit to strip from a large leaf
    return MFN((entry & NPT_FRAME) >> PAGE_SHIFT);
}

static struct pt_attr npt_attr(uint64_t entry)
{
    return (struct pt_attr){
        .write = entry & NPT_WRITE,
        .exec = !(entry & NPT_NX),
        .uncached = entry & NPT_PCD,
        .type = entry >> NPT_TYPE_SHIFT & 0xf,
    };
}

struct pt_format pt_format_npt = {
    .levels = 4,
    .max_order = ORDER_2M,
    .make_leaf = npt_make_leaf,
    .make_table = npt_make_table,
    .present = npt_present,
    .is_leaf = npt_is_leaf,
    .frame = npt_frame,
    .attr = npt_attr,
};

// SPDX-License-Identifier: MIT
// The extended page table format of VT-x (Intel SDM vol. 3, 29.3.2), with the p2m type in ignored bits. RAM
// is write-back whatever the guest's page attributes say; for device memory the guest may choose among the
// uncached kinds. Accessed and dirty bits are set from the start, since nobody reads them.

#include <asm/hvm/hvm.h>
#include <asm/pt.h>

#define EPT_READ       (1UL << 0)
#define EPT_WRITE      (1UL << 1)
#define EPT_EXEC       (1UL << 2)
#define EPT_WRITE_BACK (6UL << 3) // memory type; 0 is uncached
#define EPT_IGNORE_PAT (1UL << 6)
#define EPT_ACCESSED   (1UL << 8)
#define EPT_DIRTY      (1UL << 9)

static uint64_t ept_make_leaf(mfn_t mfn, unsigned order, struct pt_attr attr)
{
    return mfn.n << PAGE_SHIFT | EPT_READ | EPT_ACCESSED | EPT_DIRTY | (attr.write ? EPT_WRITE : 0) |
           (attr.exec ? EPT_EXEC : 0) | (attr.uncached ? 0 : EPT_WRITE_BACK | EPT_IGNORE_PAT) |
           (order != ORDER_4K ? PT_LARGE : 0) | (uint64_t)attr.type << PT_TYPE_SHIFT;
}

static uint64_t ept_make_table(mfn_t table)
{
    return table.n << PAGE_SHIFT | EPT_READ | EPT_WRITE | EPT_EXEC | EPT_ACCESSED;
}

static struct pt_attr ept_attr(uint64_t entry)
{
    return (struct pt_attr){
        .write = entry & EPT_WRITE,
        .exec = entry & EPT_EXEC,
        .uncached = !(entry & EPT_WRITE_BACK),
        .type = entry >> PT_TYPE_SHIFT & PT_TYPE_MASK,
    };
}

struct pt_format pt_format_ept = {
    .levels = 4,
    .max_order = ORDER_2M,
    .present_bits = EPT_READ,
    .make_leaf = ept_make_leaf,
    .make_table = ept_make_table,
    .attr = ept_attr,
};

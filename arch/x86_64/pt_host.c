// SPDX-License-Identifier: MIT
// The hypervisor's own page tables: 4-level x86-64 paging (Intel SDM volume 3, chapter 4). All pages are
// supervisor pages and global: there is one host address space. Accessed and dirty are set from the start, so
// that the processor never writes to a table.

#include <asm/pt.h>
#include <asm/x86_defs.h>

static uint64_t make_leaf(mfn_t mfn, unsigned order, struct pt_attr attr)
{
    return PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY | PTE_GLOBAL | (attr.write ? PTE_WRITE : 0) |
           (attr.exec ? 0 : PTE_NX) | (attr.uncached ? PTE_PCD | PTE_PWT : 0) |
           (attr.combining ? PTE_PWT : 0) | (order > ORDER_4K ? PT_LARGE : 0) |
           (attr.type & PT_TYPE_MASK) << PT_TYPE_SHIFT | mfn.n << PAGE_SHIFT;
}

static uint64_t make_table(mfn_t table)
{
    return PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | table.n << PAGE_SHIFT;
}

static struct pt_attr attr(uint64_t entry)
{
    return (struct pt_attr){.write = entry & PTE_WRITE,
                            .exec = !(entry & PTE_NX),
                            .uncached = entry & PTE_PCD,
                            .combining = (entry & (PTE_PCD | PTE_PWT)) == PTE_PWT,
                            .type = entry >> PT_TYPE_SHIFT & PT_TYPE_MASK};
}

const struct pt_format pt_format_host = {
    .levels = 4,
    .max_order = ORDER_1G,
    .present_bits = PTE_PRESENT,
    .make_leaf = make_leaf,
    .make_table = make_table,
    .attr = attr,
};

// SPDX-License-Identifier: MIT
//
// The guest's page tables. entry.S mapped the low 4 GiB with 2 MiB pages; here the image gets W^X 4 KiB
// pages, page 0 is taken away, everything but text becomes non-executable, and more is mapped on demand with
// the largest pages that fit. Single vCPU: INVLPG is all the flushing there is.

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <guest/cpu.h>
#include <guest/mem.h>
#include "kit.h"

#define PTE_PRESENT  UINT64_C(0x001)
#define PTE_WRITE    UINT64_C(0x002)
#define PTE_PWT      UINT64_C(0x008)
#define PTE_PCD      UINT64_C(0x010)
#define PTE_LARGE    UINT64_C(0x080)
#define PTE_NX       (UINT64_C(1) << 63)
#define PTE_ADDRESS  UINT64_C(0x000ffffffffff000)
#define PTE_TABLE    (PTE_PRESENT | PTE_WRITE)
#define LOW_MEMORY   (UINT64_C(4) << 30)
#define LARGE_PAGE   UINT64_C(0x200000)
#define TABLE_LENGTH 512

#define CPUID_NX       (1u << 20) // leaf 0x80000001 EDX
#define CPUID_1G_PAGES (1u << 26)

// Tables needed before pages can be allocated: for page 0, the image, and the directories of the first RAM
// above 4 GiB.
#define EARLY_TABLES 6

static uint64_t early_tables[EARLY_TABLES][TABLE_LENGTH] __attribute__((aligned(4096)));
static unsigned early_tables_used;
static uint64_t no_execute; // PTE_NX, or 0 on a CPU without
static bool has_1g_pages;

static unsigned level_shift(unsigned level)
{
    return 12 + 9 * (level - 1);
}

static uint64_t *table_alloc(void)
{
    if (early_tables_used < EARLY_TABLES)
        return early_tables[early_tables_used++];
    uint64_t *table = page_alloc(1);
    if (table)
        memset(table, 0, PAGE_SIZE);
    return table;
}

static void flush(uint64_t va)
{
    __asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
}

static void flush_all(void)
{
    __asm__ volatile("mov %0, %%cr3" ::"r"(guest_pml4) : "memory");
}

// Replaces a large page by a table that maps the same; `level` is the large page's.
static bool split(uint64_t *entry, unsigned level)
{
    uint64_t *table = table_alloc();
    if (!table)
        return false;
    uint64_t flags = *entry & ~PTE_ADDRESS;
    uint64_t pa = *entry & PTE_ADDRESS;
    if (level == 2)
        flags &= ~PTE_LARGE;
    for (unsigned i = 0; i < TABLE_LENGTH; i++, pa += UINT64_C(1) << level_shift(level - 1))
        table[i] = pa | flags;
    *entry = (uintptr_t)table | PTE_TABLE;
    return true;
}

// The entry for `va` at `level` (1: 4 KiB pages), with missing tables made and large pages split on the way.
// NULL when memory lacks.
static uint64_t *walk(uint64_t va, unsigned level)
{
    uint64_t *table = guest_pml4;
    for (unsigned at = 4;; at--) {
        uint64_t *entry = &table[va >> level_shift(at) & (TABLE_LENGTH - 1)];
        if (at == level)
            return entry;
        if (!(*entry & PTE_PRESENT)) {
            uint64_t *below = table_alloc();
            if (!below)
                return NULL;
            *entry = (uintptr_t)below | PTE_TABLE;
        } else if (*entry & PTE_LARGE && !split(entry, at)) {
            return NULL;
        }
        table = (uint64_t *)(*entry & PTE_ADDRESS);
    }
}

// The entry where the walk for `va` ends as things are: a page, or nothing. *level is where.
static uint64_t *leaf(uint64_t va, unsigned *level)
{
    uint64_t *table = guest_pml4;
    for (*level = 4;; --*level) {
        uint64_t *entry = &table[va >> level_shift(*level) & (TABLE_LENGTH - 1)];
        if (*level == 1 || !(*entry & PTE_PRESENT) || *entry & PTE_LARGE)
            return entry;
        table = (uint64_t *)(*entry & PTE_ADDRESS);
    }
}

// The largest page size that fits [va, va + size) at its start and replaces no table.
static unsigned fitting_level(uint64_t va, uint64_t size)
{
    unsigned present;
    leaf(va, &present);
    for (unsigned level = has_1g_pages ? 3 : 2; level > 1; level--) {
        uint64_t page = UINT64_C(1) << level_shift(level);
        if (!(va & (page - 1)) && size >= page && present >= level)
            return level;
    }
    return 1;
}

unsigned paging_physical_bits(void)
{
    unsigned bits = cpuid(0x80000000, 0).eax >= 0x80000008 ? cpuid(0x80000008, 0).eax & 0xff : 36;
    return bits < 46 ? bits : 46; // the identity map ends where the lower half of the address space does
}

// Maps the largest page that fits at the start of [pa, pa + size); returns its size, 0 when memory lacks.
static uint64_t map_one(uint64_t pa, uint64_t size, uint64_t flags)
{
    unsigned level = fitting_level(pa, size);
    uint64_t *entry = walk(pa, level);
    if (!entry)
        return 0;
    *entry = pa | flags | (level > 1 ? PTE_LARGE : 0);
    flush(pa);
    return UINT64_C(1) << level_shift(level);
}

int mem_map_window(uint64_t gpa, uint64_t size, unsigned flags)
{
    uint64_t pte = PTE_PRESENT | PTE_WRITE | no_execute | (flags & MEM_UNCACHED ? PTE_PCD | PTE_PWT : 0);
    uint64_t va = gpa & ~(PAGE_SIZE - 1);
    uint64_t end = gpa + size;
    if (end < gpa || end > UINT64_C(1) << paging_physical_bits())
        return -EINVAL;
    end = (end + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    if (!(flags & MEM_UNCACHED) && va < LOW_MEMORY)
        va = LOW_MEMORY; // mapped since entry
    while (va < end) {
        unsigned level;
        uint64_t step;
        if (*leaf(va, &level) & PTE_PRESENT && !(flags & MEM_UNCACHED))
            step = (UINT64_C(1) << level_shift(level)) - (va & ((UINT64_C(1) << level_shift(level)) - 1));
        else
            step = map_one(va, end - va, pte);
        if (!step)
            return -ENOMEM;
        va += step;
    }
    return 0;
}

int paging_map_page(uint64_t va, uint64_t pa)
{
    uint64_t *entry = walk(va, 1);
    if (!entry)
        return -ENOMEM;
    *entry = pa | PTE_PRESENT | PTE_WRITE | no_execute;
    return 0; // was not present before: nothing stale to flush
}

uint64_t paging_unmap_page(uint64_t va)
{
    unsigned level;
    uint64_t *entry = leaf(va, &level);
    if (level != 1 || !(*entry & PTE_PRESENT))
        return INVALID_GFN;
    uint64_t pa = *entry & PTE_ADDRESS;
    *entry = 0;
    flush(va);
    return pa;
}

uint64_t paging_translate(uint64_t va)
{
    unsigned level;
    uint64_t entry = *leaf(va, &level);
    if (!(entry & PTE_PRESENT))
        return INVALID_GFN;
    uint64_t offset = (UINT64_C(1) << level_shift(level)) - 1;
    return (entry & PTE_ADDRESS & ~offset) | (va & offset);
}

uint64_t mem_gfn_of(const void *address)
{
    // The low 4 GiB map themselves, all but page 0.
    if ((uintptr_t)address - PAGE_SIZE < LOW_MEMORY - PAGE_SIZE)
        return (uintptr_t)address >> PAGE_SHIFT;
    uint64_t pa = paging_translate((uintptr_t)address);
    return pa == INVALID_GFN ? INVALID_GFN : pa >> PAGE_SHIFT;
}

static void protect(uint64_t from, uint64_t to, uint64_t flags)
{
    uint64_t *entry = NULL;
    for (uint64_t va = from; va < to; va += PAGE_SIZE) {
        if (!entry || va % LARGE_PAGE == 0)
            entry = walk(va, 1); // the table; its next entries follow
        *entry++ = va | PTE_PRESENT | flags;
    }
}

// The image has its 2 MiB pages for itself and what is allocated behind it; text alone stays executable.
static void protect_image(void)
{
    uint64_t text_end = (uintptr_t)guest_text_end;
    uint64_t rodata_end = (uintptr_t)guest_rodata_end;
    uint64_t large_end = ((uintptr_t)guest_image_end + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1);
    protect((uintptr_t)guest_image_start, text_end, 0);
    protect(text_end, rodata_end, no_execute);
    protect(rodata_end, large_end, PTE_WRITE | no_execute);
}

// All of the low 4 GiB but the tables of the image.
static void forbid_execution(void)
{
    uint64_t *pdpt = (uint64_t *)(guest_pml4[0] & PTE_ADDRESS);
    uint64_t *directory = (uint64_t *)(pdpt[0] & PTE_ADDRESS);
    for (unsigned i = 0; i < TABLE_LENGTH; i++)
        if (directory[i] & PTE_LARGE)
            directory[i] |= no_execute;
    for (unsigned i = 1; i < 4; i++)
        pdpt[i] |= no_execute;
}

void paging_init(void)
{
    uint32_t features = cpuid(0x80000001, 0).edx;
    has_1g_pages = features & CPUID_1G_PAGES;
    no_execute = features & CPUID_NX ? PTE_NX : 0; // entry.S has set EFER.NXE by the same bit
    protect_image();
    forbid_execution();
    *walk(0, 1) = 0; // page 0: a null pointer faults
    flush_all();
}

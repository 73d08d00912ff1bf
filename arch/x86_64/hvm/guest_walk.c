// SPDX-License-Identifier: MIT
// Guest-virtual addresses, walked through the guest's own page tables, for what the hypervisor reads and
// writes on its behalf: supervisor accesses, in whatever paging mode it is in (APM vol. 2, chapter 5).
// Accessed and dirty bits are left alone.
//
// Walks are remembered, because nearly every hypercall passes a pointer. Nobody tells us when a guest changes
// its tables, so a remembered walk counts only while each entry it went through still holds the value it had.

#include <hv/arch.h>
#include <hv/guest_access.h>

#include <asm/hvm/guest_walk.h>
#include <asm/hvm/virt_ops.h>

#define PTE_PRESENT (1UL << 0)
#define PTE_WRITE   (1UL << 1)
#define PTE_LARGE   (1UL << 7)
#define PTE_FRAME   0x000ffffffffff000UL

// How a paging mode cuts an address.
struct paging_mode {
    unsigned levels;
    unsigned entry_size;   // bytes
    unsigned index_bits;   // per level; the top level of PAE has 2
    unsigned large_levels; // bit n: level n (from 1) may have a leaf
};

static const struct paging_mode mode_64 = {4, 8, 9, 1 << 2 | 1 << 3};
static const struct paging_mode mode_pae = {3, 8, 9, 1 << 2};
static const struct paging_mode mode_32 = {2, 4, 10, 1 << 2};
static const struct paging_mode mode_32_small = {2, 4, 10, 0};

static const struct paging_mode *mode_of(uint64_t cr4, uint64_t efer)
{
    if (efer & EFER_LMA)
        return &mode_64;
    if (cr4 & CR4_PAE)
        return &mode_pae;
    return cr4 & CR4_PSE ? &mode_32 : &mode_32_small;
}

// The frame of a large leaf. Leaves of 4 MiB carry address bits 39:32 in bits 20:13.
static uint64_t large_frame(const struct paging_mode *mode, uint64_t pte, uint64_t size)
{
    if (mode->entry_size == 4)
        return (pte & 0xffc00000) | (pte >> 13 & 0xff) << 32;
    return pte & PTE_FRAME & ~(size - 1);
}

static uint64_t read_entry(const void *entry, unsigned size)
{
    return size == 8 ? __atomic_load_n((const uint64_t *)entry, __ATOMIC_RELAXED)
                     : __atomic_load_n((const uint32_t *)entry, __ATOMIC_RELAXED);
}

// Where the top table is. PAE's has only 32 bytes.
static gpa_t top_table(const struct paging_mode *mode, uint64_t cr3)
{
    if (mode == &mode_64)
        return cr3 & PTE_FRAME;
    return cr3 & (mode == &mode_pae ? 0xffffffe0 : 0xfffff000);
}

// Walks to the leaf of va. Notes the entries on its way in `step`, and clears *writable if one says so.
// False: not mapped.
static bool walk(struct domain *d, const struct paging_mode *mode, uint64_t cr3, uint64_t va,
                 struct guest_walk_step *step, bool *writable, gpa_t *gpa)
{
    gpa_t table = top_table(mode, cr3);

    for (unsigned level = mode->levels; level > 0; level--) {
        unsigned shift = PAGE_SHIFT + (level - 1) * mode->index_bits;
        uint64_t index = va >> shift & ((1UL << mode->index_bits) - 1);
        const void *entry = p2m_memory(d, table + index * mode->entry_size, false);

        if (!entry)
            return false;
        uint64_t pte = read_entry(entry, mode->entry_size);
        if (!(pte & PTE_PRESENT))
            return false;
        *step++ = (struct guest_walk_step){entry, pte};
        if (mode != &mode_pae || level < 3) // the top entries of PAE have no permissions
            *writable &= pte >> 1 & 1;
        table = pte & PTE_FRAME;
        if (level == 1 || ((mode->large_levels >> level & 1) && (pte & PTE_LARGE))) {
            uint64_t size = 1UL << shift;

            *gpa = (level == 1 ? table : large_frame(mode, pte, size)) | (va & (size - 1));
            return true;
        }
    }
    return false;
}

static bool canonical(const struct guest_paging *paging, uint64_t va)
{
    return paging->efer & EFER_LMA ? (int64_t)(va << 16) >> 16 == (int64_t)va : va >> 32 == 0;
}

// Finds the memory of va's page, without paging or with. The record is left unusable on failure.
static bool fill(struct vcpu *v, struct guest_walk *w, uint64_t va)
{
    static const uint64_t unchanging;
    const struct paging_mode *mode = mode_of(w->paging.cr4, w->paging.efer);
    struct domain *d = v->domain;
    bool paging = w->paging.cr0 & CR0_PG, writable = true;
    gpa_t gpa = va;

    w->page = GUEST_WALK_UNUSED;
    w->epoch = d->p2m.epoch;
    for (unsigned i = 0; i < GUEST_WALK_STEPS; i++)
        w->steps[i] = (struct guest_walk_step){&unchanging, 0};
    if (!canonical(&w->paging, va) ||
        (paging && !walk(d, mode, w->paging.cr3, va, w->steps, &writable, &gpa)))
        return false;
    writable |= !(w->paging.cr0 & CR0_WP);
    w->memory[false] = p2m_memory(d, gpa & PAGE_MASK, false);
    w->memory[true] = writable ? p2m_memory(d, gpa & PAGE_MASK, true) : NULL;
    // Not remembered: entries of 32 bits, whose steps can't be compared, and holes, since filling one ends no
    // epoch.
    if (w->memory[false] && (mode->entry_size == 8 || !paging))
        w->page = va & PAGE_MASK;
    return true;
}

void *guest_walk(struct vcpu *v, struct guest_walk *w, uint64_t va, bool write)
{
    w->paging = virt_ops->get_paging(v);
    if (!fill(v, w, va))
        return NULL;
    char *page = w->memory[write];
    return page ? page + (va & ~PAGE_MASK) : NULL;
}

void guest_walk_init(struct vcpu *v)
{
    for (unsigned i = 0; i < GUEST_WALKS; i++)
        v->arch->walks[i].page = GUEST_WALK_UNUSED;
}

void *arch_guest_memory(struct vcpu *v, uint64_t va, bool write)
{
    return virt_ops->guest_memory(v, va, write);
}

unsigned hvm_fetch(struct vcpu *v, uint8_t bytes[INSN_MAX])
{
    struct guest_segment_state cs;
    uint64_t linear = v->arch->regs.rip;

    if (hvm_code_width(v) != 64) {
        virt_ops->get_segment(v, SEG_CS, &cs);
        linear = (uint32_t)(cs.base + linear);
    }
    unsigned in_page = MIN(PAGE_SIZE - (linear & ~PAGE_MASK), (unsigned long)INSN_MAX);
    if (copy_from_guest(bytes, GVA(linear), in_page))
        return 0;
    // The page behind need not be there.
    if (in_page < INSN_MAX && !copy_from_guest(bytes + in_page, GVA(linear + in_page), INSN_MAX - in_page))
        return INSN_MAX;
    return in_page;
}

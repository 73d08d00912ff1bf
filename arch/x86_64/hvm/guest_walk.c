// SPDX-License-Identifier: MIT
// Guest-virtual to guest-physical through the guest's own page tables, for what the hypervisor reads and
// writes on its behalf: supervisor accesses, in whatever paging mode it is in (APM vol. 2, chapter 5).
// Accessed and dirty bits are left alone.

#include <hv/arch.h>
#include <hv/guest_access.h>

#include <asm/hvm/hvm.h>
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

static bool walk(struct vcpu *v, const struct paging_mode *mode, uint64_t table, uint64_t va, bool write,
                 gpa_t *gpa)
{
    bool wp = virt_ops->get_sreg(v, SREG_CR0) & CR0_WP;

    for (unsigned level = mode->levels; level > 0; level--) {
        unsigned shift = PAGE_SHIFT + (level - 1) * mode->index_bits;
        uint64_t index = va >> shift & ((1UL << mode->index_bits) - 1), pte = 0;
        bool pae_top = mode == &mode_pae && level == 3; // these entries have no permissions

        if (copy_from_gpa(v->domain, &pte, table + index * mode->entry_size, mode->entry_size))
            return false;
        if (!(pte & PTE_PRESENT) || (write && wp && !pae_top && !(pte & PTE_WRITE)))
            return false;
        bool large = (mode->large_levels >> level & 1) && (pte & PTE_LARGE);
        if (level == 1 || large) {
            uint64_t size = 1UL << shift;

            *gpa = (large ? large_frame(mode, pte, size) : pte & PTE_FRAME) | (va & (size - 1));
            return true;
        }
        table = pte & PTE_FRAME;
    }
    return false;
}

bool arch_gva_to_gpa(struct vcpu *v, uint64_t va, bool write, gpa_t *gpa)
{
    uint64_t efer = virt_ops->get_sreg(v, SREG_EFER);

    if (!(efer & EFER_LMA))
        va = (uint32_t)va;
    else if ((int64_t)(va << 16) >> 16 != (int64_t)va)
        return false;
    if (!(virt_ops->get_sreg(v, SREG_CR0) & CR0_PG)) {
        *gpa = va;
        return true;
    }
    const struct paging_mode *mode = mode_of(virt_ops->get_sreg(v, SREG_CR4), efer);
    uint64_t cr3 = virt_ops->get_sreg(v, SREG_CR3);
    if (mode == &mode_pae)
        return walk(v, mode, cr3 & 0xffffffe0, va, write, gpa);
    return walk(v, mode, mode == &mode_64 ? cr3 & PTE_FRAME : cr3 & 0xfffff000, va, write, gpa);
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

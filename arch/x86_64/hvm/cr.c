// SPDX-License-Identifier: MIT
// Control registers: what a context may hold, and XSETBV. Guests' own MOVs to CR0, CR3 and CR4 don't exit:
// nested paging makes them harmless, and the processor checks them.

#include <asm/cpu.h>
#include <asm/hvm/hvm.h>

#define CR0_VALID (CR0_PE | 0xeUL | CR0_ET | CR0_NE | CR0_WP | 1UL << 18 | CR0_NW | CR0_CD | CR0_PG)

uint64_t efer_writable(void)
{
    return EFER_SCE | EFER_LME | (cpuid_guest_has(XEN_X86_FEATURE_NX) ? EFER_NXE : 0);
}

uint64_t hvm_cr4_valid(void)
{
    static const struct {
        uint16_t feature;
        uint64_t bits;
    } optional[] = {
        {XEN_X86_FEATURE_VME, 3},          {XEN_X86_FEATURE_FSGSBASE, 1UL << 16},
        {XEN_X86_FEATURE_PCID, 1UL << 17}, {XEN_X86_FEATURE_XSAVE, 1UL << 18},
        {XEN_X86_FEATURE_SMEP, 1UL << 20}, {XEN_X86_FEATURE_SMAP, 1UL << 21},
        {XEN_X86_FEATURE_PKU, 1UL << 22},  {XEN_X86_FEATURE_UMIP, 1UL << 11},
    };
    uint64_t valid = 0x7fcUL; // TSD to OSXMMEXCPT: every 64-bit processor has them

    for (unsigned i = 0; i < ARRAY_SIZE(optional); i++)
        if (cpuid_guest_has(optional[i].feature))
            valid |= optional[i].bits;
    return valid;
}

const char *hvm_check_state(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
    if ((cr0 & ~CR0_VALID) || ((cr0 & CR0_PG) && !(cr0 & CR0_PE)) || ((cr0 & CR0_NW) && !(cr0 & CR0_CD)))
        return "CR0";
    if (cr4 & ~hvm_cr4_valid())
        return "CR4";
    if (efer & ~(efer_writable() | EFER_LMA))
        return "EFER";
    bool long_mode = (cr0 & CR0_PG) && (efer & EFER_LME);
    if (long_mode && !(cr4 & CR4_PAE))
        return "CR4.PAE (clear in long mode)";
    if (!!(efer & EFER_LMA) != long_mode)
        return "EFER.LMA (does not match CR0.PG and EFER.LME)";
    return NULL;
}

void hvm_xsetbv(struct vcpu *v, const struct vcpu_exit *exit)
{
    const struct guest_regs *r = &v->arch->regs;
    uint64_t value = (uint32_t)r->rax | r->rdx << 32;

    if (hvm_cpl(v) != 0 || (uint32_t)r->rcx != 0 || !fpu_xcr0_valid(value)) {
        hvm_raise_error(v, VECTOR_GP, 0);
        return;
    }
    xsetbv(0, value); // the loaded vcpu's XCR0 is in the machine; fpu_save() reads it back
    hvm_advance(v, exit);
}

// SPDX-License-Identifier: MIT
// Guest registers that live in the VMCB, in the neutral terms of virt_ops.h, and the checks VMRUN makes on
// them.

#include "svm.h"

#include <hv/printk.h>

#include <asm/cpu.h>
#include <asm/hvm/guest_walk.h>

static uint64_t *sreg_of(struct vmcb *vmcb, enum guest_sreg reg)
{
    switch (reg) {
    case SREG_CR0: return &vmcb->cr0;
    case SREG_CR2: return &vmcb->cr2;
    case SREG_CR3: return &vmcb->cr3;
    case SREG_CR4: return &vmcb->cr4;
    case SREG_DR6: return &vmcb->dr6;
    case SREG_DR7: return &vmcb->dr7;
    case SREG_EFER: return &vmcb->efer;
    case SREG_RSP: return &vmcb->rsp;
    case SREG_RFLAGS: return &vmcb->rflags;
    default: return &vmcb->int_ctl; // SREG_TPR
    }
}

uint64_t svm_get_sreg(const struct vcpu *v, enum guest_sreg reg)
{
    uint64_t value = *sreg_of(svm_of(v)->vmcb, reg);

    if (reg == SREG_EFER)
        return value & ~EFER_SVME;
    return reg == SREG_TPR ? (value & INT_CTL_TPR) << 4 : value;
}

void svm_set_sreg(struct vcpu *v, enum guest_sreg reg, uint64_t value)
{
    uint64_t *place = sreg_of(svm_of(v)->vmcb, reg);

    if (reg == SREG_EFER)
        value |= EFER_SVME;
    else if (reg == SREG_TPR)
        value = (*place & ~INT_CTL_TPR) | value >> 4;
    *place = value;
}

struct guest_paging svm_get_paging(const struct vcpu *v)
{
    const struct vmcb *vmcb = svm_of(v)->vmcb;

    return (struct guest_paging){.cr0 = vmcb->cr0, .cr3 = vmcb->cr3, .cr4 = vmcb->cr4, .efer = vmcb->efer};
}

void *svm_guest_memory(struct vcpu *v, uint64_t va, bool write)
{
    return guest_memory(v, va, write, svm_get_paging(v));
}

static struct vmcb_segment *segment_of(const struct vcpu *v, enum guest_segment seg)
{
    struct vmcb *vmcb = svm_of(v)->vmcb;
    struct vmcb_segment *const places[SEG_COUNT] = {
        [SEG_ES] = &vmcb->es,     [SEG_CS] = &vmcb->cs,     [SEG_SS] = &vmcb->ss, [SEG_DS] = &vmcb->ds,
        [SEG_FS] = &vmcb->fs,     [SEG_GS] = &vmcb->gs,     [SEG_TR] = &vmcb->tr, [SEG_LDTR] = &vmcb->ldtr,
        [SEG_GDTR] = &vmcb->gdtr, [SEG_IDTR] = &vmcb->idtr,
    };

    return places[seg];
}

// The VMCB keeps AVL, L, D and G right above the type byte; the neutral layout has them in bits 15:12. The
// privilege level, which is the VMCB's CPL whatever SS says, is in the DPL of SS, as with VT-x.
void svm_get_segment(const struct vcpu *v, enum guest_segment seg, struct guest_segment_state *state)
{
    const struct vmcb_segment *place = segment_of(v, seg);

    *state = (struct guest_segment_state){
        .base = place->base,
        .limit = place->limit,
        .selector = place->selector,
        .attr = (place->attr & 0xff) | (place->attr & 0xf00) << 4,
    };
    if (seg == SEG_SS)
        state->attr = (state->attr & ~SEG_ATTR_DPL) | svm_of(v)->vmcb->cpl << SEG_DPL_SHIFT;
}

void svm_set_segment(struct vcpu *v, enum guest_segment seg, const struct guest_segment_state *state)
{
    *segment_of(v, seg) = (struct vmcb_segment){
        .selector = state->selector,
        .attr = (state->attr & 0xff) | (state->attr >> 4 & 0xf00),
        .limit = state->limit,
        .base = state->base,
    };
    if (seg == SEG_SS)
        svm_of(v)->vmcb->cpl = (state->attr & SEG_ATTR_DPL) >> SEG_DPL_SHIFT;
}

static uint64_t *msr_of(struct vmcb *vmcb, uint32_t msr)
{
    switch (msr) {
    case MSR_STAR: return &vmcb->star;
    case MSR_LSTAR: return &vmcb->lstar;
    case MSR_CSTAR: return &vmcb->cstar;
    case MSR_SFMASK: return &vmcb->sfmask;
    case MSR_FS_BASE: return &vmcb->fs.base;
    case MSR_GS_BASE: return &vmcb->gs.base;
    case MSR_KERNEL_GS_BASE: return &vmcb->kernel_gs_base;
    case MSR_SYSENTER_CS: return &vmcb->sysenter_cs;
    case MSR_SYSENTER_ESP: return &vmcb->sysenter_esp;
    case MSR_SYSENTER_EIP: return &vmcb->sysenter_eip;
    case MSR_PAT: return &vmcb->pat;
    default: return NULL;
    }
}

bool svm_get_msr(const struct vcpu *v, uint32_t msr, uint64_t *value)
{
    const uint64_t *place = msr_of(svm_of(v)->vmcb, msr);

    if (place)
        *value = *place;
    return place;
}

bool svm_set_msr(struct vcpu *v, uint32_t msr, uint64_t value)
{
    uint64_t *place = msr_of(svm_of(v)->vmcb, msr);

    if (place)
        *place = value;
    return place;
}

void svm_dump(const struct vcpu *v)
{
    const struct vmcb *vmcb = svm_of(v)->vmcb;

    log_error("  exit %lx info1 %lx info2 %lx interrupted %lx inject %lx int_ctl %lx shadow %lx asid %u",
              vmcb->exit_code, vmcb->exit_info1, vmcb->exit_info2, vmcb->exit_int_info, vmcb->event_inj,
              vmcb->int_ctl, vmcb->int_state, vmcb->asid);
}

static bool long_mode_conflict(const struct vmcb *vmcb)
{
    bool lme_pg = (vmcb->efer & EFER_LME) && (vmcb->cr0 & CR0_PG);

    return lme_pg && (!(vmcb->cr4 & CR4_PAE) || !(vmcb->cr0 & CR0_PE) ||
                      ((vmcb->cs.attr & VMCB_ATTR_L) && (vmcb->cs.attr & VMCB_ATTR_D)));
}

// APM vol. 2, 15.5.1, "Canonicalization and Consistency Checks".
const char *svm_invalid_reason(const struct vmcb *vmcb)
{
    unsigned type = vmcb->event_inj >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK;

    if ((vmcb->cr0 & CR0_NW) && !(vmcb->cr0 & CR0_CD))
        return "CR0.NW is set and CR0.CD is not";
    if (vmcb->cr0 >> 32)
        return "CR0 has reserved bits set";
    if (vmcb->cr3 >> host_cpu.phys_bits)
        return "CR3 is beyond the physical address width";
    if (vmcb->dr6 >> 32 || vmcb->dr7 >> 32)
        return "DR6 or DR7 has reserved bits set";
    if (long_mode_conflict(vmcb))
        return "long mode is on without PAE or protected mode, or CS is 64 and 32 bits wide at once";
    if ((vmcb->event_inj & EVENT_VALID) && (type == 1 || type > SVM_EVENT_SOFTWARE))
        return "the injected event has a reserved type";
    if (vmcb->asid == 0)
        return "the address space identifier is 0";
    return "CR3, CR4, EFER or a map address has a bit the CPU does not take";
}

// SPDX-License-Identifier: MIT
// Guest registers in the neutral terms of virt_ops.h: those in the VMCS, and those that stay in the machine
// while a vcpu is loaded.

#include "vmx.h"

#include <hv/printk.h>
#include <hv/string.h>

#include <asm/cpu.h>
#include <asm/hvm/guest_walk.h>

static uint64_t read_dr6(void)
{
    uint64_t value;

    asm volatile("mov %%db6, %0" : "=r"(value));
    return value;
}

static void write_dr6(uint64_t value)
{
    asm volatile("mov %0, %%db6" : : "r"(value));
}

static uint64_t guest_cr0(void)
{
    return (vmread(VMCS_GUEST_CR0) & ~CR0_OWNED) | (vmread(VMCS_CR0_SHADOW) & CR0_OWNED);
}

static uint64_t guest_cr4(void)
{
    uint64_t owned = vmread(VMCS_CR4_MASK);

    return (vmread(VMCS_GUEST_CR4) & ~owned) | (vmread(VMCS_CR4_SHADOW) & owned);
}

// Where the virtual local APIC has its task priority, which the processor reads and writes too.
static uint32_t *tpr_of(const struct vmx_vcpu *vmx)
{
    return &vmx->v->arch->vlapic.page[4 * VLAPIC_TPR];
}

uint64_t vmx_get_sreg(const struct vcpu *v, enum guest_sreg reg)
{
    const struct vmx_vcpu *vmx = vmx_select(v);

    switch (reg) {
    case SREG_CR0: return guest_cr0();
    case SREG_CR2: return vmx->loaded ? read_cr2() : vmx->cr2;
    case SREG_CR3: return vmread(VMCS_GUEST_CR3);
    case SREG_CR4: return guest_cr4();
    case SREG_DR6: return vmx->loaded ? read_dr6() : vmx->dr6;
    case SREG_DR7: return vmread(VMCS_GUEST_DR7);
    case SREG_EFER: return vmread(VMCS_GUEST_EFER);
    case SREG_RSP: return vmread(VMCS_GUEST_RSP);
    case SREG_RFLAGS: return vmread(VMCS_GUEST_RFLAGS);
    default: return *tpr_of(vmx); // SREG_TPR
    }
}

static void set_efer(uint64_t value)
{
    uint32_t controls = vmread(VMCS_ENTRY_CONTROLS) & ~ENTRY_LONG_MODE;

    vmwrite(VMCS_GUEST_EFER, value);
    vmwrite(VMCS_ENTRY_CONTROLS, controls | (value & EFER_LMA ? ENTRY_LONG_MODE : 0));
}

void vmx_set_sreg(struct vcpu *v, enum guest_sreg reg, uint64_t value)
{
    struct vmx_vcpu *vmx = vmx_select(v);

    switch (reg) {
    case SREG_CR0:
        vmwrite(VMCS_GUEST_CR0, (value & ~CR0_OWNED) | CR0_NE);
        vmwrite(VMCS_CR0_SHADOW, value);
        break;
    case SREG_CR2:
        if (vmx->loaded)
            write_cr2(value);
        else
            vmx->cr2 = value;
        break;
    case SREG_CR3: vmwrite(VMCS_GUEST_CR3, value); break;
    case SREG_CR4:
        vmwrite(VMCS_GUEST_CR4, value | CR4_VMXE);
        vmwrite(VMCS_CR4_SHADOW, value);
        break;
    case SREG_DR6:
        if (vmx->loaded)
            write_dr6(value);
        else
            vmx->dr6 = value;
        break;
    case SREG_DR7: vmwrite(VMCS_GUEST_DR7, value); break;
    case SREG_EFER: set_efer(value); break;
    case SREG_RSP: vmwrite(VMCS_GUEST_RSP, value); break;
    case SREG_RFLAGS: vmwrite(VMCS_GUEST_RFLAGS, value); break;
    default: // SREG_TPR
        *tpr_of(vmx) = value;
        vmwrite(VMCS_TPR_THRESHOLD, 0); // it may not be above TPR
        break;
    }
    // Not for any other: the top entries a guest has loaded count, whatever it has written to memory since.
    vmx->pdptes_stale |= reg == SREG_CR0 || reg == SREG_CR3 || reg == SREG_CR4 || reg == SREG_EFER;
}

// The bits that a guest only believes to have set or cleared have nothing to do with paging.
struct guest_paging vmx_get_paging(const struct vcpu *v)
{
    vmx_select(v);
    return (struct guest_paging){.cr0 = vmread(VMCS_GUEST_CR0),
                                 .cr3 = vmread(VMCS_GUEST_CR3),
                                 .cr4 = vmread(VMCS_GUEST_CR4),
                                 .efer = vmread(VMCS_GUEST_EFER)};
}

void *vmx_guest_memory(struct vcpu *v, uint64_t va, bool write)
{
    return guest_memory(v, va, write, vmx_get_paging(v));
}

static bool has_selector(enum guest_segment seg)
{
    return seg != SEG_GDTR && seg != SEG_IDTR;
}

// The VMCS has the neutral layout of attributes, and a bit for segments that may not be used.
void vmx_get_segment(const struct vcpu *v, enum guest_segment seg, struct guest_segment_state *state)
{
    vmx_select(v);
    *state = (struct guest_segment_state){
        .base = vmread(VMCS_GUEST_BASE + 2 * seg),
        .limit = vmread(VMCS_GUEST_LIMIT + 2 * seg),
    };
    if (!has_selector(seg))
        return;
    uint32_t attr = vmread(VMCS_GUEST_ATTR + 2 * seg);
    state->selector = vmread(VMCS_GUEST_SELECTOR + 2 * seg);
    state->attr = attr & ATTR_UNUSABLE ? attr & ~SEG_ATTR_P : attr;
}

void vmx_set_segment(struct vcpu *v, enum guest_segment seg, const struct guest_segment_state *state)
{
    vmx_select(v);
    vmwrite(VMCS_GUEST_BASE + 2 * seg, state->base);
    vmwrite(VMCS_GUEST_LIMIT + 2 * seg, state->limit);
    if (!has_selector(seg))
        return;
    vmwrite(VMCS_GUEST_SELECTOR + 2 * seg, state->selector);
    vmwrite(VMCS_GUEST_ATTR + 2 * seg, state->attr & SEG_ATTR_P ? state->attr : state->attr | ATTR_UNUSABLE);
}

// --- MSRs ---

static const uint32_t own_msrs[VMX_OWN_MSRS] = {MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK,
                                                MSR_KERNEL_GS_BASE};

static int own_index(uint32_t msr)
{
    for (int i = 0; i < VMX_OWN_MSRS; i++)
        if (own_msrs[i] == msr)
            return i;
    return -1;
}

// The field that holds an MSR; 0: none does.
static uint32_t msr_field(uint32_t msr)
{
    switch (msr) {
    case MSR_FS_BASE: return VMCS_GUEST_BASE + 2 * SEG_FS;
    case MSR_GS_BASE: return VMCS_GUEST_BASE + 2 * SEG_GS;
    case MSR_SYSENTER_CS: return VMCS_GUEST_SYSENTER_CS;
    case MSR_SYSENTER_ESP: return VMCS_GUEST_SYSENTER_ESP;
    case MSR_SYSENTER_EIP: return VMCS_GUEST_SYSENTER_EIP;
    case MSR_PAT: return VMCS_GUEST_PAT;
    default: return 0;
    }
}

bool vmx_get_msr(const struct vcpu *v, uint32_t msr, uint64_t *value)
{
    const struct vmx_vcpu *vmx = vmx_select(v);
    uint32_t field = msr_field(msr);
    int own = own_index(msr);

    if (field)
        *value = vmread(field);
    else if (own >= 0)
        *value = vmx->loaded ? rdmsr(msr) : vmx->msrs[own];
    return field || own >= 0;
}

bool vmx_set_msr(struct vcpu *v, uint32_t msr, uint64_t value)
{
    struct vmx_vcpu *vmx = vmx_select(v);
    uint32_t field = msr_field(msr);
    int own = own_index(msr);

    if (field)
        vmwrite(field, value);
    else if (own >= 0 && vmx->loaded)
        wrmsr(msr, value);
    else if (own >= 0)
        vmx->msrs[own] = value;
    return field || own >= 0;
}

// --- what is switched with the vcpu ---

// The processor keeps the top entries of PAE tables itself. It reads them when the guest sets CR3, and takes
// them from the VMCS at entry: where we have set CR3, they have to be read for it.
static void load_pdptes(struct vcpu *v)
{
    uint64_t pdptes[4] = {};
    bool pae = (vmread(VMCS_GUEST_CR0) & CR0_PG) && (vmread(VMCS_GUEST_CR4) & CR4_PAE) &&
               !(vmread(VMCS_GUEST_EFER) & EFER_LMA);

    // Where there is no memory they stay clear: the guest then takes a page fault at once.
    spin_lock(&v->domain->p2m.lock);
    const void *table = pae ? p2m_memory(v->domain, vmread(VMCS_GUEST_CR3) & 0xffffffe0, false) : NULL;
    if (table)
        memcpy(pdptes, table, sizeof(pdptes));
    spin_unlock(&v->domain->p2m.lock);
    for (unsigned i = 0; i < ARRAY_SIZE(pdptes); i++)
        vmwrite(VMCS_GUEST_PDPTE + 2 * i, pdptes[i]);
}

void vmx_load_registers(struct vcpu *v)
{
    struct vmx_vcpu *vmx = vmx_select(v);

    if (unlikely(vmx->pdptes_stale))
        load_pdptes(v);
    vmx->pdptes_stale = false;
    for (unsigned i = 0; i < VMX_OWN_MSRS; i++)
        wrmsr(own_msrs[i], vmx->msrs[i]);
    write_cr2(vmx->cr2);
    write_dr6(vmx->dr6);
    vmx->loaded = true;
}

void vmx_save_registers(struct vcpu *v)
{
    struct vmx_vcpu *vmx = vmx_of(v);

    for (unsigned i = 0; i < VMX_OWN_MSRS; i++)
        vmx->msrs[i] = rdmsr(own_msrs[i]);
    vmx->cr2 = read_cr2();
    vmx->dr6 = read_dr6();
    vmx->loaded = false;
}

void vmx_dump(const struct vcpu *v)
{
    const struct vmx_vcpu *vmx = vmx_select(v);

    log_error("  exit %lx qualification %lx gpa %lx event %lx interrupted %lx inject %lx",
              vmread(VMCS_EXIT_REASON), vmread(VMCS_EXIT_QUALIFICATION), vmread(VMCS_GUEST_PHYSICAL_ADDRESS),
              vmread(VMCS_EXIT_EVENT), vmread(VMCS_VECTORING_EVENT), vmread(VMCS_ENTRY_EVENT));
    log_error("  controls %lx %08x %08x shadow %lx activity %lx vpid %u", vmread(VMCS_PIN_CONTROLS), vmx->cpu,
              vmx->cpu2, vmread(VMCS_GUEST_INTERRUPTIBILITY), vmread(VMCS_GUEST_ACTIVITY), vmx->vpid.id);
}

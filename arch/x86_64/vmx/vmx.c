// SPDX-License-Identifier: MIT
// VT-x behind the vendor seam: finding and enabling it, VMCSs, TLB tags, entry and event injection. Intel SDM
// vol. 3, chapters 24 to 32.

#include "vmx.h"

#include <hv/arch.h>
#include <hv/cpu.h>
#include <hv/page_alloc.h>
#include <hv/printk.h>
#include <hv/slab.h>
#include <hv/string.h>

#include <asm/cpu.h>
#include <asm/percpu.h>
#include <asm/speculation.h>
#include <asm/x86_defs.h>

#define FEATURE_CONTROL_LOCKED (1UL << 0)
#define FEATURE_CONTROL_VMX    (1UL << 2) // VMXON outside SMX

// A vcpu that executes PAUSE for so many cycles, each within so many of the one before, yields its cpu.
#define PLE_GAP    128
#define PLE_WINDOW 4096

// Entered with interrupts off, a guest comes out after this time: some emulators take no interrupt exit then,
// and on a processor it costs little (SDM vol. 3, 26.5.1).
#define CLOSED_LIMIT_US 100

#define PAT_RESET      0x0007040600070406UL
#define VPIDS          65535
#define LINK_NONE      ~0UL
#define INVEPT_SINGLE  1UL
#define INVVPID_SINGLE 1UL

#define NOT_CURRENT ~0U // of vmx_vcpu.closed

struct vmx_cpu vmx_cpus[MAX_PCPUS];
uint64_t vmx_entry_launched = VMX_ENTRY_RESUME;

// For the processor to write as the last thing before a guest runs.
static const struct {
    uint32_t msr, reserved;
    uint64_t value;
} flush_l1d __attribute__((aligned(16))) = {.msr = MSR_FLUSH_CMD, .value = FLUSH_CMD_L1D};

static const char *vmx_probe(void)
{
    uint64_t control = 0;

    if (!rdmsr_safe(MSR_FEATURE_CONTROL, &control))
        return "this CPU has no FEATURE_CONTROL MSR";
    if ((control & FEATURE_CONTROL_LOCKED) && !(control & FEATURE_CONTROL_VMX))
        return "VT-x is disabled by the firmware: enable it in the BIOS set-up (\"Intel Virtualization "
               "Technology\")";
    return vmx_choose_controls();
}

static maddr_t alloc_region(void)
{
    mfn_t mfn = page_alloc(ORDER_4K, PAGE_ALLOC_ZERO);

    if (!mfn_valid(mfn))
        return 0;
    *(uint32_t *)mfn_to_virt(mfn) = vmx_controls.revision;
    return mfn.n << PAGE_SHIFT;
}

static bool vmxon(maddr_t region)
{
    bool failed;

    asm volatile("vmxon %1\n\t"
                 "setbe %0"
                 : "=q"(failed)
                 : "m"(region)
                 : "cc", "memory");
    return !failed;
}

// What VMXON asks of CR0 and CR4 (SDM vol. 3, appendix A.7 and A.8).
static void check_fixed_bits(void)
{
    uint64_t cr0 = read_cr0(), cr4 = read_cr4();
    uint64_t cr0_set = rdmsr(MSR_VMX_CR0_FIXED0), cr0_may = rdmsr(MSR_VMX_CR0_FIXED1);
    uint64_t cr4_set = rdmsr(MSR_VMX_CR4_FIXED0), cr4_may = rdmsr(MSR_VMX_CR4_FIXED1);

    if ((cr0_set & ~cr0) || (cr0 & ~cr0_may))
        panic("VT-x does not work with CR0 %lx: it wants %lx set and allows %lx", cr0, cr0_set, cr0_may);
    if ((cr4_set & ~cr4) || (cr4 & ~cr4_may))
        panic("VT-x does not work with CR4 %lx: it wants %lx set and allows %lx", cr4, cr4_set, cr4_may);
}

static void vmx_enable_cpu(void)
{
    uint64_t control = rdmsr(MSR_FEATURE_CONTROL);
    maddr_t region = alloc_region();

    if (this_cpu()->id == 0)
        vmx_permissions_init();
    if (speculation_on(SPEC_MD_CLEAR))
        vmx_entry_launched = VMX_ENTRY_CLEAR;
    if (!region)
        panic("no memory for the VT-x state of cpu %u", this_cpu()->id);
    if (!(control & FEATURE_CONTROL_LOCKED))
        wrmsr(MSR_FEATURE_CONTROL, control | FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX);
    write_cr4(read_cr4() | CR4_VMXE);
    check_fixed_bits();
    if (!vmxon(region))
        panic("VMXON failed on cpu %u: VMX is already on, or CR0 and CR4 are not as it wants them",
              this_cpu()->id);
    asid_init_cpu(VPIDS);
}

// --- the VMCS ---

void vmx_access_failed(uint64_t field)
{
    panic("VMCS field %04lx can't be written (error %lu)", field, vmread(VMCS_INSTRUCTION_ERROR));
}

struct vmx_vcpu *vmx_select(const struct vcpu *v)
{
    struct vmx_vcpu *vmx = vmx_of(v);
    struct vmx_vcpu **current = &vmx_cpus[this_cpu()->id].current;

    if (likely(*current == vmx))
        return vmx;
    if (*current)
        (*current)->closed = NOT_CURRENT;
    asm volatile("vmptrld %0" : : "m"(vmx->vmcs_pa) : "cc", "memory");
    *current = vmx;
    return vmx;
}

// From here on no processor has any of it in its own cache.
static void vmclear(struct vmx_vcpu *vmx)
{
    struct vmx_vcpu **current = &vmx_cpus[this_cpu()->id].current;

    asm volatile("vmclear %0" : : "m"(vmx->vmcs_pa) : "cc", "memory");
    vmx->entry = VMX_ENTRY_LAUNCH;
    vmx->closed = NOT_CURRENT;
    if (*current == vmx)
        *current = NULL;
}

static void init_controls(struct vmx_vcpu *vmx)
{
    const struct domain *d = vmx->v->domain;
    const struct vmx_domain *vd = d->arch->vendor;

    vmx->cpu = vmx_controls.cpu | (vd->io_bitmaps ? CPU_IO_BITMAPS : CPU_UNCONDITIONAL_IO);
    vmwrite(VMCS_PIN_CONTROLS, vmx_controls.pin);
    vmwrite(VMCS_CPU_CONTROLS, vmx->cpu);
    vmwrite(VMCS_EXIT_CONTROLS, vmx_controls.exit);
    vmwrite(VMCS_ENTRY_CONTROLS, vmx_controls.entry);
    // #DB and #AC go straight back to the guest. They exit because a guest can set up an endless chain of
    // them inside one instruction, which no interrupt gets through.
    vmwrite(VMCS_EXCEPTION_BITMAP, 1U << VECTOR_DB | 1U << VECTOR_AC | 1U << VECTOR_MC);
    vmwrite(VMCS_PREEMPTION_TIMER,
            (CLOSED_LIMIT_US * (uint64_t)arch_clock.tsc_khz / 1000 >> vmx_controls.timer_shift) + 1);
    if (vmx_controls.cpu2 & CPU2_PAUSE_LOOP) {
        vmwrite(VMCS_PLE_GAP, PLE_GAP);
        vmwrite(VMCS_PLE_WINDOW, PLE_WINDOW);
    }

    if (vd->io_bitmaps) {
        maddr_t map = virt_to_mfn(vd->io_bitmaps).n << PAGE_SHIFT;

        vmwrite(VMCS_IO_BITMAP_A, map);
        vmwrite(VMCS_IO_BITMAP_B, map + PAGE_SIZE);
    }
    vmwrite(VMCS_VIRTUAL_APIC_PAGE, virt_to_mfn(vmx->v->arch->vlapic.page).n << PAGE_SHIFT);
    if (d->arch->apic_page)
        vmwrite(VMCS_APIC_ACCESS_PAGE, virt_to_mfn(d->arch->apic_page).n << PAGE_SHIFT);
    if (vmx_controls.cpu2_apic & CPU2_INTERRUPTS)
        for (unsigned i = 0; i < 4; i++)
            vmwrite(VMCS_EOI_EXIT_BITMAP + 2 * i, 0); // no EOI has to be told to anybody
    vmwrite(VMCS_TPR_THRESHOLD, 0);
    vmwrite(VMCS_EPT_POINTER, d->p2m.root | vmx_controls.ept_pointer);
    vmwrite(VMCS_LINK_POINTER, LINK_NONE);
    vmwrite(VMCS_ENTRY_MSR_LOAD,
            (virt_to_mfn(&flush_l1d).n << PAGE_SHIFT) + (uint64_t)&flush_l1d % PAGE_SIZE);
    vmwrite(VMCS_ENTRY_MSR_LOAD_COUNT, speculation_on(SPEC_L1D_FLUSH));
}

// A new region is not cleared by the processor: what is not written has no defined value.
static void init_unused(void)
{
    static const uint16_t zero[] = {
        VMCS_TSC_OFFSET,
        VMCS_PAGE_FAULT_MASK,
        VMCS_PAGE_FAULT_MATCH,
        VMCS_CR3_TARGET_COUNT,
        VMCS_EXIT_MSR_STORE_COUNT,
        VMCS_EXIT_MSR_LOAD_COUNT,
        VMCS_ENTRY_EVENT,
        VMCS_ENTRY_ERROR_CODE,
        VMCS_ENTRY_LENGTH,
        VMCS_GUEST_DEBUGCTL,
        VMCS_GUEST_INTERRUPTIBILITY,
        VMCS_GUEST_ACTIVITY,
        VMCS_GUEST_PENDING_DEBUG,
        VMCS_GUEST_SYSENTER_CS,
        VMCS_GUEST_SYSENTER_ESP,
        VMCS_GUEST_SYSENTER_EIP,
        VMCS_GUEST_RIP,
        VMCS_GUEST_RSP,
        VMCS_GUEST_CR3,
    };

    for (unsigned i = 0; i < ARRAY_SIZE(zero); i++)
        vmwrite(zero[i], 0);
}

// Which of the processor's abilities go with the mode that the local APIC is in.
static uint32_t apic_controls(const struct vcpu *v)
{
    if (vlapic_x2apic_enabled(v))
        return vmx_controls.cpu2_apic & CPU2_X2APIC ? vmx_controls.cpu2_apic & ~CPU2_APIC_ACCESSES : 0;
    if (vlapic_mmio_enabled(v))
        return vmx_controls.cpu2_apic & CPU2_APIC_ACCESSES ? vmx_controls.cpu2_apic & ~CPU2_X2APIC : 0;
    return 0;
}

static bool vmx_update_apic(struct vcpu *v)
{
    struct vmx_vcpu *vmx = vmx_select(v);
    uint32_t controls = vmx_controls.cpu2 | apic_controls(v);

    if (controls != vmx->cpu2) {
        vmx->cpu2 = controls;
        vmwrite(VMCS_CPU2_CONTROLS, controls);
        vmwrite(VMCS_MSR_BITMAP, vmx_msr_bitmap(controls & CPU2_X2APIC));
    }
    if (!(controls & CPU2_INTERRUPTS))
        return false;
    int requested = vlapic_requested_vector(v), served = vlapic_served_vector(v);
    vmwrite(VMCS_GUEST_INTERRUPT_STATUS, MAX(requested, 0) | MAX(served, 0) << 8);
    return true;
}

static int vmx_vcpu_create(struct vcpu *v)
{
    struct vmx_vcpu *vmx = hv_alloc(sizeof(*vmx));

    if (vmx)
        vmx->vmcs_pa = alloc_region();
    if (!vmx || !vmx->vmcs_pa) {
        hv_free(vmx, sizeof(*vmx));
        return -XEN_ENOMEM;
    }
    vmx->regs = &v->arch->regs;
    vmx->v = v;
    vmx->dr6 = DR6_RESET;
    v->arch->vendor = vmx;

    vmclear(vmx);
    vmx_select(v);
    init_controls(vmx);
    init_unused();
    for (unsigned seg = 0; seg < SEG_COUNT; seg++)
        vmx_set_segment(v, seg, &(struct guest_segment_state){});
    vmwrite(VMCS_CR0_MASK, CR0_OWNED);
    vmwrite(VMCS_CR4_MASK, ~hvm_cr4_valid());
    vmx_set_sreg(v, SREG_CR0, CR0_ET);
    vmx_set_sreg(v, SREG_CR4, 0);
    vmx_set_sreg(v, SREG_EFER, 0);
    vmx_set_sreg(v, SREG_DR7, DR7_RESET);
    vmwrite(VMCS_GUEST_PAT, PAT_RESET);
    (void)vmx_update_apic(v);
    return 0;
}

static void vmx_vcpu_destroy(struct vcpu *v)
{
    struct vmx_vcpu *vmx = vmx_of(v);

    vmclear(vmx);
    page_free(MFN(vmx->vmcs_pa >> PAGE_SHIFT), ORDER_4K);
    hv_free(vmx, sizeof(*vmx));
}

// --- switching ---

// The state that each exit brings back. All of it is the same for every vcpu of a cpu.
static void set_host_state(void)
{
    const struct percpu *percpu = (const struct percpu *)this_cpu();

    vmwrite(VMCS_HOST_CR0, read_cr0());
    vmwrite(VMCS_HOST_CR3, read_cr3());
    vmwrite(VMCS_HOST_CR4, read_cr4());
    vmwrite(VMCS_HOST_EFER, rdmsr(MSR_EFER));
    vmwrite(VMCS_HOST_PAT, rdmsr(MSR_PAT));
    vmwrite(VMCS_HOST_CS, SEL_CODE);
    vmwrite(VMCS_HOST_SS, SEL_DATA);
    vmwrite(VMCS_HOST_DS, SEL_DATA);
    vmwrite(VMCS_HOST_ES, SEL_DATA);
    vmwrite(VMCS_HOST_FS, 0);
    vmwrite(VMCS_HOST_GS, 0);
    vmwrite(VMCS_HOST_TR, SEL_TSS);
    vmwrite(VMCS_HOST_FS_BASE, 0);
    vmwrite(VMCS_HOST_GS_BASE, (uint64_t)percpu);
    vmwrite(VMCS_HOST_TR_BASE, (uint64_t)&percpu->tss);
    vmwrite(VMCS_HOST_GDTR_BASE, (uint64_t)&percpu->gdt);
    vmwrite(VMCS_HOST_IDTR_BASE, desc_idt_base());
    vmwrite(VMCS_HOST_SYSENTER_CS, 0);
    vmwrite(VMCS_HOST_SYSENTER_ESP, 0);
    vmwrite(VMCS_HOST_SYSENTER_EIP, 0);
    vmwrite(VMCS_HOST_RSP, vmx_cpus[percpu->cpu.id].host_rsp);
    vmwrite(VMCS_HOST_RIP, (uint64_t)vmx_exit_point);
}

struct invalidation {
    uint64_t id, address;
};

// All translations made through these tables, whatever their VPID.
static void invept(uint64_t ept_pointer)
{
    struct invalidation which = {ept_pointer, 0};

    asm volatile("invept %0, %1" : : "m"(which), "r"(INVEPT_SINGLE) : "cc", "memory");
}

static void invvpid(uint32_t vpid)
{
    struct invalidation which = {vpid, 0};

    asm volatile("invvpid %0, %1" : : "m"(which), "r"(INVVPID_SINGLE) : "cc", "memory");
}

static void vmx_flush_tlb(struct vcpu *v)
{
    invept(v->domain->p2m.root | vmx_controls.ept_pointer);
    tlb_flushes_count(TLB_FLUSH_TABLES);
}

static void vmx_vcpu_switch(struct vcpu *prev, struct vcpu *next)
{
    if (prev)
        vmx_save_registers(prev);
    if (!next)
        return;

    struct vmx_vcpu *vmx = vmx_select(next);
    bool new_here = !vmx->vpid.id || vmx->vpid.cpu != this_cpu()->id;
    enum asid_state vpid = asid_take(&vmx->vpid);

    // Where it has not been before, or not lately: its tables may have changed in the meantime without a word
    // to this cpu, and their root may have been that of a domain that is gone.
    if (new_here) {
        set_host_state();
        vmx_flush_tlb(next);
    }
    if (vpid != ASID_KEPT)
        vmwrite(VMCS_VPID, vmx->vpid.id);
    if (vpid == ASID_RECYCLED) {
        invvpid(vmx->vpid.id);
        tlb_flushes_count(TLB_FLUSH_IDENTIFIER);
    }
    vmx_load_registers(next);
}

static void __attribute__((noreturn)) vmx_run_loop(void)
{
    struct cpu *cpu = this_cpu();

    vmx_loop(cpu, &vmx_cpus[cpu->id].host_rsp);
}

// --- events ---

static void vmx_inject(struct vcpu *v, const struct guest_event *event)
{
    static const uint8_t types[] = {
        [EVENT_INTERRUPT] = VMX_EVENT_INTERRUPT,
        [EVENT_NMI] = VMX_EVENT_NMI,
        [EVENT_EXCEPTION] = VMX_EVENT_EXCEPTION,
    };
    uint32_t value = EVENT_VALID | (uint32_t)types[event->type] << EVENT_TYPE_SHIFT | event->vector;

    vmx_select(v);
    // In real mode no exception pushes a code, and the processor insists on that.
    if (event->has_error_code && (vmread(VMCS_GUEST_CR0) & CR0_PE)) {
        value |= EVENT_ERROR_VALID;
        vmwrite(VMCS_ENTRY_ERROR_CODE, event->error_code & 0xffff);
    }
    vmwrite(VMCS_ENTRY_EVENT, value);
    // In an interrupt shadow, a guest that is single-stepped has to have its trap pending (SDM vol.
    // 3, 27.3.1.5).
    if (event->type == EVENT_EXCEPTION && (v->arch->regs.rflags & RFLAGS_TF) &&
        (vmread(VMCS_GUEST_INTERRUPTIBILITY) & (SHADOW_STI | SHADOW_MOV_SS)))
        vmwrite(VMCS_GUEST_PENDING_DEBUG, PENDING_SINGLE_STEP);
}

// What holds interrupts back at the instruction that is next. One that was completed for the guest has ended
// the shadow before it.
static uint32_t blocked(const struct vcpu *v)
{
    const struct vmx_vcpu *vmx = vmx_select(v);
    uint32_t state = vmread(VMCS_GUEST_INTERRUPTIBILITY);

    return v->arch->regs.rip == vmx->rip ? state : state & BLOCKED_NMI;
}

static bool vmx_can_interrupt(const struct vcpu *v)
{
    return (v->arch->regs.rflags & RFLAGS_IF) && !(blocked(v) & (SHADOW_STI | SHADOW_MOV_SS));
}

static void set_cpu_control(struct vmx_vcpu *vmx, uint32_t bit)
{
    if (vmx->cpu & bit)
        return;
    vmx->cpu |= bit;
    vmwrite(VMCS_CPU_CONTROLS, vmx->cpu);
}

static bool vmx_can_nmi(struct vcpu *v)
{
    if (!blocked(v))
        return true;
    set_cpu_control(vmx_of(v), CPU_NMI_WINDOW);
    return false;
}

// Held back by its task priority alone, the guest comes out when it lowers that.
static void vmx_request_window(struct vcpu *v, unsigned priority)
{
    unsigned tpr = vmx_get_sreg(v, SREG_TPR) >> 4;

    if (priority != WINDOW_ANY_TPR && tpr >= priority)
        vmwrite(VMCS_TPR_THRESHOLD, priority);
    else
        set_cpu_control(vmx_of(v), CPU_INTERRUPT_WINDOW);
}

const struct virt_ops vmx_ops = {
    .name = "vmx",
    .cpu_feature = XEN_X86_FEATURE_VMX,
    .hypercall_opcode = {0x0f, 0x01, 0xc1},
    .p2m_format = &pt_format_ept,
    .probe = vmx_probe,
    .enable_cpu = vmx_enable_cpu,
    .domain_create = vmx_domain_create,
    .domain_destroy = vmx_domain_destroy,
    .vcpu_create = vmx_vcpu_create,
    .vcpu_destroy = vmx_vcpu_destroy,
    .vcpu_switch = vmx_vcpu_switch,
    .run_loop = vmx_run_loop,
    .inject = vmx_inject,
    .can_interrupt = vmx_can_interrupt,
    .can_nmi = vmx_can_nmi,
    .request_window = vmx_request_window,
    .get_sreg = vmx_get_sreg,
    .set_sreg = vmx_set_sreg,
    .get_paging = vmx_get_paging,
    .guest_memory = vmx_guest_memory,
    .get_segment = vmx_get_segment,
    .set_segment = vmx_set_segment,
    .get_msr = vmx_get_msr,
    .set_msr = vmx_set_msr,
    .update_apic = vmx_update_apic,
    .flush_tlb = vmx_flush_tlb,
    .dump = vmx_dump,
};

// SPDX-License-Identifier: MIT
// AMD-V behind the vendor seam: finding and enabling it, VMCBs, address space identifiers, entry and event
// injection. AMD APM vol. 2, chapter 15.

#include "svm.h"

#include <hv/arch.h>
#include <hv/cpu.h>
#include <hv/page_alloc.h>
#include <hv/printk.h>
#include <hv/slab.h>
#include <hv/string.h>

#include <asm/cpu.h>
#include <asm/speculation.h>
#include <asm/x86_defs.h>

#define VM_CR_SVMDIS (1UL << 4)

#define CPUID_SVM             0x8000000aU
#define CPUID_SVM_NP          (1U << 0)
#define CPUID_SVM_NRIPS       (1U << 3)
#define CPUID_SVM_FLUSHBYASID (1U << 6)
#define CPUID_SVM_PAUSEFILTER (1U << 10)
#define CPUID_SVM_PAUSETHRESH (1U << 12)

// A vcpu that executes this many PAUSEs, each within so many cycles of the one before, yields its cpu.
#define PAUSE_FILTER_COUNT     4096
#define PAUSE_FILTER_THRESHOLD 128

#define PAT_RESET 0x0007040600070406UL

struct svm_features svm_features;
static struct svm_cpu svm_cpus[MAX_PCPUS];

static const char *svm_probe(void)
{
    uint64_t vm_cr = 0;

    // Bochs has no such MSR, and SVM all the same.
    if (rdmsr_safe(MSR_VM_CR, &vm_cr) && (vm_cr & VM_CR_SVMDIS))
        return "AMD-V (SVM) is disabled by the firmware: enable it in the BIOS set-up (\"SVM mode\")";
    struct cpuid_regs svm = cpuid(CPUID_SVM, 0);
    if (!(svm.edx & CPUID_SVM_NP))
        return "AMD-V has no nested paging (NPT) on this CPU";

    svm_features = (struct svm_features){
        .nrips = svm.edx & CPUID_SVM_NRIPS,
        .flush_by_asid = svm.edx & CPUID_SVM_FLUSHBYASID,
        .pause_filter = svm.edx & CPUID_SVM_PAUSEFILTER,
        .pause_threshold = svm.edx & CPUID_SVM_PAUSETHRESH,
        .nr_asids = svm.ebx,
    };
    if (svm_features.nr_asids < 2)
        return "AMD-V offers no address space identifier for guests on this CPU";
    pt_format_npt.max_order = cpu_has(XEN_X86_FEATURE_PAGE1GB) ? ORDER_1G : ORDER_2M;
    return NULL;
}

static maddr_t alloc_cpu_page(void)
{
    mfn_t mfn = page_alloc(ORDER_4K, PAGE_ALLOC_ZERO);

    if (!mfn_valid(mfn))
        panic("no memory for the AMD-V state of cpu %u", this_cpu()->id);
    return mfn.n << PAGE_SHIFT;
}

static void svm_enable_cpu(void)
{
    struct svm_cpu *cpu = &svm_cpus[this_cpu()->id];

    if (this_cpu()->id == 0)
        svm_permissions_init();
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
    wrmsr(MSR_VM_HSAVE_PA, alloc_cpu_page());

    // Saved once: nothing in it changes any more on this cpu.
    cpu->host_vmcb_pa = alloc_cpu_page();
    asm volatile("vmsave %0" : : "a"(cpu->host_vmcb_pa) : "memory");
    asid_init_cpu(svm_features.nr_asids - 1);
}

static void init_intercepts(struct vmcb *vmcb)
{
    // #DB and #AC go straight back to the guest. They are intercepted because a guest can set up an endless
    // chain of them inside one instruction, which no interrupt gets through.
    vmcb->intercept_exceptions = 1U << VECTOR_DB | 1U << VECTOR_AC | 1U << VECTOR_MC;
    vmcb->intercept1 = INTERCEPT1_INTR | INTERCEPT1_NMI | INTERCEPT1_INIT | INTERCEPT1_RDPMC |
                       INTERCEPT1_CPUID | INTERCEPT1_INVD | INTERCEPT1_HLT | INTERCEPT1_INVLPGA |
                       INTERCEPT1_IO | INTERCEPT1_MSR | INTERCEPT1_FERR_FREEZE | INTERCEPT1_SHUTDOWN;
    vmcb->intercept2 = INTERCEPT2_VMRUN | INTERCEPT2_VMMCALL | INTERCEPT2_VMLOAD | INTERCEPT2_VMSAVE |
                       INTERCEPT2_STGI | INTERCEPT2_CLGI | INTERCEPT2_SKINIT | INTERCEPT2_WBINVD |
                       INTERCEPT2_MONITOR | INTERCEPT2_MWAIT | INTERCEPT2_XSETBV | INTERCEPT2_RDPRU;
    vmcb->intercept3 =
        INTERCEPT3_INVLPGB | INTERCEPT3_INVLPGB_ILLEGAL | INTERCEPT3_MCOMMIT | INTERCEPT3_TLBSYNC;
    // Without the filter every PAUSE would exit, which costs a spinning guest more than it gives the others.
    if (svm_features.pause_filter) {
        vmcb->intercept1 |= INTERCEPT1_PAUSE;
        vmcb->pause_filter_count = PAUSE_FILTER_COUNT;
        vmcb->pause_filter_threshold = svm_features.pause_threshold ? PAUSE_FILTER_THRESHOLD : 0;
    }
}

static int svm_vcpu_create(struct vcpu *v)
{
    struct svm_vcpu *svm = hv_alloc(sizeof(*svm));
    mfn_t mfn = svm ? page_alloc(ORDER_4K, PAGE_ALLOC_ZERO) : MFN_INVALID;

    if (!mfn_valid(mfn)) {
        hv_free(svm, sizeof(*svm));
        return -XEN_ENOMEM;
    }
    struct vmcb *vmcb = mfn_to_virt(mfn);
    svm->vmcb = vmcb;
    svm->vmcb_pa = mfn.n << PAGE_SHIFT;
    svm->regs = &v->arch->regs;
    svm->v = v;
    v->arch->vendor = svm;

    init_intercepts(vmcb);
    vmcb->iopm_base = svm_iopm(v->domain);
    vmcb->msrpm_base = svm_msrpm();
    vmcb->int_ctl = INT_CTL_MASKING;
    vmcb->nested_ctl = NESTED_CTL_NP;
    vmcb->nested_cr3 = v->domain->p2m.root;
    vmcb->efer = EFER_SVME; // VMRUN demands it; guests never see it
    vmcb->pat = PAT_RESET;
    vmcb->dr6 = DR6_RESET;
    vmcb->dr7 = DR7_RESET;
    vmcb->cr0 = CR0_ET;
    return 0;
}

static void svm_vcpu_destroy(struct vcpu *v)
{
    struct svm_vcpu *svm = svm_of(v);

    page_free(virt_to_mfn(svm->vmcb), ORDER_4K);
    hv_free(svm, sizeof(*svm));
}

static void use_asid(struct svm_vcpu *svm, enum asid_state state)
{
    if (state == ASID_KEPT)
        return;
    svm->vmcb->asid = svm->asid.id;
    if (state == ASID_RECYCLED) {
        svm->vmcb->tlb_control = svm_features.flush_by_asid ? TLB_CONTROL_FLUSH_ASID : TLB_CONTROL_FLUSH_ALL;
        tlb_flushes_count(TLB_FLUSH_IDENTIFIER);
    }
}

static void svm_vcpu_switch(struct vcpu *prev, struct vcpu *next)
{
    (void)prev; // VMSAVE has taken everything after its last exit
    if (next)
        use_asid(svm_of(next), asid_take(&svm_of(next)->asid));
}

static void __attribute__((noreturn)) svm_run_loop(void)
{
    maddr_t host_vmcb_pa = svm_cpus[this_cpu()->id].host_vmcb_pa;

    if (speculation_on(SPEC_MD_CLEAR))
        svm_clearing_loop(this_cpu(), host_vmcb_pa);
    svm_loop(this_cpu(), host_vmcb_pa);
}

static void svm_flush_tlb(struct vcpu *v)
{
    struct svm_vcpu *svm = svm_of(v);

    if (svm_features.flush_by_asid)
        svm->vmcb->tlb_control = TLB_CONTROL_FLUSH_ASID;
    else
        use_asid(svm, asid_renew(&svm->asid)); // what is cached under the old one is never looked at again
    tlb_flushes_count(TLB_FLUSH_TABLES);
}

static void svm_inject(struct vcpu *v, const struct guest_event *event)
{
    static const uint8_t types[] = {
        [EVENT_INTERRUPT] = SVM_EVENT_INTR,
        [EVENT_NMI] = SVM_EVENT_NMI,
        [EVENT_EXCEPTION] = SVM_EVENT_EXCEPTION,
    };
    struct svm_vcpu *svm = svm_of(v);
    uint64_t value = EVENT_VALID | (uint64_t)types[event->type] << EVENT_TYPE_SHIFT | event->vector;

    if (event->has_error_code)
        value |= EVENT_ERROR_VALID | (uint64_t)event->error_code << EVENT_ERROR_SHIFT;
    svm->vmcb->event_inj = value;
    if (event->type == EVENT_NMI) {
        svm->nmi_masked = true;
        svm->iret_seen = false;
        svm->vmcb->intercept1 |= INTERCEPT1_IRET;
    }
}

static bool in_shadow(const struct vcpu *v)
{
    const struct vmcb *vmcb = svm_of(v)->vmcb;

    return (vmcb->int_state & 1) && v->arch->regs.rip == vmcb->rip;
}

static bool svm_can_interrupt(const struct vcpu *v)
{
    return (v->arch->regs.rflags & RFLAGS_IF) && !in_shadow(v);
}

// The IRET exit comes before IRET runs; NMIs stay masked until the guest is seen somewhere else.
static bool svm_can_nmi(struct vcpu *v)
{
    struct svm_vcpu *svm = svm_of(v);

    if (svm->nmi_masked && svm->iret_seen && v->arch->regs.rip != svm->iret_rip)
        svm->nmi_masked = false;
    return !svm->nmi_masked && !in_shadow(v);
}

// A virtual interrupt that is intercepted instead of delivered.
static void svm_request_window(struct vcpu *v, unsigned priority)
{
    struct vmcb *vmcb = svm_of(v)->vmcb;

    vmcb->int_ctl &= ~(INT_CTL_PRIO | INT_CTL_IGN_TPR);
    vmcb->int_ctl |= INT_CTL_IRQ | (priority == WINDOW_ANY_TPR ? INT_CTL_IGN_TPR : (uint64_t)priority << 16);
    vmcb->intercept1 |= INTERCEPT1_VINTR;
}

static bool svm_update_apic(struct vcpu *v)
{
    (void)v; // no AVIC: all of it is software
    return false;
}

const struct virt_ops svm_ops = {
    .name = "svm",
    .cpu_feature = XEN_X86_FEATURE_SVM,
    .hypercall_opcode = {0x0f, 0x01, 0xd9},
    .p2m_format = &pt_format_npt,
    .probe = svm_probe,
    .enable_cpu = svm_enable_cpu,
    .domain_create = svm_domain_create,
    .domain_destroy = svm_domain_destroy,
    .vcpu_create = svm_vcpu_create,
    .vcpu_destroy = svm_vcpu_destroy,
    .vcpu_switch = svm_vcpu_switch,
    .run_loop = svm_run_loop,
    .inject = svm_inject,
    .can_interrupt = svm_can_interrupt,
    .can_nmi = svm_can_nmi,
    .request_window = svm_request_window,
    .get_sreg = svm_get_sreg,
    .set_sreg = svm_set_sreg,
    .get_paging = svm_get_paging,
    .guest_memory = svm_guest_memory,
    .get_segment = svm_get_segment,
    .set_segment = svm_set_segment,
    .get_msr = svm_get_msr,
    .set_msr = svm_set_msr,
    .update_apic = svm_update_apic,
    .flush_tlb = svm_flush_tlb,
    .dump = svm_dump,
};

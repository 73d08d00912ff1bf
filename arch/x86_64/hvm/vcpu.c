// SPDX-License-Identifier: MIT
// Life of the architecture's part of domains and vcpus, what is switched with a vcpu, and its crash dump.

#include <hv/arch.h>
#include <hv/cpu.h>
#include <hv/hypercall.h>
#include <hv/printk.h>
#include <hv/slab.h>

#include <asm/cpu.h>
#include <asm/hvm/hvm.h>
#include <asm/hvm/virt_ops.h>
#include <asm/speculation.h>

int arch_domain_create(struct domain *d)
{
    static uint64_t serials;

    d->arch = hv_alloc(sizeof(*d->arch));
    if (!d->arch)
        return -XEN_ENOMEM;
    d->arch->serial = __atomic_add_fetch(&serials, 1, __ATOMIC_RELAXED);
    int rc = virt_ops->domain_create(d);
    if (rc) {
        hv_free(d->arch, sizeof(*d->arch));
        d->arch = NULL;
    }
    return rc;
}

void arch_domain_destroy(struct domain *d)
{
    virt_ops->domain_destroy(d);
    hv_free(d->arch, sizeof(*d->arch));
    d->arch = NULL;
}

static void trace_init(struct arch_vcpu *arch)
{
    for (unsigned i = 0; i < HYPERCALL_TRACE; i++)
        arch->trace[i].next = &arch->trace[(i + 1) % HYPERCALL_TRACE];
    arch->trace_next = &arch->trace[0];
}

int arch_vcpu_create(struct vcpu *v)
{
    v->arch = hv_alloc(sizeof(*v->arch));
    if (!v->arch)
        return -XEN_ENOMEM;
    int rc = fpu_create(v);
    if (rc)
        goto no_fpu;
    rc = vlapic_create(v);
    if (rc)
        goto no_vlapic;
    rc = virt_ops->vcpu_create(v);
    if (rc)
        goto no_vendor;
    hvm_set_rflags(v, RFLAGS_FIXED);
    trace_init(v->arch);
    guest_walk_init(v);
    mtrr_init(v);
    return 0;

no_vendor:
    vlapic_destroy(v);
no_vlapic:
    fpu_destroy(v);
no_fpu:
    hv_free(v->arch, sizeof(*v->arch));
    v->arch = NULL;
    return rc;
}

void arch_vcpu_destroy(struct vcpu *v)
{
    virt_ops->vcpu_destroy(v);
    vlapic_destroy(v);
    fpu_destroy(v);
    hv_free(v->arch, sizeof(*v->arch));
    v->arch = NULL;
}

static bool has_tsc_aux(void)
{
    return cpu_has(XEN_X86_FEATURE_RDTSCP) || cpu_has(XEN_X86_FEATURE_RDPID);
}

static void save_debug(uint64_t dr[4])
{
    asm volatile("mov %%db0, %0" : "=r"(dr[0]));
    asm volatile("mov %%db1, %0" : "=r"(dr[1]));
    asm volatile("mov %%db2, %0" : "=r"(dr[2]));
    asm volatile("mov %%db3, %0" : "=r"(dr[3]));
}

// They watch nothing while the hypervisor runs: its DR7 is clear. The guest's DR6 and DR7 are the vendor's to
// switch.
static void load_debug(const uint64_t dr[4])
{
    asm volatile("mov %0, %%db0" : : "r"(dr[0]));
    asm volatile("mov %0, %%db1" : : "r"(dr[1]));
    asm volatile("mov %0, %%db2" : : "r"(dr[2]));
    asm volatile("mov %0, %%db3" : : "r"(dr[3]));
}

void arch_vcpu_switch(struct vcpu *prev, struct vcpu *next)
{
    if (prev) {
        fpu_save(prev);
        save_debug(prev->arch->dr);
        if (has_tsc_aux())
            prev->arch->tsc_aux = rdmsr(MSR_TSC_AUX);
    }
    if (next) {
        speculation_switch(next->domain);
        fpu_load(next);
        load_debug(next->arch->dr);
        if (has_tsc_aux())
            wrmsr(MSR_TSC_AUX, next->arch->tsc_aux);
    }
    virt_ops->vcpu_switch(prev, next);
}

unsigned hvm_code_width(const struct vcpu *v)
{
    struct guest_segment_state cs;

    virt_ops->get_segment(v, SEG_CS, &cs);
    if ((virt_ops->get_sreg(v, SREG_EFER) & EFER_LMA) && (cs.attr & SEG_ATTR_L))
        return 64;
    return cs.attr & SEG_ATTR_D ? 32 : 16;
}

unsigned hvm_cpl(const struct vcpu *v)
{
    struct guest_segment_state ss;

    virt_ops->get_segment(v, SEG_SS, &ss);
    return (ss.attr & SEG_ATTR_DPL) >> SEG_DPL_SHIFT;
}

int arch_vcpu_initialise(struct vcpu *v, gva_t context)
{
    (void)v, (void)context;
    return -XEN_ENOSYS; // guests with more than one vcpu start the others through the local APIC
}

static void dump_general(const struct vcpu *v)
{
    const struct guest_regs *r = &v->arch->regs;

    log_error("  rip %016lx rsp %016lx rflags %08lx", r->rip, virt_ops->get_sreg(v, SREG_RSP), r->rflags);
    log_error("  rax %016lx rbx %016lx rcx %016lx rdx %016lx", r->rax, r->rbx, r->rcx, r->rdx);
    log_error("  rsi %016lx rdi %016lx rbp %016lx r8  %016lx", r->rsi, r->rdi, r->rbp, r->r8);
    log_error("  r9  %016lx r10 %016lx r11 %016lx r12 %016lx", r->r9, r->r10, r->r11, r->r12);
    log_error("  r13 %016lx r14 %016lx r15 %016lx", r->r13, r->r14, r->r15);
}

static void dump_system(const struct vcpu *v)
{
    static const char names[][5] = {"es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr", "gdtr", "idtr"};

    log_error("  cr0 %08lx cr2 %016lx cr3 %016lx cr4 %08lx efer %04lx", virt_ops->get_sreg(v, SREG_CR0),
              virt_ops->get_sreg(v, SREG_CR2), virt_ops->get_sreg(v, SREG_CR3),
              virt_ops->get_sreg(v, SREG_CR4), virt_ops->get_sreg(v, SREG_EFER));
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        struct guest_segment_state s;

        virt_ops->get_segment(v, i, &s);
        log_error("  %-4s %04x base %016lx limit %08x attr %04x", names[i], s.selector, s.base, s.limit,
                  s.attr);
    }
    virt_ops->dump(v);
}

static void dump_hypercalls(const struct arch_vcpu *arch)
{
    size_t oldest = arch->trace_next - arch->trace;

    log_error("  last hypercalls, newest first:");
    for (unsigned i = 1; i <= HYPERCALL_TRACE; i++) {
        const struct hypercall_record *record = &arch->trace[(oldest - i) % HYPERCALL_TRACE];

        if (!record->rip)
            break; // there have not been so many
        log_error("    %s(%lx, ...) = %ld at %lx", hypercall_name(record->call.nr), record->call.args[0],
                  record->result, record->rip);
    }
}

// The code itself only for the running vcpu: that is whose page tables hvm_fetch can walk.
static void dump_code(struct vcpu *v)
{
    uint8_t bytes[INSN_MAX];
    unsigned n = v == current_vcpu() ? hvm_fetch(v, bytes) : 0;
    char line[3 * INSN_MAX + 1] = "";

    for (unsigned i = 0; i < n; i++)
        hv_snprintf(line + 3 * i, sizeof(line) - 3 * i, " %02x", bytes[i]);
    if (n)
        log_error("  code at rip:%s", line);
}

void arch_vcpu_dump(const struct vcpu *v)
{
    log_error("d%dv%u registers:", v->domain->id, v->id);
    dump_general(v);
    dump_system(v);
    dump_code((struct vcpu *)v);
    dump_hypercalls(v->arch);
}

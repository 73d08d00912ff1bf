// SPDX-License-Identifier: MIT
// The run loop of a cpu: entry, and from the exit code to the neutral struct vcpu_exit. Nothing is acted upon
// here but what only AMD-V knows: the interrupt window, NMI masking (APM vol. 2, 15.21), and events whose
// delivery an exit interrupted.

#include "svm.h"

#include <hv/arch.h>

#include <asm/hvm/entry.h>
#include <asm/hvm/run.h>

// entry.S relies on these offsets.
_Static_assert(offsetof(struct svm_vcpu, regs) == 0 && offsetof(struct svm_vcpu, vmcb_pa) == 8, "entry.S");

#define OPCODE_HLT 0xf4

static void unknown(struct vcpu_exit *exit, const struct vmcb *vmcb, enum exit_kind kind, const char *why)
{
    exit->kind = kind;
    exit->raw.code = vmcb->exit_code;
    exit->raw.info1 = vmcb->exit_info1;
    exit->raw.info2 = vmcb->exit_info2;
    exit->raw.why = why;
}

// Stubs of a hypercall page are 32 bytes apart and should not share a record.
static inline struct insn_record *record_of(struct svm_vcpu *svm, uint64_t rip)
{
    return &svm->insn_records[(rip ^ rip >> 5) % INSN_RECORDS];
}

static inline bool is_recorded(const struct insn_record *record, const struct vmcb *vmcb)
{
    return record->rip == vmcb->rip && record->cr3 == vmcb->cr3 &&
           record->exit_code == vmcb->exit_code; // never 0, so an unused record does not match
}

// Exits by an instruction that is going to be completed, all that there are below 0x100. Zero: not such an
// exit.
static const uint8_t instruction_exits[0x100] = {
    [SVM_EXIT_CPUID] = EXIT_CPUID,        [SVM_EXIT_INVD] = EXIT_CACHE_FLUSH,
    [SVM_EXIT_PAUSE] = EXIT_PAUSE,        [SVM_EXIT_HLT] = EXIT_HLT,
    [SVM_EXIT_MSR] = EXIT_MSR_READ,       [SVM_EXIT_VMMCALL] = EXIT_HYPERCALL,
    [SVM_EXIT_WBINVD] = EXIT_CACHE_FLUSH, [SVM_EXIT_XSETBV] = EXIT_XSETBV,
};
_Static_assert(EXIT_INTERRUPT == 0, "never the kind of such an exit");
_Static_assert(EXIT_MSR_WRITE == EXIT_MSR_READ + 1, "decode relies on it");

static void decode_io(const struct vmcb *vmcb, struct vcpu_exit *exit)
{
    uint32_t info = vmcb->exit_info1;

    exit->kind = EXIT_IO;
    exit->next_rip = vmcb->exit_info2;
    exit->io.port = info >> 16;
    exit->io.size = info & IO_INFO_SIZE8 ? 1 : info & IO_INFO_SIZE16 ? 2 : 4;
    exit->io.in = info & IO_INFO_IN;
    exit->io.string = info & IO_INFO_STRING;
    exit->io.rep = info & IO_INFO_REP;
    exit->io.address_bits = info & IO_INFO_ADDR16 ? 16 : info & IO_INFO_ADDR32 ? 32 : 64;
}

static void decode_npf(const struct vmcb *vmcb, struct vcpu_exit *exit)
{
    exit->kind = EXIT_NPF;
    exit->npf.gpa = vmcb->exit_info2;
    exit->npf.write = vmcb->exit_info1 & NPF_WRITE;
    exit->npf.exec = vmcb->exit_info1 & NPF_FETCH;
    exit->npf.present = vmcb->exit_info1 & NPF_PRESENT;
    exit->npf.table_walk = vmcb->exit_info1 & NPF_TABLE_WALK;
}

static void decode_exception(const struct vmcb *vmcb, struct vcpu_exit *exit)
{
    uint8_t vector = vmcb->exit_code - SVM_EXIT_EXCEPTION;

    if (vector == VECTOR_MC) {
        exit->kind = EXIT_MACHINE_CHECK;
        return;
    }
    exit->kind = EXIT_EXCEPTION;
    exit->exception = (struct guest_event){
        .type = EVENT_EXCEPTION,
        .vector = vector,
        .has_error_code = vector == VECTOR_AC,
        .error_code = vmcb->exit_info1,
    };
}

// Between STI and HLT this is told as the exit of that HLT, which is what the guest does next; the machine's
// interrupt goes on waiting. For QEMU's VMRUN forgets the shadow of STI: an interrupt for the guest would get
// in before HLT, and the guest then sleep over what it was told.
static void decode_interrupt(struct svm_vcpu *svm, struct vcpu_exit *exit)
{
    const struct vmcb *vmcb = svm->vmcb;
    uint8_t bytes[INSN_MAX];

    exit->kind = EXIT_INTERRUPT;
    exit->interrupt.vector = 0;
    if (likely(!(vmcb->int_state & 1)) || vmcb->cpl != 0 || !hvm_fetch(svm->v, bytes) ||
        bytes[0] != OPCODE_HLT)
        return;
    exit->kind = EXIT_HLT;
    exit->next_rip = vmcb->rip + 1;
}

static void close_window(struct vmcb *vmcb)
{
    vmcb->int_ctl &= ~(INT_CTL_IRQ | INT_CTL_PRIO | INT_CTL_IGN_TPR);
    vmcb->intercept1 &= ~INTERCEPT1_VINTR;
}

static void note_iret(struct svm_vcpu *svm)
{
    svm->iret_seen = true;
    svm->iret_rip = svm->vmcb->rip;
    svm->vmcb->intercept1 &= ~INTERCEPT1_IRET;
}

// An event whose delivery did not complete. Software interrupts are left out: the guest executes their
// instruction again. An NMI that did not get through is not being handled.
static void deliver_again(struct vcpu *v)
{
    struct svm_vcpu *svm = svm_of(v);
    uint64_t info = svm->vmcb->exit_int_info;
    struct guest_event event = {
        .vector = info & EVENT_VECTOR,
        .has_error_code = info & EVENT_ERROR_VALID,
        .error_code = info >> EVENT_ERROR_SHIFT,
    };

    switch (info >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK) {
    case SVM_EVENT_INTR: event.type = EVENT_INTERRUPT; break;
    case SVM_EVENT_NMI:
        event.type = EVENT_NMI;
        svm->nmi_masked = false;
        break;
    case SVM_EVENT_EXCEPTION:
        if (event.vector == VECTOR_BP || event.vector == VECTOR_OF)
            return;
        event.type = EVENT_EXCEPTION;
        break;
    default: return;
    }
    hvm_reinject(v, &event);
}

static void decode_other(struct svm_vcpu *svm, struct vcpu_exit *exit)
{
    struct vmcb *vmcb = svm->vmcb;

    switch ((uint32_t)vmcb->exit_code) {
    case SVM_EXIT_INTR: decode_interrupt(svm, exit); break;
    case SVM_EXIT_IO: decode_io(vmcb, exit); break;
    case SVM_EXIT_NPF: decode_npf(vmcb, exit); break;
    case SVM_EXIT_VINTR:
        exit->kind = EXIT_AGAIN;
        close_window(vmcb);
        break;
    case SVM_EXIT_IRET:
        exit->kind = EXIT_AGAIN;
        note_iret(svm);
        break;
    case SVM_EXIT_NMI: exit->kind = EXIT_NMI; break;
    case SVM_EXIT_INIT: exit->kind = EXIT_INIT; break;
    case SVM_EXIT_SHUTDOWN: exit->kind = EXIT_SHUTDOWN; break;
    case SVM_EXIT_EXCEPTION + VECTOR_DB:
    case SVM_EXIT_EXCEPTION + VECTOR_AC:
    case SVM_EXIT_EXCEPTION + VECTOR_MC: decode_exception(vmcb, exit); break;
    case SVM_EXIT_RDPMC: exit->kind = EXIT_DENIED; break;
    case SVM_EXIT_VMRUN:
    case SVM_EXIT_VMLOAD:
    case SVM_EXIT_VMSAVE:
    case SVM_EXIT_STGI:
    case SVM_EXIT_CLGI:
    case SVM_EXIT_SKINIT:
    case SVM_EXIT_INVLPGA:
    case SVM_EXIT_MONITOR:
    case SVM_EXIT_MWAIT:
    case SVM_EXIT_RDPRU:
    case SVM_EXIT_INVLPGB:
    case SVM_EXIT_INVLPGB_ILLEGAL:
    case SVM_EXIT_MCOMMIT:
    case SVM_EXIT_TLBSYNC: exit->kind = EXIT_UNDEFINED; break;
    case SVM_EXIT_INVALID: unknown(exit, vmcb, EXIT_INVALID, svm_invalid_reason(vmcb)); break;
    default: unknown(exit, vmcb, EXIT_UNKNOWN, "an exit code that is not intercepted"); break;
    }
}

// Brings the VMCB up to date with what is not switched beside it. What VMRUN has used up was reset at the
// exit.
struct svm_vcpu *svm_before_entry(struct cpu *cpu)
{
    const struct arch_vcpu *arch = hvm_before_entry(cpu);
    const struct guest_regs *regs = &arch->regs;
    struct svm_vcpu *svm = arch->vendor;
    struct vmcb *vmcb = svm->vmcb;

    if (regs->rip != vmcb->rip) {
        vmcb->rip = regs->rip;
        vmcb->int_state = 0; // an instruction was completed for the guest, so the shadow before it has passed
    }
    vmcb->rax = regs->rax;
    return svm;
}

// What follows are the three ways of an exit that is not an instruction seen before. Each ends where that way
// ends, so that svm_after_exit calls nothing and keeps nothing.

static void __attribute__((noinline)) after_other_exit(struct svm_vcpu *svm)
{
    struct vcpu *v = svm->v;

    decode_other(svm, &v->arch->exit);
    hvm_after_exit(v, v->arch);
}

static void __attribute__((noinline)) after_interrupted_delivery(struct svm_vcpu *svm)
{
    deliver_again(svm->v);
    svm->vmcb->exit_int_info = 0;
    svm_after_exit(svm);
}

// Code that is not the instruction that exited gets the #UD a processor would have raised in its place. That
// is what CPUID behind LOCK comes to, which QEMU executes: a program may do that.
static void __attribute__((noinline)) after_new_instruction(struct svm_vcpu *svm)
{
    struct vcpu *v = svm->v;
    struct insn_record *record = record_of(svm, svm->vmcb->rip);

    if (svm_find_next_rip(v, record))
        v->arch->exit.next_rip = record->next_rip;
    else
        v->arch->exit.kind = EXIT_UNDEFINED;
    hvm_after_exit(v, v->arch);
}

// False: that is still to be found.
static inline bool note_next_rip(struct svm_vcpu *svm, const struct vmcb *vmcb, struct vcpu_exit *exit)
{
    const struct insn_record *record = record_of(svm, vmcb->rip);

    if (svm_features.nrips)
        exit->next_rip = vmcb->next_rip;
    else if (likely(is_recorded(record, vmcb)))
        exit->next_rip = record->next_rip;
    else
        return false;
    return true;
}

static inline void after_instruction(struct svm_vcpu *svm, struct vmcb *vmcb, struct arch_vcpu *arch,
                                     unsigned kind)
{
    struct vcpu *v = svm->v;
    struct vcpu_exit *exit = &arch->exit;

    exit->kind = kind;
    if (kind == EXIT_HYPERCALL) {
        exit->hypercall.cpl = vmcb->cpl;
        exit->hypercall.width = vmcb_is_64bit(vmcb) ? 64 : vmcb->cs.attr & VMCB_ATTR_D ? 32 : 16;
    } else if (kind == EXIT_MSR_READ) {
        exit->kind += vmcb->exit_info1 & 1; // EXIT_MSR_WRITE
    }
    if (unlikely(!note_next_rip(svm, vmcb, exit)))
        after_new_instruction(svm);
    else if (kind == EXIT_HYPERCALL)
        hvm_after_hypercall(v, arch);
    else
        hvm_after_exit(v, arch);
}

void svm_after_exit(struct svm_vcpu *svm)
{
    struct arch_vcpu *arch = svm->v->arch;
    struct vmcb *vmcb = svm->vmcb;
    uint64_t code = vmcb->exit_code;
    unsigned kind = code < ARRAY_SIZE(instruction_exits) ? instruction_exits[code] : 0;

    vmcb->tlb_control = TLB_CONTROL_NONE;
    vmcb->event_inj = 0;
    arch->regs.rax = vmcb->rax;
    arch->regs.rip = vmcb->rip;
    arch->regs.rflags = vmcb->rflags;
    if (unlikely(vmcb->exit_int_info & EVENT_VALID))
        after_interrupted_delivery(svm);
    else if (!kind)
        after_other_exit(svm);
    else if (kind == EXIT_HYPERCALL)
        after_instruction(svm, vmcb, arch, EXIT_HYPERCALL);
    else
        after_instruction(svm, vmcb, arch, kind);
}

// SPDX-License-Identifier: MIT
// The run loop of a cpu: entry, and from the exit reason to the neutral struct vcpu_exit. Nothing is acted
// upon here but what only VT-x knows: windows, the blocking of NMIs, the CR0 bits we own, and events whose
// delivery an exit interrupted.

#include "vmx.h"

#include <hv/arch.h>
#include <hv/cpu.h>

#include <asm/hvm/entry.h>
#include <asm/hvm/run.h>

// entry.S relies on these offsets.
_Static_assert(offsetof(struct vmx_vcpu, regs) == 0 && offsetof(struct vmx_vcpu, entry) == 8, "entry.S");

static void unknown(struct vcpu_exit *exit, enum exit_kind kind, uint64_t info2, const char *why)
{
    exit->kind = kind;
    exit->raw.code = vmread(VMCS_EXIT_REASON);
    exit->raw.info1 = vmread(VMCS_EXIT_QUALIFICATION);
    exit->raw.info2 = info2;
    exit->raw.why = why;
}

static void clear_cpu_control(struct vmx_vcpu *vmx, uint32_t bit)
{
    vmx->cpu &= ~bit;
    vmwrite(VMCS_CPU_CONTROLS, vmx->cpu);
}

static void block_nmi(bool block)
{
    uint64_t state = vmread(VMCS_GUEST_INTERRUPTIBILITY) & ~(uint64_t)BLOCKED_NMI;

    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, state | (block ? BLOCKED_NMI : 0));
}

// --- decoding ---

// Exits by an instruction that is going to be completed or refused as a whole. Zero: not such an exit.
// Indexed by the low byte of the reason, which is all of it but for the mark of a failed entry.
static const uint8_t instruction_exits[256] = {
    [VMX_EXIT_CPUID] = EXIT_CPUID,
    [VMX_EXIT_GETSEC] = EXIT_UNDEFINED,
    [VMX_EXIT_HLT] = EXIT_HLT,
    [VMX_EXIT_INVD] = EXIT_CACHE_FLUSH,
    [VMX_EXIT_RDPMC] = EXIT_DENIED,
    [VMX_EXIT_VMCALL] = EXIT_HYPERCALL,
    [VMX_EXIT_VMCLEAR... VMX_EXIT_VMXON] = EXIT_UNDEFINED,
    [VMX_EXIT_RDMSR] = EXIT_MSR_READ,
    [VMX_EXIT_WRMSR] = EXIT_MSR_WRITE,
    [VMX_EXIT_MWAIT] = EXIT_UNDEFINED,
    [VMX_EXIT_MONITOR] = EXIT_UNDEFINED,
    [VMX_EXIT_PAUSE] = EXIT_PAUSE,
    [VMX_EXIT_INVEPT] = EXIT_UNDEFINED,
    [VMX_EXIT_INVVPID] = EXIT_UNDEFINED,
    [VMX_EXIT_WBINVD] = EXIT_CACHE_FLUSH,
    [VMX_EXIT_XSETBV] = EXIT_XSETBV,
};
_Static_assert(EXIT_INTERRUPT == 0, "never the kind of such an exit");

static unsigned code_width(void)
{
    uint32_t attr = vmread(VMCS_GUEST_ATTR + 2 * SEG_CS);

    if (unlikely(!(attr & SEG_ATTR_L)) || unlikely(!(vmread(VMCS_GUEST_EFER) & EFER_LMA)))
        return attr & SEG_ATTR_D ? 32 : 16;
    return 64;
}

static void decode_io(struct vcpu_exit *exit)
{
    uint32_t info = vmread(VMCS_EXIT_QUALIFICATION);

    exit->kind = EXIT_IO;
    exit->io.port = info >> 16;
    exit->io.size = (info & IO_QUAL_SIZE) + 1;
    exit->io.in = info & IO_QUAL_IN;
    exit->io.string = info & IO_QUAL_STRING;
    exit->io.rep = info & IO_QUAL_REP;
    if (!exit->io.string)
        return;
    exit->io.address_bits =
        vmx_controls.string_info ? 16U << (vmread(VMCS_INSTRUCTION_INFO) >> 7 & 3) : code_width();
}

static void decode_npf(struct vcpu_exit *exit)
{
    uint64_t info = vmread(VMCS_EXIT_QUALIFICATION);

    exit->kind = EXIT_NPF;
    exit->npf.gpa = vmread(VMCS_GUEST_PHYSICAL_ADDRESS);
    exit->npf.write = info & EPT_QUAL_WRITE;
    exit->npf.exec = info & EPT_QUAL_FETCH;
    exit->npf.present = info & EPT_QUAL_PRESENT;
    exit->npf.table_walk = (info & EPT_QUAL_LINEAR) && !(info & EPT_QUAL_FINAL);
    if ((info & EPT_QUAL_UNBLOCKED) && !(vmread(VMCS_VECTORING_EVENT) & EVENT_VALID))
        block_nmi(true); // the IRET did not get through
}

// An access to the local APIC's page that the processor does not do itself.
static void decode_apic_access(struct vcpu_exit *exit)
{
    uint64_t info = vmread(VMCS_EXIT_QUALIFICATION);

    if (APIC_QUAL_TYPE(info) > APIC_ACCESS_WRITE) {
        unknown(exit, EXIT_UNKNOWN, 0, "the local APIC's page used for code, tables or event delivery");
        return;
    }
    exit->kind = EXIT_NPF;
    exit->npf.gpa = VLAPIC_BASE | (info & APIC_QUAL_OFFSET);
    exit->npf.write = APIC_QUAL_TYPE(info) == APIC_ACCESS_WRITE;
    exit->npf.exec = exit->npf.present = exit->npf.table_walk = false;
}

// The processor leaves it to us to tell DR6 why.
static void note_debug_exception(struct vcpu *v)
{
    uint64_t why = vmread(VMCS_EXIT_QUALIFICATION) & (DR6_BREAKPOINTS | DR6_ACCESS | DR6_SINGLE_STEP);

    vmx_set_sreg(v, SREG_DR6, (vmx_get_sreg(v, SREG_DR6) & ~(uint64_t)DR6_BREAKPOINTS) | why);
    if (why & DR6_ACCESS)
        vmx_set_sreg(v, SREG_DR7, vmx_get_sreg(v, SREG_DR7) & ~DR7_GENERAL_DETECT);
}

static void decode_event(struct vmx_vcpu *vmx, struct vcpu_exit *exit)
{
    uint32_t event = vmread(VMCS_EXIT_EVENT);
    uint8_t vector = event & EVENT_VECTOR;

    if ((event >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK) == VMX_EVENT_NMI) {
        exit->kind = EXIT_NMI;
        asm volatile("int %0"
                     :
                     : "i"(VECTOR_NMI)); // the exit has taken it from the host, which is to have it
        return;
    }
    if (vector == VECTOR_MC) {
        exit->kind = EXIT_MACHINE_CHECK;
        return;
    }
    if ((event & EVENT_UNBLOCKED) && !(vmread(VMCS_VECTORING_EVENT) & EVENT_VALID))
        block_nmi(true);
    if (vector == VECTOR_DB)
        note_debug_exception(vmx->v);
    exit->kind = EXIT_EXCEPTION;
    exit->exception = (struct guest_event){
        .type = EVENT_EXCEPTION,
        .vector = vector,
        .has_error_code = event & EVENT_ERROR_VALID,
        .error_code = vmread(VMCS_EXIT_ERROR_CODE),
    };
}

// A MOV to CR0 that changes bits we own, or one to CR4 that sets one that guests don't have. The first is
// executed again, with the guest's new idea of our bits, which then are not a change: so the processor does
// all else it has to do at such a MOV.
static void decode_cr(struct vmx_vcpu *vmx, struct vcpu_exit *exit)
{
    uint32_t info = vmread(VMCS_EXIT_QUALIFICATION), gpr = CR_QUAL_GPR(info);
    uint64_t value = gpr == GPR_RSP ? vmread(VMCS_GUEST_RSP) : vmx->regs->gpr[gpr];

    if ((info & (CR_QUAL_NUMBER | CR_QUAL_TYPE)) != 0 || ((value & CR0_NW) && !(value & CR0_CD))) {
        exit->kind = EXIT_DENIED;
        return;
    }
    vmwrite(VMCS_CR0_SHADOW, value);
    exit->kind = EXIT_AGAIN;
}

static void decode_other(struct vmx_vcpu *vmx, struct vcpu_exit *exit, uint32_t reason)
{
    switch (reason) {
    case VMX_EXIT_EVENT: decode_event(vmx, exit); break;
    case VMX_EXIT_INTERRUPT:
        exit->kind = EXIT_INTERRUPT;
        exit->interrupt.vector = vmread(VMCS_EXIT_EVENT) & EVENT_VECTOR;
        break;
    case VMX_EXIT_PREEMPTION_TIMER:
        exit->kind = EXIT_INTERRUPT;
        exit->interrupt.vector = 0;
        break;
    case VMX_EXIT_INTERRUPT_WINDOW:
        exit->kind = EXIT_AGAIN;
        clear_cpu_control(vmx, CPU_INTERRUPT_WINDOW);
        break;
    case VMX_EXIT_NMI_WINDOW:
        exit->kind = EXIT_AGAIN;
        clear_cpu_control(vmx, CPU_NMI_WINDOW);
        break;
    case VMX_EXIT_TPR_THRESHOLD:
        exit->kind = EXIT_AGAIN;
        vmwrite(VMCS_TPR_THRESHOLD, 0);
        break;
    case VMX_EXIT_IO: decode_io(exit); break;
    case VMX_EXIT_EPT_VIOLATION: decode_npf(exit); break;
    case VMX_EXIT_APIC_ACCESS: decode_apic_access(exit); break;
    case VMX_EXIT_APIC_WRITE:
        exit->kind = EXIT_APIC_WRITE;
        exit->apic_write.offset = vmread(VMCS_EXIT_QUALIFICATION) & APIC_QUAL_OFFSET;
        break;
    case VMX_EXIT_CR: decode_cr(vmx, exit); break;
    case VMX_EXIT_INIT: exit->kind = EXIT_INIT; break;
    case VMX_EXIT_TRIPLE_FAULT: exit->kind = EXIT_SHUTDOWN; break;
    case VMX_EXIT_MACHINE_CHECK | EXIT_REASON_FAILED_ENTRY: exit->kind = EXIT_MACHINE_CHECK; break;
    case VMX_EXIT_BAD_STATE | EXIT_REASON_FAILED_ENTRY:
        unknown(exit, EXIT_INVALID, 0, vmx_check_guest());
        break;
    case VMX_EXIT_TASK_SWITCH:
        unknown(exit, EXIT_UNKNOWN, 0, "hardware task switches are not supported");
        break;
    case VMX_EXIT_EPT_MISCONFIGURATION:
        unknown(exit, EXIT_UNKNOWN, vmread(VMCS_GUEST_PHYSICAL_ADDRESS),
                "an EPT entry that the CPU does not take, which is a bug of the hypervisor");
        break;
    default: unknown(exit, EXIT_UNKNOWN, 0, "an exit reason that was not asked for"); break;
    }
}

// An event whose delivery did not complete. Software interrupts and exceptions are left out: the guest
// executes their instruction again. An NMI that did not get through is not being handled.
static void deliver_again(struct vcpu *v, uint32_t info)
{
    struct guest_event event = {.vector = info & EVENT_VECTOR, .has_error_code = info & EVENT_ERROR_VALID};

    switch (info >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK) {
    case VMX_EVENT_INTERRUPT: event.type = EVENT_INTERRUPT; break;
    case VMX_EVENT_NMI:
        event.type = EVENT_NMI;
        block_nmi(false);
        break;
    case VMX_EVENT_EXCEPTION: event.type = EVENT_EXCEPTION; break;
    default: return;
    }
    if (event.has_error_code)
        event.error_code = vmread(VMCS_VECTORING_ERROR_CODE);
    hvm_reinject(v, &event);
}

// --- the two halves of the loop ---

// As in svm/, neither half calls anything on the usual way, so that it need not save registers: what is rare
// ends in a tail call.

static inline struct vmx_vcpu *bring_rip_up_to_date(struct vmx_vcpu *vmx)
{
    uint64_t rip = vmx->regs->rip;

    if (rip == vmx->rip)
        return vmx;
    uint64_t state = vmread(VMCS_GUEST_INTERRUPTIBILITY);
    vmwrite(VMCS_GUEST_RIP, rip);
    // An instruction was completed for the guest, so the shadow before it has passed.
    if (unlikely(state & (SHADOW_STI | SHADOW_MOV_SS)))
        vmwrite(VMCS_GUEST_INTERRUPTIBILITY, state & ~(uint64_t)(SHADOW_STI | SHADOW_MOV_SS));
    return vmx;
}

static struct vmx_vcpu *__attribute__((noinline)) bring_up_to_date(struct vmx_vcpu *vmx, uint32_t closed)
{
    vmx_select(vmx->v);
    vmx->closed = closed;
    vmwrite(VMCS_PIN_CONTROLS, vmx_controls.pin | (closed ? PIN_PREEMPTION_TIMER : 0));
    return bring_rip_up_to_date(vmx);
}

// Brings the VMCS up to date with what is not switched beside it.
struct vmx_vcpu *vmx_before_entry(struct cpu *cpu)
{
    struct vmx_vcpu *vmx = hvm_before_entry(cpu)->vendor;
    uint32_t closed = ~vmx->regs->rflags & RFLAGS_IF;

    if (closed != vmx->closed)
        return bring_up_to_date(vmx, closed);
    return bring_rip_up_to_date(vmx);
}

static void __attribute__((noinline)) after_other_exit(struct vmx_vcpu *vmx, uint32_t reason)
{
    struct vcpu *v = vmx->v;

    decode_other(vmx, &v->arch->exit, reason);
    hvm_after_exit(v, v->arch);
}

static void __attribute__((noinline)) after_hypercall(struct vcpu *v, struct arch_vcpu *arch)
{
    arch->exit.hypercall.cpl = vmread(VMCS_GUEST_ATTR + 2 * SEG_SS) >> SEG_DPL_SHIFT & 3;
    arch->exit.hypercall.width = code_width();
    hvm_after_hypercall(v, arch);
}

// An instruction at the end of the first 4 GiB: code that is not 64 bits wide wraps there.
static void __attribute__((noinline)) after_wrap(struct vcpu *v, struct arch_vcpu *arch)
{
    if (code_width() != 64)
        arch->exit.next_rip = (uint32_t)arch->exit.next_rip;
    if (arch->exit.kind == EXIT_HYPERCALL)
        after_hypercall(v, arch);
    else
        hvm_after_exit(v, arch);
}

static inline void after_exit(struct vmx_vcpu *vmx)
{
    struct arch_vcpu *arch = vmx->v->arch;
    struct vcpu_exit *exit = &arch->exit;
    uint32_t reason = vmread(VMCS_EXIT_REASON);
    unsigned kind = instruction_exits[(uint8_t)reason];
    uint64_t rip = vmx->rip, next = rip + vmread(VMCS_INSTRUCTION_LENGTH);

    exit->kind = kind;
    exit->next_rip = next;
    if (!kind)
        after_other_exit(vmx, reason);
    else if (unlikely((next ^ rip) >> 32))
        after_wrap(vmx->v, arch);
    else if (kind == EXIT_HYPERCALL)
        after_hypercall(vmx->v, arch);
    else
        hvm_after_exit(vmx->v, arch);
}

static void __attribute__((noinline)) after_interrupted_delivery(struct vmx_vcpu *vmx, uint32_t event)
{
    if (!(vmread(VMCS_EXIT_REASON) & EXIT_REASON_FAILED_ENTRY))
        deliver_again(vmx->v, event);
    after_exit(vmx);
}

void vmx_after_exit(struct vmx_vcpu *vmx)
{
    uint32_t vectoring = vmread(VMCS_VECTORING_EVENT);
    struct guest_regs *regs = vmx->regs;

    vmx->rip = regs->rip = vmread(VMCS_GUEST_RIP);
    regs->rflags = vmread(VMCS_GUEST_RFLAGS);
    if (unlikely(vectoring & EVENT_VALID))
        after_interrupted_delivery(vmx, vectoring);
    else
        after_exit(vmx);
}

// VMLAUNCH or VMRESUME itself failed: the controls or the host's state are not what the processor takes.
void vmx_after_failed_entry(struct vmx_vcpu *vmx)
{
    struct vcpu *v = vmx->v;
    struct vcpu_exit *exit = &v->arch->exit;

    exit->kind = EXIT_INVALID;
    exit->raw.code = vmread(VMCS_INSTRUCTION_ERROR);
    exit->raw.why = vmx_check_controls();
    hvm_after_exit(v, v->arch);
}

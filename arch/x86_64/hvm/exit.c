// SPDX-License-Identifier: MIT
// What each kind of exit leads to. The frequent and the large ones have files of their own.

#include <hv/arch.h>
#include <hv/sched.h>

#include <asm/hvm/hvm.h>
#include <asm/hvm/virt_ops.h>

void hvm_hlt(struct vcpu *v, const struct vcpu_exit *exit)
{
    hvm_advance(v, exit);
    // Halting with interrupts off is how Linux powers off without ACPI: nothing could wake it.
    if (!(v->arch->regs.rflags & RFLAGS_IF))
        vcpu_down(v);
    else if (!arch_vcpu_interrupt_pending(v))
        vcpu_block(v);
}

static void reinject_later(struct vcpu *v, const struct guest_event *event)
{
    v->arch->reinject = *event;
    hvm_attention(v, ATTENTION_REINJECT);
}

static void exception(struct vcpu *v, const struct guest_event *event)
{
    v->arch->exception = *event;
    hvm_attention(v, ATTENTION_EXCEPTION);
}

static void refused(struct vcpu *v, const struct vcpu_exit *exit)
{
    domain_crash(v, "%s: %s (exit %lx, %lx, %lx)",
                 exit->kind == EXIT_INVALID ? "the CPU refuses the guest's state" : "unexpected exit",
                 exit->raw.why, exit->raw.code, exit->raw.info1, exit->raw.info2);
}

void hvm_handle_exit(struct vcpu *v, struct vcpu_exit *exit)
{
    if (unlikely(exit->interrupted.valid))
        reinject_later(v, &exit->interrupted);

    switch (exit->kind) {
    case EXIT_HYPERCALL: hvm_hypercall(v, exit); break;
    case EXIT_INTERRUPT: arch_irq_window(); break;
    case EXIT_CPUID: hvm_cpuid(v, exit); break;
    case EXIT_MSR_READ: hvm_msr_read(v, exit); break;
    case EXIT_MSR_WRITE: hvm_msr_write(v, exit); break;
    case EXIT_IO: hvm_io(v, exit); break;
    case EXIT_NPF: hvm_npf(v, exit); break;
    case EXIT_HLT: hvm_hlt(v, exit); break;
    case EXIT_PAUSE:
        hvm_advance(v, exit);
        vcpu_yield(v);
        break;
    case EXIT_XSETBV: hvm_xsetbv(v, exit); break;
    case EXIT_CACHE_FLUSH: // nothing a guest maps is left dirty in a cache for others to miss: caches are
                           // coherent
        hvm_advance(v, exit);
        break;
    case EXIT_EXCEPTION: exception(v, &exit->exception); break;
    case EXIT_UNDEFINED: hvm_raise(v, VECTOR_UD); break;
    case EXIT_DENIED: hvm_raise_error(v, VECTOR_GP, 0); break;
    case EXIT_MACHINE_CHECK:
        asm volatile("int %0" : : "i"(VECTOR_MC));
        break; // the host's handler reports it
    case EXIT_SHUTDOWN: domain_crash(v, "triple fault"); break;
    case EXIT_IRQ_WINDOW: // the next entry injects
    case EXIT_NMI:        // the host's handler has seen it
    case EXIT_INIT: break;
    default: refused(v, exit); break;
    }
}

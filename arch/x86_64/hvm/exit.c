// SPDX-License-Identifier: MIT
// What each kind of exit leads to. The frequent and the large ones have files of their own.

#include <hv/arch.h>
#include <hv/sched.h>

#include <asm/hvm/hvm.h>
#include <asm/hvm/virt_ops.h>
#include <asm/traps.h>

static void hlt(struct vcpu *v, const struct vcpu_exit *exit)
{
    hvm_advance(v, exit);
    // Halting with interrupts off is how Linux powers off without ACPI: nothing could wake it.
    if (!(v->arch->regs.rflags & RFLAGS_IF))
        vcpu_down(v);
    else if (!arch_vcpu_interrupt_pending(v))
        vcpu_block(v);
}

static void pause(struct vcpu *v, const struct vcpu_exit *exit)
{
    hvm_advance(v, exit);
    vcpu_yield(v);
}

static void interrupt(struct vcpu *v, const struct vcpu_exit *exit)
{
    (void)v;
    if (exit->interrupt.vector)
        interrupt_serve(exit->interrupt.vector);
    else
        arch_irq_window();
}

static void machine_check(struct vcpu *v, const struct vcpu_exit *exit)
{
    (void)v, (void)exit;
    asm volatile("int %0" : : "i"(VECTOR_MC)); // the host's handler reports it
}

// The next entry injects what waits; an NMI has reached the host's handler already.
static void nothing(struct vcpu *v, const struct vcpu_exit *exit)
{
    (void)v, (void)exit;
}

// Guests can't leave anything in a cache that others would miss: caches are coherent.
static void cache_flush(struct vcpu *v, const struct vcpu_exit *exit)
{
    hvm_advance(v, exit);
}

static void exception(struct vcpu *v, const struct vcpu_exit *exit)
{
    v->arch->exception = exit->exception;
    hvm_attention(v, ATTENTION_EXCEPTION);
}

static void undefined(struct vcpu *v, const struct vcpu_exit *exit)
{
    (void)exit;
    hvm_raise(v, VECTOR_UD);
}

static void denied(struct vcpu *v, const struct vcpu_exit *exit)
{
    (void)exit;
    hvm_raise_error(v, VECTOR_GP, 0);
}

static void apic_write(struct vcpu *v, const struct vcpu_exit *exit)
{
    vlapic_written(v, exit->apic_write.offset);
}

static void shutdown(struct vcpu *v, const struct vcpu_exit *exit)
{
    (void)exit;
    domain_crash(v, "triple fault");
}

static void invalid(struct vcpu *v, const struct vcpu_exit *exit)
{
    domain_crash(v, "the CPU refuses the guest's state: %s", exit->raw.why);
}

static void unknown(struct vcpu *v, const struct vcpu_exit *exit)
{
    domain_crash(v, "unexpected exit %lx (%lx, %lx): %s", exit->raw.code, exit->raw.info1, exit->raw.info2,
                 exit->raw.why);
}

void (*const hvm_exit_handlers[EXIT_KINDS])(struct vcpu *v, const struct vcpu_exit *exit) = {
    [EXIT_INTERRUPT] = interrupt,
    [EXIT_NMI] = nothing,
    [EXIT_AGAIN] = nothing,
    [EXIT_HYPERCALL] = hvm_hypercall,
    [EXIT_CPUID] = hvm_cpuid,
    [EXIT_MSR_READ] = hvm_msr_read,
    [EXIT_MSR_WRITE] = hvm_msr_write,
    [EXIT_IO] = hvm_io,
    [EXIT_NPF] = hvm_npf,
    [EXIT_APIC_WRITE] = apic_write,
    [EXIT_HLT] = hlt,
    [EXIT_PAUSE] = pause,
    [EXIT_EXCEPTION] = exception,
    [EXIT_MACHINE_CHECK] = machine_check,
    [EXIT_SHUTDOWN] = shutdown,
    [EXIT_XSETBV] = hvm_xsetbv,
    [EXIT_CACHE_FLUSH] = cache_flush,
    [EXIT_UNDEFINED] = undefined,
    [EXIT_DENIED] = denied,
    [EXIT_INIT] = nothing,
    [EXIT_INVALID] = invalid,
    [EXIT_UNKNOWN] = unknown,
};

// SPDX-License-Identifier: MIT
// What a vcpu has to see to before its next entry, above all what it gets delivered. One event fits; the
// order is: an exception the hypervisor raised, an event whose delivery an exit interrupted, an NMI, the
// event-channel upcall, an interrupt of the local APIC.

#include <hv/arch.h>
#include <hv/cpu.h>
#include <hv/sched.h>

#include <asm/hvm/hvm.h>
#include <asm/hvm/run.h>
#include <asm/hvm/virt_ops.h>

void hvm_attention(struct vcpu *v, uint32_t bits)
{
    __atomic_fetch_or(&v->arch->attention, bits, __ATOMIC_SEQ_CST);
}

static void attention_done(struct vcpu *v, uint32_t bits)
{
    __atomic_fetch_and(&v->arch->attention, ~bits, __ATOMIC_SEQ_CST);
}

static void raise(struct vcpu *v, struct guest_event event)
{
    event.type = EVENT_EXCEPTION;
    v->arch->exception = event;
    hvm_attention(v, ATTENTION_EXCEPTION);
}

void hvm_reinject(struct vcpu *v, const struct guest_event *event)
{
    v->arch->reinject = *event;
    hvm_attention(v, ATTENTION_REINJECT);
}

void hvm_raise(struct vcpu *v, uint8_t vector)
{
    raise(v, (struct guest_event){.vector = vector});
}

void hvm_raise_error(struct vcpu *v, uint8_t vector, uint32_t code)
{
    raise(v, (struct guest_event){.vector = vector, .has_error_code = true, .error_code = code});
}

void hvm_raise_page_fault(struct vcpu *v, uint64_t address, uint32_t code)
{
    virt_ops->set_sreg(v, SREG_CR2, address);
    hvm_raise_error(v, VECTOR_PF, code);
}

void hvm_raise_single_step(struct vcpu *v)
{
    virt_ops->set_sreg(v, SREG_DR6, virt_ops->get_sreg(v, SREG_DR6) | DR6_SINGLE_STEP);
    hvm_raise(v, VECTOR_DB);
}

// Does the task priority let this vector through?
static bool above_tpr(const struct vcpu *v, int vector)
{
    return vector / 16 > (int)virt_ops->get_sreg(v, SREG_TPR) / 16;
}

static void inject_interrupt(struct vcpu *v, uint8_t vector)
{
    virt_ops->inject(v, &(struct guest_event){.type = EVENT_INTERRUPT, .vector = vector});
}

// Exceptions and the like, which no interrupt flag holds back. True: there was one.
static bool inject_urgent(struct vcpu *v, uint32_t attention)
{
    struct arch_vcpu *arch = v->arch;

    if (attention & ATTENTION_EXCEPTION) {
        virt_ops->inject(v, &arch->exception);
        // An interrupted delivery gives way: the guest's fault handler returns to the instruction, which then
        // raises its event again; an upcall is still pending, and an interrupt of the APIC still in service.
        attention_done(v, ATTENTION_EXCEPTION | ATTENTION_REINJECT);
        return true;
    }
    if (attention & ATTENTION_REINJECT) {
        virt_ops->inject(v, &arch->reinject);
        attention_done(v, ATTENTION_REINJECT);
        return true;
    }
    if ((attention & ATTENTION_NMI) && virt_ops->can_nmi(v)) {
        virt_ops->inject(v, &(struct guest_event){.type = EVENT_NMI, .vector = VECTOR_NMI});
        attention_done(v, ATTENTION_NMI);
        return true;
    }
    return false;
}

// Interrupts, in so far as RFLAGS.IF and the task priority allow; else the cpu tells when they do.
static void inject_maskable(struct vcpu *v, bool possible)
{
    if (hvm_upcall_due(v)) {
        if (possible)
            inject_interrupt(v, v->domain->arch->callback_vector);
        else
            virt_ops->request_window(v, WINDOW_ANY_TPR);
        return;
    }
    // Cleared first: a bit that another cpu sets in IRR after the look sets this again.
    attention_done(v, ATTENTION_VLAPIC);
    if (virt_ops->update_apic(v))
        return;
    int vector = vlapic_pending_vector(v);
    if (vector < 0)
        return;
    if (possible && above_tpr(v, vector)) {
        vlapic_accept(v, vector);
        inject_interrupt(v, vector);
        return;
    }
    hvm_attention(v, ATTENTION_VLAPIC);
    virt_ops->request_window(v, vector / 16);
}

struct arch_vcpu *hvm_attend(struct vcpu *v, uint32_t attention)
{
    if (attention & ATTENTION_FLUSH) {
        attention_done(v, ATTENTION_FLUSH);
        virt_ops->flush_tlb(v);
    }
    bool urgent = inject_urgent(v, attention);
    if (hvm_upcall_due(v) || (attention & ATTENTION_VLAPIC))
        inject_maskable(v, !urgent && virt_ops->can_interrupt(v));
    return v->arch;
}

bool arch_vcpu_interrupt_pending(struct vcpu *v)
{
    uint32_t attention = __atomic_load_n(&v->arch->attention, __ATOMIC_RELAXED);

    if (hvm_upcall_due(v) || (attention & ATTENTION_NMI))
        return true;
    // Whatever ATTENTION_VLAPIC says: what the processor is to deliver itself has been handed over.
    int vector = vlapic_pending_vector(v);
    return vector >= 0 && above_tpr(v, vector);
}

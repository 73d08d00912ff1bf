// SPDX-License-Identifier: MIT
// The guest's side of a hypercall: who may make one, and which registers hold what (public header
// arch-x86/xen.h and its 32- and 64-bit parts). What it does is hypercall_dispatch's business.

#include <hv/hypercall.h>

#include <asm/hvm/hvm.h>

static inline void get_args(const struct guest_regs *r, struct hypercall *call)
{
    if (likely(!call->is_32bit)) {
        call->nr = r->rax;
        call->args[0] = r->rdi;
        call->args[1] = r->rsi;
        call->args[2] = r->rdx;
        return;
    }
    call->nr = (uint32_t)r->rax;
    call->args[0] = (uint32_t)r->rbx;
    call->args[1] = (uint32_t)r->rcx;
    call->args[2] = (uint32_t)r->rdx;
}

static void put_args(struct guest_regs *r, const struct hypercall *call)
{
    if (likely(!call->is_32bit)) {
        r->rdi = call->args[0];
        r->rsi = call->args[1];
        r->rdx = call->args[2];
        return;
    }
    r->rbx = (uint32_t)call->args[0];
    r->rcx = (uint32_t)call->args[1];
    r->rdx = (uint32_t)call->args[2];
}

// A guest's programs are not the guest.
static void refuse(struct vcpu *v, const struct vcpu_exit *exit)
{
    v->arch->regs.rax = exit->hypercall.width == 64 ? -(uint64_t)XEN_EPERM : -(uint32_t)XEN_EPERM;
    hvm_advance(v, exit);
}

// The call is made from its place in the trace, so that it is written down once.
void hvm_hypercall(struct vcpu *v, const struct vcpu_exit *exit)
{
    struct arch_vcpu *arch = v->arch;

    if (unlikely(exit->hypercall.cpl != 0)) {
        refuse(v, exit);
        return;
    }
    struct hypercall_record *record = arch->trace_next;
    arch->trace_next = record->next;
    record->rip = arch->regs.rip;
    record->call.is_32bit = exit->hypercall.width != 64;
    get_args(&arch->regs, &record->call);

    long result = hypercall_dispatch(v, &record->call);
    record->result = result;
    arch = v->arch; // rather than kept across the call, as is `exit`
    if (unlikely(result == HYPERCALL_CONTINUE)) {
        put_args(&arch->regs, &record->call); // RIP stays: the guest makes the call again
        return;
    }
    arch->regs.rax = record->call.is_32bit ? (uint32_t)result : (uint64_t)result;
    hvm_advance(v, &arch->exit);
}

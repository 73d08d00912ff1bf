// SPDX-License-Identifier: MIT
// The guest's side of a hypercall: who may make one, and which registers hold what (public header
// arch-x86/xen.h and its 32- and 64-bit parts). What it does is hypercall_dispatch's business.

#include <hv/hypercall.h>

#include <asm/hvm/hvm.h>

static void get_args(const struct guest_regs *r, struct hypercall *call)
{
    if (likely(!call->is_32bit)) {
        call->nr = r->rax;
        call->args[0] = r->rdi;
        call->args[1] = r->rsi;
        call->args[2] = r->rdx;
        call->args[3] = r->r10;
        call->args[4] = r->r8;
        call->args[5] = r->r9;
        return;
    }
    call->nr = (uint32_t)r->rax;
    call->args[0] = (uint32_t)r->rbx;
    call->args[1] = (uint32_t)r->rcx;
    call->args[2] = (uint32_t)r->rdx;
    call->args[3] = (uint32_t)r->rsi;
    call->args[4] = (uint32_t)r->rdi;
    call->args[5] = (uint32_t)r->rbp;
}

static void put_args(struct guest_regs *r, const struct hypercall *call)
{
    if (likely(!call->is_32bit)) {
        r->rdi = call->args[0];
        r->rsi = call->args[1];
        r->rdx = call->args[2];
        r->r10 = call->args[3];
        r->r8 = call->args[4];
        r->r9 = call->args[5];
        return;
    }
    r->rbx = (uint32_t)call->args[0];
    r->rcx = (uint32_t)call->args[1];
    r->rdx = (uint32_t)call->args[2];
    r->rsi = (uint32_t)call->args[3];
    r->rdi = (uint32_t)call->args[4];
    r->rbp = (uint32_t)call->args[5];
}

static inline void finish(struct vcpu *v, const struct vcpu_exit *exit, long result)
{
    v->arch->regs.rax = exit->hypercall.width == 64 ? (uint64_t)result : (uint32_t)result;
    hvm_advance(v, exit);
}

void hvm_hypercall(struct vcpu *v, const struct vcpu_exit *exit)
{
    struct arch_vcpu *arch = v->arch;
    struct hypercall call;

    if (unlikely(exit->hypercall.cpl != 0)) { // a guest's programs are not the guest
        finish(v, exit, -XEN_EPERM);
        return;
    }
    call.is_32bit = exit->hypercall.width != 64;
    get_args(&arch->regs, &call);
    struct hypercall_record *record = &arch->trace[arch->trace_next++ % HYPERCALL_TRACE];
    record->nr = call.nr;
    record->arg0 = call.args[0];
    record->rip = arch->regs.rip;

    long result = hypercall_dispatch(v, &call);
    record->result = result;
    if (likely(result != HYPERCALL_CONTINUE))
        finish(v, exit, result);
    else
        put_args(&arch->regs, &call); // RIP stays: the guest makes the call again
}

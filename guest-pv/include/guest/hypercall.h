// SPDX-License-Identifier: MIT
//
// Hypercalls. The instruction (VMCALL or VMMCALL) is chosen once at entry by the CPU's vendor. HYPERVISOR_*
// return Xen's own value: 0 or more, or a negative XEN_E* code. Pointers are this guest's linear addresses.
#ifndef GUEST_HYPERCALL_H
#define GUEST_HYPERCALL_H

#include <stdint.h>
#include <xen/xen.h>
#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

struct xen_domctl;
struct xen_sysctl;

// The raw call: op and up to five arguments in RAX, RDI, RSI, RDX, R10, R8. guest_hypercall_insn is two
// instructions in the kit's text, "vmcall; ret" or "vmmcall; ret".
static inline long hypercall5(unsigned op, unsigned long a1, unsigned long a2, unsigned long a3,
                              unsigned long a4, unsigned long a5)
{
    long result;
    register unsigned long r10 __asm__("r10") = a4;
    register unsigned long r8 __asm__("r8") = a5;
    __asm__ volatile("call guest_hypercall_insn"
                     : "=a"(result), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8)
                     : "0"((unsigned long)op)
                     : "memory");
    return result;
}

static inline long hypercall1(unsigned op, unsigned long a1)
{
    return hypercall5(op, a1, 0, 0, 0, 0);
}

static inline long hypercall2(unsigned op, unsigned long a1, unsigned long a2)
{
    return hypercall5(op, a1, a2, 0, 0, 0);
}

static inline long hypercall3(unsigned op, unsigned long a1, unsigned long a2, unsigned long a3)
{
    return hypercall5(op, a1, a2, a3, 0, 0);
}

static inline long HYPERVISOR_xen_version(unsigned cmd, void *arg)
{
    return hypercall2(__HYPERVISOR_xen_version, cmd, (unsigned long)arg);
}

static inline long HYPERVISOR_memory_op(unsigned cmd, void *arg)
{
    return hypercall2(__HYPERVISOR_memory_op, cmd, (unsigned long)arg);
}

static inline long HYPERVISOR_event_channel_op(unsigned cmd, void *arg)
{
    return hypercall2(__HYPERVISOR_event_channel_op, cmd, (unsigned long)arg);
}

static inline long HYPERVISOR_grant_table_op(unsigned cmd, void *ops, unsigned count)
{
    return hypercall3(__HYPERVISOR_grant_table_op, cmd, (unsigned long)ops, count);
}

static inline long HYPERVISOR_sched_op(unsigned cmd, void *arg)
{
    return hypercall2(__HYPERVISOR_sched_op, cmd, (unsigned long)arg);
}

static inline long HYPERVISOR_vcpu_op(unsigned cmd, unsigned vcpu, void *arg)
{
    return hypercall3(__HYPERVISOR_vcpu_op, cmd, vcpu, (unsigned long)arg);
}

static inline long HYPERVISOR_hvm_op(unsigned cmd, void *arg)
{
    return hypercall2(__HYPERVISOR_hvm_op, cmd, (unsigned long)arg);
}

static inline long HYPERVISOR_physdev_op(unsigned cmd, void *arg)
{
    return hypercall2(__HYPERVISOR_physdev_op, cmd, (unsigned long)arg);
}

static inline long HYPERVISOR_console_io(unsigned cmd, unsigned count, void *buffer)
{
    return hypercall3(__HYPERVISOR_console_io, cmd, count, (unsigned long)buffer);
}

static inline long HYPERVISOR_vm_assist(unsigned cmd, unsigned type)
{
    return hypercall2(__HYPERVISOR_vm_assist, cmd, type);
}

static inline long HYPERVISOR_multicall(struct multicall_entry *calls, unsigned count)
{
    return hypercall2(__HYPERVISOR_multicall, (unsigned long)calls, count);
}

static inline long HYPERVISOR_domctl(struct xen_domctl *op)
{
    return hypercall1(__HYPERVISOR_domctl, (unsigned long)op);
}

static inline long HYPERVISOR_sysctl(struct xen_sysctl *op)
{
    return hypercall1(__HYPERVISOR_sysctl, (unsigned long)op);
}

// HVM parameters of this domain or, for a privileged caller, another. Return 0 or a negative XEN_E*.
long hvm_param_get(domid_t dom, uint32_t index, uint64_t *value);
long hvm_param_set(domid_t dom, uint32_t index, uint64_t value);

#endif

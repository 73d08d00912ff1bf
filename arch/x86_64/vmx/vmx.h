// SPDX-License-Identifier: MIT
// State of the VT-x half: per vcpu, per domain and per cpu. Private to vmx/.
#pragma once

#include "vmcs.h"

#include <asm/hvm/asid.h>
#include <asm/hvm/hvm.h>
#include <asm/hvm/virt_ops.h>
#include <hv/types.h>

// MSRs that neither the VMCS nor an entry switches: in the machine while the vcpu is loaded, which the
// hypervisor, using none of them, does not notice.
#define VMX_OWN_MSRS 5

// How to enter. The first is none of the others.
#define VMX_ENTRY_LAUNCH 0UL
#define VMX_ENTRY_RESUME 1UL // with VMRESUME and nothing else
#define VMX_ENTRY_CLEAR  2UL // with VMRESUME, behind VERW

struct vmx_vcpu {
    struct guest_regs *regs; // v->arch->regs
    uint64_t entry;          // entry.S: VMX_ENTRY_*
    struct vcpu *v;
    maddr_t vmcs_pa;
    uint64_t rip;       // GUEST_RIP in the VMCS
    uint32_t cpu, cpu2; // controls as they are in the VMCS
    // RFLAGS_IF: it was last entered with interrupts off, and so with the preemption timer on. Neither that
    // nor 0 while its VMCS is not this cpu's current one, so that an entry need not ask for both.
    uint32_t closed;
    struct asid vpid;
    bool loaded; // what follows is in the machine, not here
    uint64_t msrs[VMX_OWN_MSRS], cr2, dr6;
    bool pdptes_stale; // to be read from guest memory before entry, should it be in PAE mode
};

struct vmx_domain {
    void *io_bitmaps; // the hardware domain's own, two pages; NULL: every port exits
};

struct vmx_cpu {
    struct vmx_vcpu *current; // whose VMCS is the current one
    uint64_t host_rsp;        // that of the run loop
};

// What this machine's VT-x is used with; chosen by vmx_choose_controls.
struct vmx_controls {
    uint32_t pin, cpu, cpu2, exit, entry;
    uint32_t cpu2_apic;   // secondary controls for the local APIC, as there are: set according to its mode
    uint32_t revision;    // of VMCS regions
    uint32_t timer_shift; // the preemption timer counts TSC ticks >> timer_shift
    bool string_info;     // instruction information of INS and OUTS
    uint64_t ept_pointer; // without the address
};

extern struct vmx_controls vmx_controls;
extern struct vmx_cpu vmx_cpus[];

static inline struct vmx_vcpu *vmx_of(const struct vcpu *v)
{
    return v->arch->vendor;
}

// Makes v's VMCS the current one of this cpu.
struct vmx_vcpu *vmx_select(const struct vcpu *v);

// Guest CR0 bits that are ours: NE, which VT-x wants set, and CD and NW, which nobody but us may set.
#define CR0_OWNED (CR0_NE | CR0_CD | CR0_NW)

// entry.S: the run loop of this cpu. Notes its stack pointer, which is the one after each exit, in host_rsp.
void vmx_loop(struct cpu *cpu, uint64_t *host_rsp) __attribute__((noreturn));
extern const char vmx_exit_point[];
extern uint64_t vmx_entry_launched; // how, once launched: VMX_ENTRY_RESUME or VMX_ENTRY_CLEAR

// run.c, called by it
struct vmx_vcpu *vmx_before_entry(struct cpu *cpu);
void vmx_after_exit(struct vmx_vcpu *vmx);
void vmx_after_failed_entry(struct vmx_vcpu *vmx);

// controls.c: NULL, or what this machine's VT-x lacks.
const char *vmx_choose_controls(void);

// check.c: which of the checks of VM entry the current VMCS fails; NULL: none that is known here.
const char *vmx_check_guest(void);
const char *vmx_check_controls(void);

// registers.c
uint64_t vmx_get_sreg(const struct vcpu *v, enum guest_sreg reg);
void vmx_set_sreg(struct vcpu *v, enum guest_sreg reg, uint64_t value);
struct guest_paging vmx_get_paging(const struct vcpu *v);
void *vmx_guest_memory(struct vcpu *v, uint64_t va, bool write);
void vmx_get_segment(const struct vcpu *v, enum guest_segment seg, struct guest_segment_state *state);
void vmx_set_segment(struct vcpu *v, enum guest_segment seg, const struct guest_segment_state *state);
bool vmx_get_msr(const struct vcpu *v, uint32_t msr, uint64_t *value);
bool vmx_set_msr(struct vcpu *v, uint32_t msr, uint64_t value);
void vmx_load_registers(struct vcpu *v);
void vmx_save_registers(struct vcpu *v);
void vmx_dump(const struct vcpu *v);

// permissions.c
void vmx_permissions_init(void);     // the shared MSR bitmap; panics when there is no memory
maddr_t vmx_msr_bitmap(bool x2apic); // for a vcpu whose APIC the processor virtualises in that mode, or not
int vmx_domain_create(struct domain *d);
void vmx_domain_destroy(struct domain *d);

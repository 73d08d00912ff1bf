// SPDX-License-Identifier: MIT
// State of the AMD-V half: per vcpu, per domain and per cpu. Private to svm/.
#pragma once

#include "vmcb.h"

#include <asm/hvm/asid.h>
#include <asm/hvm/hvm.h>
#include <asm/hvm/virt_ops.h>
#include <hv/types.h>

#define INSN_RECORDS 16 // power of two

// An instruction that exited before, so that its bytes are not fetched again: see insn_length.c.
struct insn_record {
    uint64_t rip, cr3;
    uint64_t exit_code; // 0: unused
    uint64_t next_rip;
};

struct svm_vcpu {
    struct guest_regs *regs; // v->arch->regs
    maddr_t vmcb_pa;
    struct vmcb *vmcb;
    struct vcpu *v;
    struct asid asid;
    bool nmi_masked; // an NMI was injected and its IRET has not completed yet
    bool iret_seen;  // the IRET at iret_rip is about to run
    uint64_t iret_rip;
    struct insn_record insn_records[INSN_RECORDS]; // unused with NRIPS
};

struct svm_domain {
    // The hardware domain's own I/O permission map; NULL: the shared one that intercepts every port.
    void *iopm;
};

struct svm_cpu {
    maddr_t host_vmcb_pa; // VMSAVE of the host's FS, GS, TR, LDTR and system-call MSRs
};

struct svm_features {
    bool nrips, flush_by_asid, pause_filter, pause_threshold;
    uint32_t nr_asids;
};

extern struct svm_features svm_features;

static inline struct svm_vcpu *svm_of(const struct vcpu *v)
{
    return v->arch->vendor;
}

// entry.S: the run loop of this cpu.
void svm_loop(struct cpu *cpu, maddr_t host_vmcb_pa) __attribute__((noreturn));
// With VERW before each entry.
void svm_clearing_loop(struct cpu *cpu, maddr_t host_vmcb_pa) __attribute__((noreturn));

// run.c, called by it
struct svm_vcpu *svm_before_entry(struct cpu *cpu);
void svm_after_exit(struct svm_vcpu *svm);

// insn_length.c: finds where the instruction behind the one that caused the exit begins, and notes it in
// `record`. False when the bytes at CS:RIP are not that instruction (any more).
bool svm_find_next_rip(struct vcpu *v, struct insn_record *record);

// registers.c
uint64_t svm_get_sreg(const struct vcpu *v, enum guest_sreg reg);
void svm_set_sreg(struct vcpu *v, enum guest_sreg reg, uint64_t value);
struct guest_paging svm_get_paging(const struct vcpu *v);
void *svm_guest_memory(struct vcpu *v, uint64_t va, bool write);
void svm_get_segment(const struct vcpu *v, enum guest_segment seg, struct guest_segment_state *state);
void svm_set_segment(struct vcpu *v, enum guest_segment seg, const struct guest_segment_state *state);
bool svm_get_msr(const struct vcpu *v, uint32_t msr, uint64_t *value);
bool svm_set_msr(struct vcpu *v, uint32_t msr, uint64_t value);
void svm_dump(const struct vcpu *v);
const char *svm_invalid_reason(const struct vmcb *vmcb); // which of VMRUN's checks the state fails

// permissions.c
void svm_permissions_init(void); // the shared maps; panics when there is no memory
maddr_t svm_msrpm(void);
maddr_t svm_iopm(const struct domain *d);
int svm_domain_create(struct domain *d);
void svm_domain_destroy(struct domain *d);

// SPDX-License-Identifier: MIT
// The vendor seam. svm/ and vmx/ fill one of these each; hvm/ uses nothing else of them. All hooks that
// take a vcpu expect its context to be loaded on this cpu, but for those that say otherwise.
#pragma once

#include <asm/hvm/vcpu_exit.h>
#include <hv/types.h>

struct vcpu;
struct domain;
struct pt_format;

enum guest_segment {
    SEG_ES,
    SEG_CS,
    SEG_SS,
    SEG_DS,
    SEG_FS,
    SEG_GS,
    SEG_LDTR,
    SEG_TR,
    SEG_GDTR,
    SEG_IDTR,
    SEG_COUNT
};

// Attributes in the layout of bytes 5 and 6 of a descriptor (type, S, DPL, P; AVL, L, D/B, G in bits 12-15 as
// the VMX and Xen "arbytes" layout has them).
struct guest_segment_state {
    uint64_t base;
    uint32_t limit;
    uint16_t selector;
    uint16_t attr;
};

#define SEG_DPL_SHIFT 5
#define SEG_ATTR_DPL  (3U << SEG_DPL_SHIFT) // of SS: the current privilege level
#define SEG_ATTR_P    (1U << 7)
#define SEG_ATTR_L    (1U << 13)
#define SEG_ATTR_D    (1U << 14)
#define SEG_ATTR_G    (1U << 15)

// Registers beyond the general ones.
enum guest_sreg {
    SREG_CR0,
    SREG_CR2,
    SREG_CR3,
    SREG_CR4,
    SREG_TPR,
    SREG_DR6,
    SREG_DR7,
    SREG_EFER,
    SREG_RSP,
    SREG_RFLAGS,
    SREG_COUNT
};

#define WINDOW_ANY_TPR 16U

// What decides how guest-virtual addresses are translated.
struct guest_paging {
    uint64_t cr0, cr3, cr4, efer;
};

struct virt_ops {
    const char *name;                   // "svm", "vmx"
    unsigned cpu_feature;               // XEN_X86_FEATURE_* of processors it is for
    uint8_t hypercall_opcode[3];        // VMMCALL or VMCALL
    const struct pt_format *p2m_format; // of nested page tables
    const char *(*probe)(void);         // NULL when this machine has it, else why not, for the user
    void (*enable_cpu)(void); // on each cpu once, after its descriptor tables and per-cpu base are final

    int (*domain_create)(struct domain *d); // 0 or -XEN_ENOMEM, nothing left behind
    void (*domain_destroy)(struct domain *d);
    int (*vcpu_create)(struct vcpu *v); // in reset state
    void (*vcpu_destroy)(struct vcpu *v);
    // This cpu is going to run `next` (NULL: none) instead of `prev` (NULL: none).
    void (*vcpu_switch)(struct vcpu *prev, struct vcpu *next);

    // The run loop of this cpu, interrupts closed: hvm_before_entry, the guest, hvm_after_exit
    // (asm/hvm/run.h), for ever.
    void (*run_loop)(void) __attribute__((noreturn));

    void (*inject)(struct vcpu *v,
                   const struct guest_event *event); // at the next entry; at most one per entry
    bool (*can_interrupt)(const struct vcpu *v);     // RFLAGS.IF, no interrupt shadow
    bool (*can_nmi)(struct vcpu *v);                 // no NMI being handled, no shadow
    // EXIT_AGAIN as soon as the guest would take an interrupt of this priority class (vector / 16), or
    // of any class whatever its TPR says.
    void (*request_window)(struct vcpu *v, unsigned priority);

    // The loaded vcpu's registers, or those of one that is not running anywhere.
    uint64_t (*get_sreg)(const struct vcpu *v, enum guest_sreg reg);
    void (*set_sreg)(struct vcpu *v, enum guest_sreg reg, uint64_t value); // value has been checked
    struct guest_paging (*get_paging)(const struct vcpu *v);
    void *(*guest_memory)(struct vcpu *v, uint64_t va,
                          bool write); // arch_guest_memory by asm/hvm/guest_walk.h
    void (*get_segment)(const struct vcpu *v, enum guest_segment seg, struct guest_segment_state *state);
    void (*set_segment)(struct vcpu *v, enum guest_segment seg, const struct guest_segment_state *state);
    // MSRs that the vendor's state holds (system-call, segment-base and PAT MSRs). False: not one of them.
    bool (*get_msr)(const struct vcpu *v, uint32_t msr, uint64_t *value);
    bool (*set_msr)(struct vcpu *v, uint32_t msr, uint64_t value); // canonical addresses have been checked

    // The local APIC's mode or its requests have changed. True: the processor delivers these interrupts
    // itself.
    bool (*update_apic)(struct vcpu *v);
    void (*flush_tlb)(struct vcpu *v);  // no translation made before the next entry is used after it
    void (*dump)(const struct vcpu *v); // vendor state to the log, LOG_ERROR
};

extern const struct virt_ops *virt_ops; // chosen by hvm_init()
extern const struct virt_ops svm_ops, vmx_ops;

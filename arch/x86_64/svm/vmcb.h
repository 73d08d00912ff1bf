// SPDX-License-Identifier: MIT
// The virtual machine control block and its codes: AMD APM vol. 2, appendix B (layout) and C (exit codes),
// chapter 15.
#pragma once

#include <hv/types.h>

#include <asm/x86_defs.h>

struct vmcb_segment {
    uint16_t selector;
    uint16_t attr; // descriptor bits 47:40 in 7:0, bits 55:52 in 11:8
    uint32_t limit;
    uint64_t base;
};

struct vmcb {
    // Control area.
    uint16_t intercept_cr_read, intercept_cr_write;
    uint16_t intercept_dr_read, intercept_dr_write;
    uint32_t intercept_exceptions; // by vector
    uint32_t intercept1, intercept2, intercept3;
    uint8_t reserved_018[0x3c - 0x18];
    uint16_t pause_filter_threshold, pause_filter_count;
    uint64_t iopm_base, msrpm_base;
    uint64_t tsc_offset;
    uint32_t asid;
    uint8_t tlb_control;
    uint8_t reserved_05d[3];
    uint64_t int_ctl;
    uint64_t int_state; // bit 0: interrupt shadow
    uint64_t exit_code, exit_info1, exit_info2, exit_int_info;
    uint64_t nested_ctl;
    uint8_t reserved_098[0xa8 - 0x98];
    uint64_t event_inj;
    uint64_t nested_cr3;
    uint64_t virt_ext;
    uint32_t clean, reserved_0c4;
    uint64_t next_rip; // with NRIPS only
    uint8_t reserved_0d0[0x400 - 0xd0];

    // State save area.
    struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
    uint8_t reserved_4a0[0x4cb - 0x4a0];
    uint8_t cpl;
    uint32_t reserved_4cc;
    uint64_t efer;
    uint8_t reserved_4d8[0x548 - 0x4d8];
    uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
    uint8_t reserved_580[0x5d8 - 0x580];
    uint64_t rsp;
    uint8_t reserved_5e0[0x5f8 - 0x5e0];
    uint64_t rax;
    uint64_t star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t cr2;
    uint8_t reserved_648[0x668 - 0x648];
    uint64_t pat;
    uint8_t reserved_670[0x1000 - 0x670];
};

_Static_assert(sizeof(struct vmcb) == PAGE_SIZE, "one page");
_Static_assert(offsetof(struct vmcb, pause_filter_threshold) == 0x3c, "APM vol. 2, table B-1");
_Static_assert(offsetof(struct vmcb, int_ctl) == 0x60, "APM vol. 2, table B-1");
_Static_assert(offsetof(struct vmcb, nested_ctl) == 0x90, "APM vol. 2, table B-1");
_Static_assert(offsetof(struct vmcb, event_inj) == 0xa8, "APM vol. 2, table B-1");
_Static_assert(offsetof(struct vmcb, next_rip) == 0xc8, "APM vol. 2, table B-1");
_Static_assert(offsetof(struct vmcb, tr) == 0x490, "APM vol. 2, table B-2");
_Static_assert(offsetof(struct vmcb, efer) == 0x4d0, "APM vol. 2, table B-2");
_Static_assert(offsetof(struct vmcb, rip) == 0x578, "APM vol. 2, table B-2");
_Static_assert(offsetof(struct vmcb, rax) == 0x5f8, "APM vol. 2, table B-2");
_Static_assert(offsetof(struct vmcb, cr2) == 0x640, "APM vol. 2, table B-2");
_Static_assert(offsetof(struct vmcb, pat) == 0x668, "APM vol. 2, table B-2");

#define INTERCEPT1_INTR        (1U << 0)
#define INTERCEPT1_NMI         (1U << 1)
#define INTERCEPT1_INIT        (1U << 3)
#define INTERCEPT1_VINTR       (1U << 4)
#define INTERCEPT1_RDPMC       (1U << 15)
#define INTERCEPT1_CPUID       (1U << 18)
#define INTERCEPT1_IRET        (1U << 20)
#define INTERCEPT1_INVD        (1U << 22)
#define INTERCEPT1_PAUSE       (1U << 23)
#define INTERCEPT1_HLT         (1U << 24)
#define INTERCEPT1_INVLPGA     (1U << 26)
#define INTERCEPT1_IO          (1U << 27)
#define INTERCEPT1_MSR         (1U << 28)
#define INTERCEPT1_FERR_FREEZE (1U << 30)
#define INTERCEPT1_SHUTDOWN    (1U << 31)

#define INTERCEPT2_VMRUN   (1U << 0)
#define INTERCEPT2_VMMCALL (1U << 1)
#define INTERCEPT2_VMLOAD  (1U << 2)
#define INTERCEPT2_VMSAVE  (1U << 3)
#define INTERCEPT2_STGI    (1U << 4)
#define INTERCEPT2_CLGI    (1U << 5)
#define INTERCEPT2_SKINIT  (1U << 6)
#define INTERCEPT2_WBINVD  (1U << 9)
#define INTERCEPT2_MONITOR (1U << 10)
#define INTERCEPT2_MWAIT   (1U << 11)
#define INTERCEPT2_XSETBV  (1U << 13)
#define INTERCEPT2_RDPRU   (1U << 14)

#define INTERCEPT3_INVLPGB         (1U << 0)
#define INTERCEPT3_INVLPGB_ILLEGAL (1U << 1)
#define INTERCEPT3_MCOMMIT         (1U << 3)
#define INTERCEPT3_TLBSYNC         (1U << 4)

#define VMCB_ATTR_L (1U << 9) // 64-bit code segment
#define VMCB_ATTR_D (1U << 10)

#define TLB_CONTROL_NONE       0
#define TLB_CONTROL_FLUSH_ALL  1
#define TLB_CONTROL_FLUSH_ASID 3 // with FLUSHBYASID only

#define INT_CTL_TPR     0xfUL // CR8, four bits
#define INT_CTL_IRQ     (1UL << 8)
#define INT_CTL_PRIO    (0xfUL << 16)
#define INT_CTL_IGN_TPR (1UL << 20)
#define INT_CTL_MASKING (1UL << 24)

#define NESTED_CTL_NP (1UL << 0)

#define EVENT_VECTOR      0xffUL
#define EVENT_TYPE_SHIFT  8
#define EVENT_TYPE_MASK   7U
#define EVENT_ERROR_VALID (1UL << 11)
#define EVENT_VALID       (1UL << 31)
#define EVENT_ERROR_SHIFT 32

enum svm_event_type {
    SVM_EVENT_INTR = 0,
    SVM_EVENT_NMI = 2,
    SVM_EVENT_EXCEPTION = 3,
    SVM_EVENT_SOFTWARE = 4
};

enum svm_exit {
    SVM_EXIT_EXCEPTION = 0x40, // + vector, 32 of them
    SVM_EXIT_INTR = 0x60,
    SVM_EXIT_NMI = 0x61,
    SVM_EXIT_INIT = 0x63,
    SVM_EXIT_VINTR = 0x64,
    SVM_EXIT_RDPMC = 0x6f,
    SVM_EXIT_CPUID = 0x72,
    SVM_EXIT_IRET = 0x74,
    SVM_EXIT_INVD = 0x76,
    SVM_EXIT_PAUSE = 0x77,
    SVM_EXIT_HLT = 0x78,
    SVM_EXIT_INVLPGA = 0x7a,
    SVM_EXIT_IO = 0x7b,
    SVM_EXIT_MSR = 0x7c,
    SVM_EXIT_FERR_FREEZE = 0x7e,
    SVM_EXIT_SHUTDOWN = 0x7f,
    SVM_EXIT_VMRUN = 0x80,
    SVM_EXIT_VMMCALL = 0x81,
    SVM_EXIT_VMLOAD = 0x82,
    SVM_EXIT_VMSAVE = 0x83,
    SVM_EXIT_STGI = 0x84,
    SVM_EXIT_CLGI = 0x85,
    SVM_EXIT_SKINIT = 0x86,
    SVM_EXIT_WBINVD = 0x89,
    SVM_EXIT_MONITOR = 0x8a,
    SVM_EXIT_MWAIT = 0x8b,
    SVM_EXIT_XSETBV = 0x8d,
    SVM_EXIT_RDPRU = 0x8e,
    SVM_EXIT_INVLPGB = 0xa0,
    SVM_EXIT_INVLPGB_ILLEGAL = 0xa1,
    SVM_EXIT_MCOMMIT = 0xa3,
    SVM_EXIT_TLBSYNC = 0xa4,
    SVM_EXIT_NPF = 0x400,
};

#define SVM_EXIT_INVALID (~0U) // -1; QEMU stores only 32 bits of it

// EXITINFO1 of an I/O exit; the port is in bits 31:16.
#define IO_INFO_IN     (1U << 0)
#define IO_INFO_STRING (1U << 2)
#define IO_INFO_REP    (1U << 3)
#define IO_INFO_SIZE8  (1U << 4)
#define IO_INFO_SIZE16 (1U << 5)
#define IO_INFO_ADDR16 (1U << 7)
#define IO_INFO_ADDR32 (1U << 8)

// EXITINFO1 of a nested page fault.
#define NPF_PRESENT    (1UL << 0)
#define NPF_WRITE      (1UL << 1)
#define NPF_FETCH      (1UL << 4)
#define NPF_TABLE_WALK (1UL << 33)

static inline bool vmcb_is_64bit(const struct vmcb *vmcb)
{
    return (vmcb->efer & EFER_LMA) && (vmcb->cs.attr & VMCB_ATTR_L);
}

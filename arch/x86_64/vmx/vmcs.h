// SPDX-License-Identifier: MIT
// The virtual machine control structure: its fields (Intel SDM vol. 3, appendix B), controls (chapter 25),
// exit reasons (appendix C), and the instructions that reach it. They act on the current VMCS of this cpu:
// see vmx_select().
#pragma once

#include <hv/types.h>

enum vmcs_field {
    VMCS_VPID = 0x0000,
    VMCS_GUEST_SELECTOR = 0x0800, // + 2 * enum guest_segment, as the three below
    VMCS_GUEST_INTERRUPT_STATUS = 0x0810,
    VMCS_HOST_ES = 0x0c00,
    VMCS_HOST_CS = 0x0c02,
    VMCS_HOST_SS = 0x0c04,
    VMCS_HOST_DS = 0x0c06,
    VMCS_HOST_FS = 0x0c08,
    VMCS_HOST_GS = 0x0c0a,
    VMCS_HOST_TR = 0x0c0c,

    VMCS_IO_BITMAP_A = 0x2000,
    VMCS_IO_BITMAP_B = 0x2002,
    VMCS_MSR_BITMAP = 0x2004,
    VMCS_ENTRY_MSR_LOAD = 0x200a,
    VMCS_TSC_OFFSET = 0x2010,
    VMCS_VIRTUAL_APIC_PAGE = 0x2012,
    VMCS_APIC_ACCESS_PAGE = 0x2014,
    VMCS_EPT_POINTER = 0x201a,
    VMCS_EOI_EXIT_BITMAP = 0x201c, // four of them
    VMCS_GUEST_PHYSICAL_ADDRESS = 0x2400,
    VMCS_LINK_POINTER = 0x2800,
    VMCS_GUEST_DEBUGCTL = 0x2802,
    VMCS_GUEST_PAT = 0x2804,
    VMCS_GUEST_EFER = 0x2806,
    VMCS_GUEST_PDPTE = 0x280a, // four of them
    VMCS_HOST_PAT = 0x2c00,
    VMCS_HOST_EFER = 0x2c02,

    VMCS_PIN_CONTROLS = 0x4000,
    VMCS_CPU_CONTROLS = 0x4002,
    VMCS_EXCEPTION_BITMAP = 0x4004,
    VMCS_PAGE_FAULT_MASK = 0x4006,
    VMCS_PAGE_FAULT_MATCH = 0x4008,
    VMCS_CR3_TARGET_COUNT = 0x400a,
    VMCS_EXIT_CONTROLS = 0x400c,
    VMCS_EXIT_MSR_STORE_COUNT = 0x400e,
    VMCS_EXIT_MSR_LOAD_COUNT = 0x4010,
    VMCS_ENTRY_CONTROLS = 0x4012,
    VMCS_ENTRY_MSR_LOAD_COUNT = 0x4014,
    VMCS_ENTRY_EVENT = 0x4016,
    VMCS_ENTRY_ERROR_CODE = 0x4018,
    VMCS_ENTRY_LENGTH = 0x401a,
    VMCS_TPR_THRESHOLD = 0x401c,
    VMCS_CPU2_CONTROLS = 0x401e,
    VMCS_PLE_GAP = 0x4020,
    VMCS_PLE_WINDOW = 0x4022,
    VMCS_INSTRUCTION_ERROR = 0x4400,
    VMCS_EXIT_REASON = 0x4402,
    VMCS_EXIT_EVENT = 0x4404,
    VMCS_EXIT_ERROR_CODE = 0x4406,
    VMCS_VECTORING_EVENT = 0x4408,
    VMCS_VECTORING_ERROR_CODE = 0x440a,
    VMCS_INSTRUCTION_LENGTH = 0x440c,
    VMCS_INSTRUCTION_INFO = 0x440e,
    VMCS_GUEST_LIMIT = 0x4800,
    VMCS_GUEST_ATTR = 0x4814,
    VMCS_GUEST_INTERRUPTIBILITY = 0x4824,
    VMCS_GUEST_ACTIVITY = 0x4826,
    VMCS_GUEST_SYSENTER_CS = 0x482a,
    VMCS_PREEMPTION_TIMER = 0x482e,
    VMCS_HOST_SYSENTER_CS = 0x4c00,

    VMCS_CR0_MASK = 0x6000,
    VMCS_CR4_MASK = 0x6002,
    VMCS_CR0_SHADOW = 0x6004,
    VMCS_CR4_SHADOW = 0x6006,
    VMCS_EXIT_QUALIFICATION = 0x6400,
    VMCS_GUEST_CR0 = 0x6800,
    VMCS_GUEST_CR3 = 0x6802,
    VMCS_GUEST_CR4 = 0x6804,
    VMCS_GUEST_BASE = 0x6806,
    VMCS_GUEST_DR7 = 0x681a,
    VMCS_GUEST_RSP = 0x681c,
    VMCS_GUEST_RIP = 0x681e,
    VMCS_GUEST_RFLAGS = 0x6820,
    VMCS_GUEST_PENDING_DEBUG = 0x6822,
    VMCS_GUEST_SYSENTER_ESP = 0x6824,
    VMCS_GUEST_SYSENTER_EIP = 0x6826,
    VMCS_HOST_CR0 = 0x6c00,
    VMCS_HOST_CR3 = 0x6c02,
    VMCS_HOST_CR4 = 0x6c04,
    VMCS_HOST_FS_BASE = 0x6c06,
    VMCS_HOST_GS_BASE = 0x6c08,
    VMCS_HOST_TR_BASE = 0x6c0a,
    VMCS_HOST_GDTR_BASE = 0x6c0c,
    VMCS_HOST_IDTR_BASE = 0x6c0e,
    VMCS_HOST_SYSENTER_ESP = 0x6c10,
    VMCS_HOST_SYSENTER_EIP = 0x6c12,
    VMCS_HOST_RSP = 0x6c14,
    VMCS_HOST_RIP = 0x6c16,
};

#define PIN_EXTERNAL_INTERRUPT (1U << 0)
#define PIN_NMI                (1U << 3)
#define PIN_VIRTUAL_NMI        (1U << 5)
#define PIN_PREEMPTION_TIMER   (1U << 6)

#define CPU_INTERRUPT_WINDOW (1U << 2)
#define CPU_HLT              (1U << 7)
#define CPU_MWAIT            (1U << 10)
#define CPU_RDPMC            (1U << 11)
#define CPU_TPR_SHADOW       (1U << 21)
#define CPU_NMI_WINDOW       (1U << 22)
#define CPU_UNCONDITIONAL_IO (1U << 24)
#define CPU_IO_BITMAPS       (1U << 25)
#define CPU_MSR_BITMAPS      (1U << 28)
#define CPU_MONITOR          (1U << 29)
#define CPU_SECONDARY        (1U << 31)

#define CPU2_APIC_ACCESSES  (1U << 0)
#define CPU2_EPT            (1U << 1)
#define CPU2_RDTSCP         (1U << 3)
#define CPU2_X2APIC         (1U << 4)
#define CPU2_VPID           (1U << 5)
#define CPU2_WBINVD         (1U << 6)
#define CPU2_UNRESTRICTED   (1U << 7)
#define CPU2_APIC_REGISTERS (1U << 8)
#define CPU2_INTERRUPTS     (1U << 9)
#define CPU2_APIC           (CPU2_APIC_ACCESSES | CPU2_X2APIC | CPU2_APIC_REGISTERS | CPU2_INTERRUPTS)
#define CPU2_PAUSE_LOOP     (1U << 10)
#define CPU2_INVPCID        (1U << 12)

#define EXIT_SAVE_DEBUG    (1U << 2)
#define EXIT_HOST_64BIT    (1U << 9)
#define EXIT_ACK_INTERRUPT (1U << 15)
#define EXIT_SAVE_PAT      (1U << 18)
#define EXIT_LOAD_PAT      (1U << 19)
#define EXIT_SAVE_EFER     (1U << 20)
#define EXIT_LOAD_EFER     (1U << 21)

#define ENTRY_LOAD_DEBUG (1U << 2)
#define ENTRY_LONG_MODE  (1U << 9)
#define ENTRY_LOAD_PAT   (1U << 14)
#define ENTRY_LOAD_EFER  (1U << 15)

#define ATTR_UNUSABLE (1U << 16)

// Guest interruptibility.
#define SHADOW_STI    (1U << 0)
#define SHADOW_MOV_SS (1U << 1)
#define BLOCKED_NMI   (1U << 3)

#define PENDING_SINGLE_STEP (1UL << 14)

// Events: at entry, at exit, and those whose delivery an exit interrupted.
#define EVENT_VECTOR      0xffU
#define EVENT_TYPE_SHIFT  8
#define EVENT_TYPE_MASK   7U
#define EVENT_ERROR_VALID (1U << 11)
#define EVENT_UNBLOCKED   (1U << 12) // at exit: the IRET that failed had ended the blocking of NMIs
#define EVENT_VALID       (1U << 31)

enum vmx_event_type {
    VMX_EVENT_INTERRUPT = 0,
    VMX_EVENT_NMI = 2,
    VMX_EVENT_EXCEPTION = 3,
    VMX_EVENT_SOFTWARE = 4
};

enum vmx_exit {
    VMX_EXIT_EVENT = 0, // exception or NMI
    VMX_EXIT_INTERRUPT = 1,
    VMX_EXIT_TRIPLE_FAULT = 2,
    VMX_EXIT_INIT = 3,
    VMX_EXIT_INTERRUPT_WINDOW = 7,
    VMX_EXIT_NMI_WINDOW = 8,
    VMX_EXIT_TASK_SWITCH = 9,
    VMX_EXIT_CPUID = 10,
    VMX_EXIT_GETSEC = 11,
    VMX_EXIT_HLT = 12,
    VMX_EXIT_INVD = 13,
    VMX_EXIT_RDPMC = 15,
    VMX_EXIT_VMCALL = 18,
    VMX_EXIT_VMCLEAR = 19, // VMLAUNCH, VMPTRLD, VMPTRST, VMREAD, VMRESUME, VMWRITE, VMXOFF follow
    VMX_EXIT_VMXON = 27,
    VMX_EXIT_CR = 28,
    VMX_EXIT_IO = 30,
    VMX_EXIT_RDMSR = 31,
    VMX_EXIT_WRMSR = 32,
    VMX_EXIT_BAD_STATE = 33,
    VMX_EXIT_MWAIT = 36,
    VMX_EXIT_MONITOR = 39,
    VMX_EXIT_PAUSE = 40,
    VMX_EXIT_MACHINE_CHECK = 41, // at entry
    VMX_EXIT_TPR_THRESHOLD = 43,
    VMX_EXIT_APIC_ACCESS = 44,
    VMX_EXIT_EPT_VIOLATION = 48,
    VMX_EXIT_EPT_MISCONFIGURATION = 49,
    VMX_EXIT_INVEPT = 50,
    VMX_EXIT_PREEMPTION_TIMER = 52,
    VMX_EXIT_INVVPID = 53,
    VMX_EXIT_WBINVD = 54,
    VMX_EXIT_XSETBV = 55,
    VMX_EXIT_APIC_WRITE = 56
};

#define EXIT_REASON_FAILED_ENTRY (1U << 31)

// Exit qualification of an I/O exit; the port is in bits 31:16.
#define IO_QUAL_SIZE   7U // bytes - 1
#define IO_QUAL_IN     (1U << 3)
#define IO_QUAL_STRING (1U << 4)
#define IO_QUAL_REP    (1U << 5)

// Of an EPT violation.
#define EPT_QUAL_WRITE     (1U << 1)
#define EPT_QUAL_FETCH     (1U << 2)
#define EPT_QUAL_PRESENT   (7U << 3) // what the entries allow
#define EPT_QUAL_LINEAR    (1U << 7)
#define EPT_QUAL_FINAL     (1U << 8) // not while the guest's own tables were walked
#define EPT_QUAL_UNBLOCKED EVENT_UNBLOCKED

// Of a control-register access.
#define CR_QUAL_NUMBER 0xfU
#define CR_QUAL_TYPE   (3U << 4) // 0: MOV to it
#define CR_QUAL_GPR(q) ((q) >> 8 & 0xf)

// Of an access to the local APIC's page.
#define APIC_QUAL_OFFSET  0xfffU
#define APIC_QUAL_TYPE(q) ((q) >> 12 & 0xf)
enum apic_access { APIC_ACCESS_READ = 0, APIC_ACCESS_WRITE = 1 };

void vmx_access_failed(uint64_t field) __attribute__((noreturn, cold));

#ifdef HOST_TEST

uint64_t vmread(uint32_t field);
void vmwrite(uint32_t field, uint64_t value);

#else

static inline uint64_t vmread(uint32_t field)
{
    uint64_t value;

    asm volatile("vmread %1, %0" : "=r"(value) : "r"((uint64_t)field) : "cc", "memory");
    return value;
}

static inline void vmwrite(uint32_t field, uint64_t value)
{
    asm goto("vmwrite %1, %0\n\t"
             "jbe %l2"
             :
             : "r"((uint64_t)field), "r"(value)
             : "cc", "memory"
             : failed);
    return;
failed:
    vmx_access_failed(field);
}

#endif

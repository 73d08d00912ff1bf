// SPDX-License-Identifier: MIT
// Why the processor refused to enter a guest: it says little more than "invalid guest state", so the checks
// of Intel SDM vol. 3, 27.2 and 27.3, are gone through again, and the first field that breaks its rule is
// named. Pure reading, of the current VMCS.

#include "vmx.h"

#include <hv/types.h>

#include <asm/cpu.h>
#include <asm/x86_defs.h>

#define CR4_PCIDE          (1UL << 17)
#define RFLAGS_RESERVED    0xffffffffffc08028UL
#define ATTR_TYPE          0xfU
#define TYPE_ACCESSED      1U
#define TYPE_READABLE      2U // of code
#define TYPE_CODE          8U
#define ATTR_S             (1U << 4)
#define ATTR_RESERVED      0xfffe0f00U
#define SELECTOR_LDT       (1U << 2)
#define TSS_BUSY           11U
#define TSS_BUSY_16        3U
#define LDT_TYPE           2U
#define INTERRUPTIBILITY   0x1fU
#define ACTIVITY_HLT       1U
#define ACTIVITY_LAST      3U
#define PDPTE_RESERVED     0x1e6UL
#define ERROR_LAUNCHED     4
#define ERROR_NOT_LAUNCHED 5
#define ERROR_CONTROLS     7
#define ERROR_HOST         8
#define ERROR_MOV_SS       26

static bool canonical(uint64_t address)
{
    return (int64_t)(address << 16) >> 16 == (int64_t)address;
}

static bool long_mode(void)
{
    return vmread(VMCS_ENTRY_CONTROLS) & ENTRY_LONG_MODE;
}

static uint32_t attr_of(enum guest_segment seg)
{
    return vmread(VMCS_GUEST_ATTR + 2 * seg);
}

static bool usable(enum guest_segment seg)
{
    return !(attr_of(seg) & ATTR_UNUSABLE);
}

static unsigned dpl_of(enum guest_segment seg)
{
    return attr_of(seg) >> SEG_DPL_SHIFT & 3;
}

// --- control registers and MSRs (27.3.1.1) ---

static const char *check_control_registers(void)
{
    uint64_t cr0 = vmread(VMCS_GUEST_CR0), cr4 = vmread(VMCS_GUEST_CR4), efer = vmread(VMCS_GUEST_EFER);

    if (!(cr0 & CR0_NE))
        return "guest CR0: NE is clear";
    if (cr0 >> 32)
        return "guest CR0: a bit above 31 is set";
    if ((cr0 & CR0_PG) && !(cr0 & CR0_PE))
        return "guest CR0: PG without PE";
    if (!(cr4 & CR4_VMXE))
        return "guest CR4: VMXE is clear";
    if (long_mode() && !(cr0 & CR0_PG))
        return "guest CR0: PG is clear in IA-32e mode";
    if (long_mode() && !(cr4 & CR4_PAE))
        return "guest CR4: PAE is clear in IA-32e mode";
    if (!long_mode() && (cr4 & CR4_PCIDE))
        return "guest CR4: PCIDE outside IA-32e mode";
    if (vmread(VMCS_GUEST_CR3) >> host_cpu.phys_bits)
        return "guest CR3: beyond the physical address width";
    if (vmread(VMCS_GUEST_DR7) >> 32)
        return "guest DR7: a bit above 31 is set";
    if (!!(efer & EFER_LMA) != long_mode())
        return "guest EFER: LMA is not the entry control \"IA-32e mode guest\"";
    if ((cr0 & CR0_PG) && !!(efer & EFER_LMA) != !!(efer & EFER_LME))
        return "guest EFER: LMA is not LME, with paging on";
    return NULL;
}

static const char *check_pat(void)
{
    uint64_t pat = vmread(VMCS_GUEST_PAT);

    for (unsigned i = 0; i < 64; i += 8) {
        uint8_t type = pat >> i;

        if (type > 7 || type == 2 || type == 3)
            return "guest PAT: a memory type that does not exist";
    }
    return NULL;
}

// --- segments (27.3.1.2) ---

// Granularity, against the limit's low and high 12 bits.
static bool limit_fits(enum guest_segment seg)
{
    uint32_t limit = vmread(VMCS_GUEST_LIMIT + 2 * seg), attr = attr_of(seg);

    if ((limit & 0xfff) != 0xfff && (attr & SEG_ATTR_G))
        return false;
    return !(limit >> 20) || (attr & SEG_ATTR_G);
}

static const char *check_code(void)
{
    uint32_t attr = attr_of(SEG_CS), type = attr & ATTR_TYPE;

    if (!(type & TYPE_ACCESSED) || (!(type & TYPE_CODE) && type != 3))
        return "guest CS: not an accessed code segment";
    if (!(attr & ATTR_S) || !(attr & SEG_ATTR_P) || (attr & ATTR_RESERVED))
        return "guest CS: a system segment, not present, or a reserved attribute is set";
    if (type == 3 && dpl_of(SEG_CS) != 0)
        return "guest CS: a data segment whose DPL is not 0";
    if ((type == 9 || type == 11) && dpl_of(SEG_CS) != dpl_of(SEG_SS))
        return "guest CS: DPL is not that of SS";
    if (type >= 13 && dpl_of(SEG_CS) > dpl_of(SEG_SS))
        return "guest CS: conforming, with a DPL above that of SS";
    if (long_mode() && (attr & SEG_ATTR_L) && (attr & SEG_ATTR_D))
        return "guest CS: 64 and 32 bits wide at once";
    return vmread(VMCS_GUEST_BASE + 2 * SEG_CS) >> 32 ? "guest CS: base above 4 GiB" : NULL;
}

static const char *check_stack(void)
{
    uint32_t attr = attr_of(SEG_SS), type = attr & ATTR_TYPE;

    if (!(vmread(VMCS_GUEST_CR0) & CR0_PE) && dpl_of(SEG_SS) != 0)
        return "guest SS: DPL is not 0 in real mode";
    if (!usable(SEG_SS))
        return NULL;
    if (type != 3 && type != 7)
        return "guest SS: not an accessed, writable data segment";
    if (!(attr & ATTR_S) || !(attr & SEG_ATTR_P) || (attr & ATTR_RESERVED))
        return "guest SS: a system segment, not present, or a reserved attribute is set";
    return vmread(VMCS_GUEST_BASE + 2 * SEG_SS) >> 32 ? "guest SS: base above 4 GiB" : NULL;
}

static const char *check_data(void)
{
    static const enum guest_segment segs[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};

    for (unsigned i = 0; i < ARRAY_SIZE(segs); i++) {
        uint32_t attr = attr_of(segs[i]), type = attr & ATTR_TYPE;
        uint64_t base = vmread(VMCS_GUEST_BASE + 2 * segs[i]);

        if (segs[i] >= SEG_FS && !canonical(base))
            return "guest FS or GS: base not canonical";
        if (!usable(segs[i]))
            continue;
        if (!(type & TYPE_ACCESSED) || ((type & TYPE_CODE) && !(type & TYPE_READABLE)))
            return "guest DS, ES, FS or GS: not accessed, or code that is not readable";
        if (!(attr & ATTR_S) || !(attr & SEG_ATTR_P) || (attr & ATTR_RESERVED))
            return "guest DS, ES, FS or GS: a system segment, not present, or a reserved attribute is set";
        if (segs[i] < SEG_FS && base >> 32)
            return "guest DS or ES: base above 4 GiB";
    }
    return NULL;
}

static const char *check_system_segments(void)
{
    uint32_t tr = attr_of(SEG_TR), ldtr = attr_of(SEG_LDTR);

    if (!usable(SEG_TR) || !(tr & SEG_ATTR_P) || (tr & ATTR_S))
        return "guest TR: unusable, not present, or not a system segment";
    if ((tr & ATTR_TYPE) != TSS_BUSY && ((tr & ATTR_TYPE) != TSS_BUSY_16 || long_mode()))
        return "guest TR: not a busy TSS";
    if ((vmread(VMCS_GUEST_SELECTOR + 2 * SEG_TR) & SELECTOR_LDT) ||
        !canonical(vmread(VMCS_GUEST_BASE + 2 * SEG_TR)))
        return "guest TR: selector in the LDT, or base not canonical";
    if (!usable(SEG_LDTR))
        return NULL;
    if ((ldtr & ATTR_TYPE) != LDT_TYPE || (ldtr & ATTR_S) || !(ldtr & SEG_ATTR_P))
        return "guest LDTR: not a present LDT";
    if ((vmread(VMCS_GUEST_SELECTOR + 2 * SEG_LDTR) & SELECTOR_LDT) ||
        !canonical(vmread(VMCS_GUEST_BASE + 2 * SEG_LDTR)))
        return "guest LDTR: selector in the LDT, or base not canonical";
    return NULL;
}

static const char *check_limits(void)
{
    static const char *const names[] = {
        [SEG_ES] = "guest ES: granularity does not fit the limit",
        [SEG_CS] = "guest CS: granularity does not fit the limit",
        [SEG_SS] = "guest SS: granularity does not fit the limit",
        [SEG_DS] = "guest DS: granularity does not fit the limit",
        [SEG_FS] = "guest FS: granularity does not fit the limit",
        [SEG_GS] = "guest GS: granularity does not fit the limit",
        [SEG_LDTR] = "guest LDTR: granularity does not fit the limit",
        [SEG_TR] = "guest TR: granularity does not fit the limit",
    };

    for (unsigned seg = SEG_ES; seg <= SEG_TR; seg++)
        if (usable(seg) && !limit_fits(seg))
            return names[seg];
    return NULL;
}

// In virtual-8086 mode every segment is what its selector says.
static const char *check_virtual_8086(void)
{
    for (unsigned seg = SEG_ES; seg <= SEG_GS; seg++)
        if (vmread(VMCS_GUEST_BASE + 2 * seg) != vmread(VMCS_GUEST_SELECTOR + 2 * seg) << 4 ||
            vmread(VMCS_GUEST_LIMIT + 2 * seg) != 0xffff || attr_of(seg) != 0xf3)
            return "guest segments: in virtual-8086 mode, base, limit or attributes do not follow from a "
                   "selector";
    return NULL;
}

static const char *check_tables(void)
{
    for (unsigned seg = SEG_GDTR; seg <= SEG_IDTR; seg++) {
        if (!canonical(vmread(VMCS_GUEST_BASE + 2 * seg)))
            return "guest GDTR or IDTR: base not canonical";
        if (vmread(VMCS_GUEST_LIMIT + 2 * seg) >> 16)
            return "guest GDTR or IDTR: limit above 0xffff";
    }
    return NULL;
}

// --- RIP, RFLAGS and what is not a register (27.3.1.4 to 27.3.1.6) ---

static const char *check_rip_and_flags(void)
{
    uint64_t rip = vmread(VMCS_GUEST_RIP), rflags = vmread(VMCS_GUEST_RFLAGS);

    if (long_mode() && (attr_of(SEG_CS) & SEG_ATTR_L) ? !canonical(rip) : rip >> 32)
        return "guest RIP: not canonical, or above 4 GiB outside 64-bit code";
    if (!(rflags & RFLAGS_FIXED) || (rflags & RFLAGS_RESERVED))
        return "guest RFLAGS: a reserved bit";
    if ((rflags & RFLAGS_VM) && (long_mode() || !(vmread(VMCS_GUEST_CR0) & CR0_PE)))
        return "guest RFLAGS: VM in IA-32e or real mode";
    return NULL;
}

static const char *check_event(void)
{
    uint32_t event = vmread(VMCS_ENTRY_EVENT), state = vmread(VMCS_GUEST_INTERRUPTIBILITY);
    uint64_t rflags = vmread(VMCS_GUEST_RFLAGS);
    unsigned type = event >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK;

    if ((state & ~INTERRUPTIBILITY) || ((state & SHADOW_STI) && (state & SHADOW_MOV_SS)) ||
        ((state & SHADOW_STI) && !(rflags & RFLAGS_IF)))
        return "guest interruptibility: reserved bits, two shadows at once, or that of STI with interrupts "
               "off";
    if (!(event & EVENT_VALID))
        return NULL;
    if (type == VMX_EVENT_INTERRUPT && (!(rflags & RFLAGS_IF) || (state & (SHADOW_STI | SHADOW_MOV_SS))))
        return "entry event: an interrupt, while the guest takes none";
    if (type == VMX_EVENT_NMI && (state & (SHADOW_MOV_SS | BLOCKED_NMI)))
        return "entry event: an NMI, while the guest takes none";
    return NULL;
}

static const char *check_other(void)
{
    uint32_t activity = vmread(VMCS_GUEST_ACTIVITY), state = vmread(VMCS_GUEST_INTERRUPTIBILITY);
    bool stepped = vmread(VMCS_GUEST_RFLAGS) & RFLAGS_TF;

    if (activity > ACTIVITY_LAST || (activity == ACTIVITY_HLT && dpl_of(SEG_SS) != 0))
        return "guest activity state: unknown, or halted outside privilege level 0";
    if ((state & (SHADOW_STI | SHADOW_MOV_SS)) &&
        !!(vmread(VMCS_GUEST_PENDING_DEBUG) & PENDING_SINGLE_STEP) != stepped)
        return "guest pending debug exceptions: BS is not RFLAGS.TF in an interrupt shadow";
    if (vmread(VMCS_LINK_POINTER) != ~0UL)
        return "VMCS link pointer: not all ones";
    return NULL;
}

static const char *check_pdptes(void)
{
    bool pae = (vmread(VMCS_GUEST_CR0) & CR0_PG) && (vmread(VMCS_GUEST_CR4) & CR4_PAE) && !long_mode();

    for (unsigned i = 0; pae && i < 4; i++) {
        uint64_t pdpte = vmread(VMCS_GUEST_PDPTE + 2 * i);

        if ((pdpte & PTE_PRESENT) && ((pdpte & PDPTE_RESERVED) || pdpte >> host_cpu.phys_bits))
            return "guest PDPTE: a reserved bit";
    }
    return NULL;
}

const char *vmx_check_guest(void)
{
    static const char *(*const checks[])(void) = {
        check_control_registers,
        check_pat,
        check_rip_and_flags,
        check_system_segments,
        check_tables,
        check_event,
        check_other,
        check_pdptes,
    };
    static const char *(*const segment_checks[])(void) = {check_code, check_stack, check_data, check_limits};
    const char *why = NULL;

    for (unsigned i = 0; i < ARRAY_SIZE(checks) && !why; i++)
        why = checks[i]();
    if (!why && (vmread(VMCS_GUEST_RFLAGS) & RFLAGS_VM))
        why = check_virtual_8086();
    else
        for (unsigned i = 0; i < ARRAY_SIZE(segment_checks) && !why; i++)
            why = segment_checks[i]();
    return why ? why : "the guest's state breaks a rule that is not known here";
}

const char *vmx_check_controls(void)
{
    uint32_t threshold = vmread(VMCS_TPR_THRESHOLD), event = vmread(VMCS_ENTRY_EVENT);
    unsigned type = event >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK;

    switch (vmread(VMCS_INSTRUCTION_ERROR)) {
    case ERROR_LAUNCHED: return "VMLAUNCH with a VMCS that has been launched";
    case ERROR_NOT_LAUNCHED: return "VMRESUME with a VMCS that has not been launched";
    case ERROR_HOST: return "a host-state field of the VMCS";
    case ERROR_MOV_SS: return "entry in the shadow of MOV SS";
    case ERROR_CONTROLS: break;
    default: return "VM entry failed with an error that is not known here";
    }
    if (threshold >> 4)
        return "TPR threshold: above 15";
    if ((event & EVENT_VALID) &&
        (type == 1 || (type == VMX_EVENT_NMI && (event & EVENT_VECTOR) != VECTOR_NMI) ||
         (type == VMX_EVENT_EXCEPTION && (event & EVENT_VECTOR) > 31)))
        return "entry event: a type or vector that does not exist";
    if ((event & EVENT_VALID) && (event & EVENT_ERROR_VALID) && !(vmread(VMCS_GUEST_CR0) & CR0_PE))
        return "entry event: an error code in real mode";
    if ((vmread(VMCS_CPU_CONTROLS) & CPU_NMI_WINDOW) && !(vmread(VMCS_PIN_CONTROLS) & PIN_VIRTUAL_NMI))
        return "processor controls: NMI-window exiting without virtual NMIs";
    return "a control field of the VMCS, of which none is known here to be wrong";
}

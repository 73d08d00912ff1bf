// SPDX-License-Identifier: MIT
// Which VM-execution, exit and entry controls we use, against what the processor's capability MSRs allow
// (Intel SDM vol. 3, appendix A). Nothing falls back silently: a control that is needed and cannot be set, or
// one that cannot be cleared and is not expected, is named.

#include "vmx.h"

#include <hv/printk.h>

#include <asm/cpu.h>
#include <asm/x86_defs.h>

#define BASIC_REVISION    0x7fffffffUL
#define BASIC_STRING_INFO (1UL << 54)
#define BASIC_TRUE        (1UL << 55) // the TRUE capability MSRs exist
#define MISC_TIMER_SHIFT  0x1fUL

#define EPT_CAP_4_LEVELS       (1UL << 6)
#define EPT_CAP_WRITE_BACK     (1UL << 14)
#define EPT_CAP_2M             (1UL << 16)
#define EPT_CAP_1G             (1UL << 17)
#define EPT_CAP_INVEPT         (1UL << 20)
#define EPT_CAP_ACCESSED_DIRTY (1UL << 21)
#define EPT_CAP_INVEPT_SINGLE  (1UL << 25)
#define VPID_CAP_INVVPID       (1UL << 32)
#define VPID_CAP_SINGLE        (1UL << 41)

#define EPT_POINTER_WRITE_BACK     6UL
#define EPT_POINTER_4_LEVELS       (3UL << 3)
#define EPT_POINTER_ACCESSED_DIRTY (1UL << 6)

struct vmx_controls vmx_controls;

static char reason[160];

enum need {
    NEED_ON,     // always set
    NEED_LATER,  // set at times
    NEED_OPTION, // set where there is one
};

struct control {
    uint32_t bit;
    enum need need;
    const char *name;
    unsigned feature; // asked for only where the CPU has this, which guests can't use without it; 0: none
};

struct control_word {
    const char *name;
    uint32_t msr;
    uint32_t always_one; // reserved bits that are 1 on every processor
    struct control controls[14];
};

static const struct control_word pin_word = {
    .name = "pin-based",
    .msr = MSR_VMX_TRUE_PIN,
    .always_one = 0x16,
    .controls =
        {
            {PIN_EXTERNAL_INTERRUPT, NEED_ON, "external-interrupt exiting", 0},
            {PIN_NMI, NEED_ON, "NMI exiting", 0},
            {PIN_VIRTUAL_NMI, NEED_ON, "virtual NMIs", 0},
            {PIN_PREEMPTION_TIMER, NEED_LATER, "VMX-preemption timer", 0},
        },
};

static const struct control_word cpu_word = {
    .name = "primary processor-based",
    .msr = MSR_VMX_TRUE_CPU,
    .always_one = 0x04006172,
    .controls =
        {
            {CPU_INTERRUPT_WINDOW, NEED_LATER, "interrupt-window exiting", 0},
            {CPU_HLT, NEED_ON, "HLT exiting", 0},
            {CPU_MWAIT, NEED_ON, "MWAIT exiting", 0},
            {CPU_RDPMC, NEED_ON, "RDPMC exiting", 0},
            {CPU_TPR_SHADOW, NEED_ON, "use TPR shadow", 0},
            {CPU_NMI_WINDOW, NEED_LATER, "NMI-window exiting", 0},
            {CPU_UNCONDITIONAL_IO, NEED_LATER, "unconditional I/O exiting", 0},
            {CPU_IO_BITMAPS, NEED_LATER, "use I/O bitmaps", 0},
            {CPU_MSR_BITMAPS, NEED_ON, "use MSR bitmaps", 0},
            {CPU_MONITOR, NEED_ON, "MONITOR exiting", 0},
            {CPU_SECONDARY, NEED_ON, "activate secondary controls", 0},
        },
};

static const struct control_word cpu2_word = {
    .name = "secondary processor-based",
    .msr = MSR_VMX_CPU2,
    .always_one = 0,
    .controls =
        {
            {CPU2_APIC_ACCESSES, NEED_OPTION, "virtualize APIC accesses", 0},
            {CPU2_X2APIC, NEED_OPTION, "virtualize x2APIC mode", 0},
            {CPU2_APIC_REGISTERS, NEED_OPTION, "APIC-register virtualization", 0},
            {CPU2_INTERRUPTS, NEED_OPTION, "virtual-interrupt delivery", 0},
            {CPU2_EPT, NEED_ON, "EPT", 0},
            {CPU2_RDTSCP, NEED_OPTION, "enable RDTSCP", XEN_X86_FEATURE_RDTSCP},
            {CPU2_VPID, NEED_ON, "VPID", 0},
            {CPU2_WBINVD, NEED_ON, "WBINVD exiting", 0},
            {CPU2_UNRESTRICTED, NEED_ON, "unrestricted guest", 0},
            {CPU2_PAUSE_LOOP, NEED_OPTION, "PAUSE-loop exiting", 0},
            {CPU2_INVPCID, NEED_OPTION, "enable INVPCID", XEN_X86_FEATURE_INVPCID},
        },
};

static const struct control_word exit_word = {
    .name = "VM-exit",
    .msr = MSR_VMX_TRUE_EXIT,
    .always_one = 0x36dfb,
    .controls =
        {
            {EXIT_SAVE_DEBUG, NEED_ON, "save debug controls", 0},
            {EXIT_HOST_64BIT, NEED_ON, "host address-space size", 0},
            {EXIT_ACK_INTERRUPT, NEED_ON, "acknowledge interrupt on exit", 0},
            {EXIT_SAVE_PAT, NEED_ON, "save IA32_PAT", 0},
            {EXIT_LOAD_PAT, NEED_ON, "load IA32_PAT", 0},
            {EXIT_SAVE_EFER, NEED_ON, "save IA32_EFER", 0},
            {EXIT_LOAD_EFER, NEED_ON, "load IA32_EFER", 0},
        },
};

static const struct control_word entry_word = {
    .name = "VM-entry",
    .msr = MSR_VMX_TRUE_ENTRY,
    .always_one = 0x11fb,
    .controls =
        {
            {ENTRY_LOAD_DEBUG, NEED_ON, "load debug controls", 0},
            {ENTRY_LONG_MODE, NEED_LATER, "IA-32e mode guest", 0},
            {ENTRY_LOAD_PAT, NEED_ON, "load IA32_PAT", 0},
            {ENTRY_LOAD_EFER, NEED_ON, "load IA32_EFER", 0},
        },
};

// False, with the reason in `reason`: this processor can't do it.
static bool choose(const struct control_word *word, uint32_t *value)
{
    uint64_t allowed = rdmsr(word->msr);
    uint32_t must = allowed, may = allowed >> 32, known = word->always_one;

    *value = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(word->controls) && word->controls[i].name; i++) {
        const struct control *c = &word->controls[i];

        known |= c->need == NEED_LATER ? 0 : c->bit;
        if (c->feature && !cpu_has(c->feature))
            continue;
        if (may & c->bit) {
            *value |= c->need == NEED_LATER ? 0 : c->bit;
        } else if (c->feature) {
            log_warning("VT-x has no \"%s\": guests go without that instruction", c->name);
            cpu_forget(c->feature);
        } else if (c->need != NEED_OPTION) {
            hv_snprintf(reason, sizeof(reason), "VT-x has no \"%s\" on this CPU (%s controls %08x)", c->name,
                        word->name, may);
            return false;
        }
    }
    if (must & ~known) {
        hv_snprintf(reason, sizeof(reason),
                    "VT-x on this CPU forces %s controls %08x on, which are not expected", word->name,
                    must & ~known);
        return false;
    }
    *value |= must;
    return true;
}

static bool choose_ept(void)
{
    static const struct {
        uint64_t bit;
        const char *name;
    } needed[] = {
        {EPT_CAP_4_LEVELS, "EPT with 4 levels"},
        {EPT_CAP_WRITE_BACK, "write-back EPT tables"},
        {EPT_CAP_2M, "EPT pages of 2 MiB"},
        {EPT_CAP_INVEPT, "INVEPT"},
        {EPT_CAP_INVEPT_SINGLE, "INVEPT of a single context"},
        {VPID_CAP_INVVPID, "INVVPID"},
        {VPID_CAP_SINGLE, "INVVPID of a single context"},
    };
    uint64_t caps = rdmsr(MSR_VMX_EPT_VPID_CAP);

    for (unsigned i = 0; i < ARRAY_SIZE(needed); i++) {
        if (!(caps & needed[i].bit)) {
            hv_snprintf(reason, sizeof(reason), "VT-x has no %s on this CPU", needed[i].name);
            return false;
        }
    }
    vmx_controls.ept_pointer = EPT_POINTER_WRITE_BACK | EPT_POINTER_4_LEVELS |
                               (caps & EPT_CAP_ACCESSED_DIRTY ? EPT_POINTER_ACCESSED_DIRTY : 0);
    pt_format_ept.max_order = caps & EPT_CAP_1G ? ORDER_1G : ORDER_2M;
    return true;
}

const char *vmx_choose_controls(void)
{
    uint64_t basic = rdmsr(MSR_VMX_BASIC);

    if (!(basic & BASIC_TRUE))
        return "VT-x on this CPU has no TRUE capability MSRs, so CR3 accesses would always exit";
    vmx_controls.revision = basic & BASIC_REVISION;
    vmx_controls.string_info = basic & BASIC_STRING_INFO;
    vmx_controls.timer_shift = rdmsr(MSR_VMX_MISC) & MISC_TIMER_SHIFT;
    // The primary controls first: without secondary ones the MSR for those does not exist.
    if (!choose(&cpu_word, &vmx_controls.cpu) || !choose(&cpu2_word, &vmx_controls.cpu2) ||
        !choose(&pin_word, &vmx_controls.pin) || !choose(&exit_word, &vmx_controls.exit) ||
        !choose(&entry_word, &vmx_controls.entry) || !choose_ept())
        return reason;
    vmx_controls.cpu2_apic = vmx_controls.cpu2 & CPU2_APIC;
    vmx_controls.cpu2 &= ~CPU2_APIC;
    return NULL;
}

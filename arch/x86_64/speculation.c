// SPDX-License-Identifier: MIT
// Mitigations against speculation: which, and those of them that are switched here. docs/speculation.md says
// what each is for and what is left open.

#include <asm/speculation.h>

#include <hv/cpu.h>
#include <hv/printk.h>
#include <hv/string.h>

#include <asm/cpu.h>
#include <asm/hvm/hvm.h>
#include <asm/x86_defs.h>

#define REPORT_SIZE 128 // what a sysctl has room for

static struct speculation speculation;
static uint64_t last_domain[MAX_PCPUS]; // serial number of the one that ran last, 0: none

// --- choosing ---

static bool has(const struct host_cpu *cpu, unsigned feature)
{
    return cpu->features[feature / 32] >> feature % 32 & 1;
}

#define HAS(name) has(cpu, XEN_X86_FEATURE_##name)

// What is not known to be immune counts as vulnerable.
static bool needs_buffers_cleared(const struct host_cpu *cpu)
{
    if (!cpu_is_intel(cpu))
        return cpu->family == 0x19 && !(HAS(TSA_SQ_NO) && HAS(TSA_L1_NO));
    return !HAS(MDS_NO) || (HAS(RTM) && !HAS(TAA_NO)) || HAS(RFDS_CLEAR) ||
           (HAS(FB_CLEAR) && !(HAS(SBDR_SSDP_NO) && HAS(FBSDP_NO) && HAS(PSDP_NO)));
}

struct speculation speculation_choose(const struct host_cpu *cpu, uint32_t on, uint32_t off)
{
    bool intel = cpu_is_intel(cpu), enhanced = intel && HAS(EIBRS) && HAS(IBRSB);
    bool always = !intel && HAS(IBRS) && HAS(IBRS_ALWAYS) && HAS(IBRS_SAME_MODE);
    bool ibrs = (enhanced || always || HAS(AUTO_IBRS)) && !(off & 1U << SPEC_IBRS);
    // Enhanced IBRS leaves a guest its say by way of the branch history, unless told otherwise.
    bool history = enhanced && !HAS(BHI_NO) && !HAS(BHI_CTRL);
    const struct {
        bool needed, possible;
    } table[SPEC_MITIGATIONS] = {
        [SPEC_RETPOLINE] = {!ibrs || history, true},
        [SPEC_IBRS] = {true, ibrs},
        [SPEC_IBPB] = {true, HAS(IBPB)},
        [SPEC_L1D_FLUSH] = {intel && !HAS(RDCL_NO) && !HAS(SKIP_L1DFL), HAS(L1D_FLUSH)},
        [SPEC_MD_CLEAR] = {needs_buffers_cleared(cpu), HAS(MD_CLEAR) || HAS(FB_CLEAR) || HAS(RFDS_CLEAR) ||
                                                           HAS(VERW_CLEAR) || (on & 1U << SPEC_MD_CLEAR)},
    };
    struct speculation chosen = {};

    for (unsigned i = 0; i < SPEC_MITIGATIONS; i++) {
        if (off >> i & 1)
            chosen.states[i] = SPEC_OFF;
        else if (table[i].needed || (on >> i & 1))
            chosen.states[i] = table[i].possible ? SPEC_ON : SPEC_MISSING;
    }
    if (ibrs && HAS(AUTO_IBRS))
        chosen.efer = EFER_AUTO_IBRS;
    else if (ibrs)
        chosen.spec_ctrl = SPEC_CTRL_IBRS | (enhanced && HAS(BHI_CTRL) ? SPEC_CTRL_BHI_DIS_S : 0);
    return chosen;
}

// --- the start ---

// The text is still writable then.
static void make_thunks_plain(void)
{
    extern char thunks[], thunks_end[];

    for (char *thunk = thunks; thunk < thunks_end; thunk += THUNK_SIZE)
        memcpy(thunk, thunk + THUNK_PLAIN, THUNK_SIZE - THUNK_PLAIN);
}

void speculation_init(void)
{
    speculation = speculation_choose(&host_cpu, hv_options.spec_on, hv_options.spec_off);
    if (!speculation_on(SPEC_RETPOLINE))
        make_thunks_plain();
}

void speculation_enable_cpu(void)
{
    uint64_t value;

    if (speculation.spec_ctrl)
        wrmsr(MSR_SPEC_CTRL, speculation.spec_ctrl);
    if (speculation.efer)
        wrmsr(MSR_EFER, rdmsr(MSR_EFER) | speculation.efer);
    // Guests are told that LFENCE serialises, and retpolines rely on it. Under a hypervisor that is its
    // business.
    if (!cpu_is_intel(&host_cpu) && !cpu_has(XEN_X86_FEATURE_HYPERVISOR) &&
        rdmsr_safe(MSR_AMD_DE_CFG, &value))
        wrmsr(MSR_AMD_DE_CFG, value | DE_CFG_LFENCE);
}

bool speculation_on(enum spec_mitigation which)
{
    return speculation.states[which] == SPEC_ON;
}

const char *speculation_report(void)
{
    static const char *const words[] = {"unneeded", "missing", "off", "on"};
    static char report[REPORT_SIZE];
    size_t n = 0;

    for (unsigned i = 0; i < SPEC_MITIGATIONS; i++)
        n += hv_snprintf(report + n, sizeof(report) - n, "%s=%s ", spec_names[i],
                         words[speculation.states[i]]);
    // Only one thread of a core is in use, so none sees what another does.
    hv_snprintf(report + n, sizeof(report) - n, "smt=%s", host_cpu.threads_per_core > 1 ? "unused" : "none");
    return report;
}

// --- a change of domain ---

// Returns of the next domain are not to find the last one's targets: IBPB leaves those on some processors.
static void __attribute__((noinline)) overwrite_return_stack(void)
{
    asm volatile("   mov $16, %%ecx\n"
                 "1: call 2f\n"
                 "   int3\n"
                 "2: call 3f\n"
                 "   int3\n"
                 "3: dec %%ecx\n"
                 "   jnz 1b\n"
                 "   add $256, %%rsp"
                 :
                 :
                 : "ecx", "cc", "memory");
}

void speculation_switch(const struct domain *d)
{
    uint64_t *last = &last_domain[this_cpu()->id];

    if (*last == d->arch->serial)
        return;
    *last = d->arch->serial;
    if (!speculation_on(SPEC_IBPB))
        return;
    wrmsr(MSR_PRED_CMD, PRED_CMD_IBPB);
    overwrite_return_stack();
}

// SPDX-License-Identifier: MIT
// Which mitigations are chosen on which processor, and that one domain's branch predictions are gone when
// another's vcpu comes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <hv/cpu.h>

#include <asm/cpu.h>

static unsigned ibpbs;

static void fake_wrmsr(uint32_t msr, uint64_t value)
{
    assert_int_equal(msr, 0x49);
    assert_int_equal(value, 1);
    ibpbs++;
}

// MSRs are written here and nowhere else.
#define wrmsr fake_wrmsr
#include "../../arch/x86_64/speculation.c"

char thunks[THUNK_SIZE];
asm(".globl thunks_end\n"
    "thunks_end = thunks + 32");
_Static_assert(THUNK_SIZE == 32, "one thunk");
struct host_cpu host_cpu;
struct hv_options hv_options;
const char *const spec_names[SPEC_MITIGATIONS] = {"retpoline", "ibrs", "ibpb", "l1d-flush", "md-clear"};
static struct cpu cpu;

struct cpu *this_cpu(void)
{
    return &cpu;
}

int hv_snprintf(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    int n = vsnprintf(buf, size, fmt, args);
    va_end(args);
    return n;
}

bool cpu_is_intel(const struct host_cpu *c)
{
    return c->vendor[0] == 'G';
}

#define F(name) XEN_X86_FEATURE_##name
#define INTEL   "GenuineIntel"
#define AMD     "AuthenticAMD"

// Processors as their CPUID and MSR_ARCH_CAPS describe them; with "+" on current microcode. IBPB is there
// wherever IBRSB is.
static const struct {
    const char *name, *vendor;
    uint32_t family;
    uint16_t features[16]; // 0 ends it
    const char *report;
    uint64_t spec_ctrl, efer;
} machines[] = {
    {"QEMU's TCG",
     AMD,
     0xf,
     {0},
     "retpoline=on ibrs=missing ibpb=missing l1d-flush=unneeded md-clear=unneeded",
     0,
     0},
    {"Bochs's Skylake-X",
     INTEL,
     6,
     {F(RTM)},
     "retpoline=on ibrs=missing ibpb=missing l1d-flush=missing md-clear=missing",
     0,
     0},
    {"Haswell+",
     INTEL,
     6,
     {F(IBRSB), F(IBPB), F(STIBP), F(SSBD), F(L1D_FLUSH), F(MD_CLEAR)},
     "retpoline=on ibrs=missing ibpb=on l1d-flush=on md-clear=on",
     0,
     0},
    {"Cascade Lake+",
     INTEL,
     6,
     {F(IBRSB), F(IBPB), F(L1D_FLUSH), F(MD_CLEAR), F(RTM), F(ARCH_CAPS), F(RDCL_NO), F(EIBRS), F(SKIP_L1DFL),
      F(MDS_NO), F(FB_CLEAR), F(RRSBA)},
     "retpoline=on ibrs=on ibpb=on l1d-flush=unneeded md-clear=on",
     1,
     0},
    {"Alder Lake+",
     INTEL,
     6,
     {F(IBRSB), F(IBPB), F(L1D_FLUSH), F(MD_CLEAR), F(ARCH_CAPS), F(RDCL_NO), F(EIBRS), F(SKIP_L1DFL),
      F(MDS_NO), F(TAA_NO), F(SBDR_SSDP_NO), F(FBSDP_NO), F(PSDP_NO), F(FB_CLEAR), F(BHI_CTRL)},
     "retpoline=unneeded ibrs=on ibpb=on l1d-flush=unneeded md-clear=unneeded",
     0x401,
     0},
    {"Gracemont with RFDS",
     INTEL,
     6,
     {F(IBRSB), F(IBPB), F(ARCH_CAPS), F(RDCL_NO), F(EIBRS), F(SKIP_L1DFL), F(MDS_NO), F(BHI_NO),
      F(RFDS_CLEAR)},
     "retpoline=unneeded ibrs=on ibpb=on l1d-flush=unneeded md-clear=on",
     1,
     0},
    {"Zen 1",
     AMD,
     0x17,
     {F(IBPB)},
     "retpoline=on ibrs=missing ibpb=on l1d-flush=unneeded md-clear=unneeded",
     0,
     0},
    {"Zen 3, old microcode",
     AMD,
     0x19,
     {F(IBPB), F(IBRS), F(IBRS_SAME_MODE), F(IBPB_RET)},
     "retpoline=on ibrs=missing ibpb=on l1d-flush=unneeded md-clear=missing",
     0,
     0},
    {"Zen 4+",
     AMD,
     0x19,
     {F(IBPB), F(IBRS), F(IBRS_SAME_MODE), F(AUTO_IBRS), F(VERW_CLEAR)},
     "retpoline=unneeded ibrs=on ibpb=on l1d-flush=unneeded md-clear=on",
     0,
     1 << 21},
    {"Zen 5",
     AMD,
     0x1a,
     {F(IBPB), F(IBRS), F(AUTO_IBRS), F(TSA_SQ_NO), F(TSA_L1_NO)},
     "retpoline=unneeded ibrs=on ibpb=on l1d-flush=unneeded md-clear=unneeded",
     0,
     1 << 21},
    {"an AMD that keeps IBRS on",
     AMD,
     0x19,
     {F(IBPB), F(IBRS), F(IBRS_ALWAYS), F(IBRS_SAME_MODE), F(VERW_CLEAR)},
     "retpoline=unneeded ibrs=on ibpb=on l1d-flush=unneeded md-clear=on",
     1,
     0},
};

static void become(unsigned n)
{
    host_cpu = (struct host_cpu){.family = machines[n].family, .threads_per_core = 1};
    strcpy(host_cpu.vendor, machines[n].vendor);
    for (unsigned i = 0; i < 16 && machines[n].features[i]; i++)
        host_cpu.features[machines[n].features[i] / 32] |= 1U << machines[n].features[i] % 32;
}

static const char *report(uint32_t on, uint32_t off)
{
    hv_options.spec_on = on;
    hv_options.spec_off = off;
    speculation_init();
    return speculation_report();
}

static void test_choice(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(machines); i++) {
        become(i);
        const char *got = report(0, 0), *smt = strstr(got, " smt=none");
        if (!smt || strncmp(got, machines[i].report, smt - got) != 0)
            fail_msg("%s: %s", machines[i].name, got);
        assert_int_equal(speculation.spec_ctrl, machines[i].spec_ctrl);
        assert_int_equal(speculation.efer, machines[i].efer);
    }
}

static void test_options(void **state)
{
    uint32_t all = (1U << SPEC_MITIGATIONS) - 1;

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(machines); i++) {
        become(i);
        assert_string_equal(report(0, all),
                            "retpoline=off ibrs=off ibpb=off l1d-flush=off md-clear=off smt=none");
        assert_int_equal(speculation.spec_ctrl | speculation.efer, 0);
        // No force makes an MSR exist; thunks and VERW always do.
        report(all, 0);
        for (unsigned m = 0; m < SPEC_MITIGATIONS; m++)
            assert_true(speculation.states[m] == SPEC_ON || speculation.states[m] == SPEC_MISSING);
        assert_true(speculation_on(SPEC_RETPOLINE) && speculation_on(SPEC_MD_CLEAR));
        assert_true(speculation_on(SPEC_IBPB) == !!(host_cpu.features[F(IBPB) / 32] >> F(IBPB) % 32 & 1));
    }
    become(ARRAY_SIZE(machines) - 1); // without IBRS it takes retpolines
    assert_non_null(strstr(report(0, 1U << SPEC_IBRS), "retpoline=on ibrs=off ibpb=on"));
}

// Where they are not needed, thunks are overwritten with the plain jump.
static void test_thunks(void **state)
{
    (void)state;
    memset(thunks, 1, THUNK_PLAIN);
    memset(thunks + THUNK_PLAIN, 2, THUNK_SIZE - THUNK_PLAIN);
    become(0);
    report(0, 0);
    assert_int_equal(thunks[0], 1);
    report(0, 1U << SPEC_RETPOLINE);
    assert_int_equal(thunks[0], 2);
    assert_int_equal(thunks[THUNK_SIZE - THUNK_PLAIN], 1);
}

static void test_change_of_domain(void **state)
{
    struct arch_domain a = {.serial = 1}, b = {.serial = 2};
    struct domain da = {.arch = &a}, db = {.arch = &b};

    (void)state;
    become(2);
    report(0, 0);
    speculation_switch(&da);
    assert_int_equal(ibpbs, 1);
    speculation_switch(&da); // it has only slept
    assert_int_equal(ibpbs, 1);
    speculation_switch(&db);
    speculation_switch(&da);
    assert_int_equal(ibpbs, 3);
    cpu.id = 1; // another cpu has predictions of its own
    speculation_switch(&da);
    assert_int_equal(ibpbs, 4);
    report(0, 1U << SPEC_IBPB);
    speculation_switch(&db);
    assert_int_equal(ibpbs, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_thunks),
        cmocka_unit_test(test_change_of_domain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

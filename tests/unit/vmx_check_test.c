// SPDX-License-Identifier: MIT
// Which field a refused VM entry is blamed on: a VMCS that a processor takes, with one field at a time made
// wrong.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../arch/x86_64/vmx/vmx.h"

#include <asm/cpu.h>

#define FIELDS              0x7000
#define ATTR(seg)           (VMCS_GUEST_ATTR + 2 * (seg))
#define BASE(seg)           (VMCS_GUEST_BASE + 2 * (seg))
#define LIMIT(seg)          (VMCS_GUEST_LIMIT + 2 * (seg))
#define SELECTOR(seg)       (VMCS_GUEST_SELECTOR + 2 * (seg))
#define EVENT(type, vector) (EVENT_VALID | (type) << EVENT_TYPE_SHIFT | (vector))
#define NOT_CANONICAL       (1UL << 60)

static uint64_t vmcs[FIELDS];
struct host_cpu host_cpu = {.phys_bits = 40};

uint64_t vmread(uint32_t field)
{
    assert_in_range(field, 0, FIELDS - 1);
    return vmcs[field];
}

void vmwrite(uint32_t field, uint64_t value)
{
    vmcs[field] = value;
}

static void set_segment(enum guest_segment seg, uint32_t attr, uint32_t limit)
{
    vmcs[ATTR(seg)] = attr;
    vmcs[LIMIT(seg)] = limit;
    vmcs[BASE(seg)] = 0;
    vmcs[SELECTOR(seg)] = 0;
}

// 64-bit code with paging, as Linux runs.
static int setup(void **state)
{
    (void)state;
    memset(vmcs, 0, sizeof(vmcs));
    vmcs[VMCS_GUEST_CR0] = CR0_PG | CR0_NE | CR0_PE;
    vmcs[VMCS_GUEST_CR4] = CR4_VMXE | CR4_PAE;
    vmcs[VMCS_GUEST_EFER] = EFER_LMA | EFER_LME;
    vmcs[VMCS_ENTRY_CONTROLS] = ENTRY_LONG_MODE;
    vmcs[VMCS_GUEST_PAT] = 0x0007040600070406;
    vmcs[VMCS_GUEST_DR7] = DR7_RESET;
    vmcs[VMCS_GUEST_RFLAGS] = RFLAGS_FIXED;
    vmcs[VMCS_LINK_POINTER] = ~0UL;
    set_segment(SEG_CS, 0xa09b, ~0U);
    for (unsigned seg = SEG_SS; seg <= SEG_GS; seg++)
        set_segment(seg, 0xc093, ~0U);
    set_segment(SEG_ES, 0xc093, ~0U);
    set_segment(SEG_TR, 0x8b, 0x67);
    set_segment(SEG_LDTR, ATTR_UNUSABLE, 0);
    return 0;
}

struct fault {
    uint32_t field;
    uint64_t value;
    const char *blamed;
};

static const struct fault faults[] = {
    {VMCS_GUEST_CR0, CR0_PG | CR0_PE, "CR0: NE"},
    {VMCS_GUEST_CR0, CR0_NE | CR0_PG, "CR0: PG without PE"},
    {VMCS_GUEST_CR0, CR0_NE | CR0_PE, "CR0: PG is clear in IA-32e"},
    {VMCS_GUEST_CR0, 1UL << 40 | CR0_NE, "CR0: a bit above 31"},
    {VMCS_GUEST_CR4, CR4_PAE, "CR4: VMXE"},
    {VMCS_GUEST_CR4, CR4_VMXE, "CR4: PAE"},
    {VMCS_GUEST_CR3, 1UL << 40, "CR3"},
    {VMCS_GUEST_DR7, 1UL << 32, "DR7"},
    {VMCS_GUEST_EFER, EFER_LME, "EFER: LMA"},
    {VMCS_GUEST_EFER, EFER_LMA, "EFER: LMA is not LME"},
    {VMCS_GUEST_PAT, 2, "PAT"},
    {VMCS_GUEST_RIP, NOT_CANONICAL, "RIP"},
    {VMCS_GUEST_RFLAGS, 0, "RFLAGS: a reserved bit"},
    {VMCS_GUEST_RFLAGS, RFLAGS_FIXED | 1UL << 3, "RFLAGS: a reserved bit"},
    {VMCS_GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_VM, "RFLAGS: VM"},
    {ATTR(SEG_TR), 0x89, "TR: not a busy TSS"},
    {ATTR(SEG_TR), 0x83, "TR: not a busy TSS"}, // of 16 bits
    {ATTR(SEG_TR), ATTR_UNUSABLE, "TR: unusable"},
    {SELECTOR(SEG_TR), 4, "TR: selector in the LDT"},
    {LIMIT(SEG_TR), 1 << 20, "TR: granularity"},
    {ATTR(SEG_LDTR), 0x8b, "LDTR: not a present LDT"},
    {BASE(SEG_GDTR), NOT_CANONICAL, "GDTR or IDTR: base"},
    {LIMIT(SEG_IDTR), 0x10000, "GDTR or IDTR: limit"},
    {ATTR(SEG_CS), 0xa093, NULL}, // a data segment as code is fine for an unrestricted guest
    {ATTR(SEG_CS), 0xa092, "CS: not an accessed code segment"},
    {ATTR(SEG_CS), 0xa08b, "CS: a system segment"},
    {ATTR(SEG_CS), 0xa0fb, "CS: DPL is not that of SS"},
    {ATTR(SEG_CS), 0xe09b, "CS: 64 and 32 bits"},
    {BASE(SEG_CS), 1UL << 32, "CS: base"},
    {ATTR(SEG_SS), 0xc09b, "SS: not an accessed, writable"},
    {ATTR(SEG_DS), 0xc092, "DS, ES, FS or GS: not accessed"},
    {BASE(SEG_FS), NOT_CANONICAL, "FS or GS: base"},
    {BASE(SEG_ES), 1UL << 32, "DS or ES: base"},
    {LIMIT(SEG_DS), 0xfffffffe, "DS: granularity"},
    {ATTR(SEG_ES), 0x4093, "ES: granularity"},
    {VMCS_GUEST_ACTIVITY, 4, "activity state"},
    {VMCS_GUEST_INTERRUPTIBILITY, SHADOW_STI, "interruptibility"},
    {VMCS_GUEST_INTERRUPTIBILITY, 1 << 5, "interruptibility"},
    {VMCS_LINK_POINTER, 0, "link pointer"},
    {VMCS_ENTRY_EVENT, EVENT(VMX_EVENT_INTERRUPT, 0x40), "entry event: an interrupt"},
};

static void test_each_fault_is_named(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
        const char *expected = faults[i].blamed ? faults[i].blamed : "not known here", *why;

        setup(state);
        assert_non_null(strstr(vmx_check_guest(), "not known here"));
        vmcs[faults[i].field] = faults[i].value;
        why = vmx_check_guest();
        if (!strstr(why, expected))
            fail_msg("field %04x = %lx: \"%s\", not \"%s\"", faults[i].field, faults[i].value, why, expected);
    }
}

static void test_rules_of_two_fields(void **state)
{
    (void)state;
    vmcs[VMCS_GUEST_RFLAGS] |= RFLAGS_IF;
    vmcs[VMCS_GUEST_INTERRUPTIBILITY] = SHADOW_MOV_SS;
    vmcs[VMCS_ENTRY_EVENT] = EVENT(VMX_EVENT_NMI, VECTOR_NMI);
    assert_non_null(strstr(vmx_check_guest(), "entry event: an NMI"));
    vmcs[VMCS_ENTRY_EVENT] = 0;
    vmcs[VMCS_GUEST_RFLAGS] |= RFLAGS_TF;
    assert_non_null(strstr(vmx_check_guest(), "pending debug"));
    vmcs[VMCS_GUEST_PENDING_DEBUG] = PENDING_SINGLE_STEP;
    assert_non_null(strstr(vmx_check_guest(), "not known here"));
}

// 32-bit code with PAE, whose top entries the VMCS holds.
static void test_pae(void **state)
{
    (void)state;
    vmcs[VMCS_ENTRY_CONTROLS] = 0;
    vmcs[VMCS_GUEST_EFER] = 0;
    vmcs[ATTR(SEG_CS)] = 0xc09b;
    vmcs[VMCS_GUEST_PDPTE + 4] = 0x1001;
    assert_non_null(strstr(vmx_check_guest(), "not known here"));
    vmcs[VMCS_GUEST_PDPTE + 4] = 0x1003;
    assert_non_null(strstr(vmx_check_guest(), "PDPTE"));
    vmcs[VMCS_GUEST_PDPTE + 4] = 0;
    vmcs[VMCS_GUEST_CR4] |= 1UL << 17;
    assert_non_null(strstr(vmx_check_guest(), "PCIDE"));
}

static void test_virtual_8086_mode(void **state)
{
    (void)state;
    vmcs[VMCS_ENTRY_CONTROLS] = 0;
    vmcs[VMCS_GUEST_EFER] = 0;
    vmcs[VMCS_GUEST_CR0] = CR0_NE | CR0_PE;
    vmcs[VMCS_GUEST_RFLAGS] |= RFLAGS_VM;
    for (unsigned seg = SEG_ES; seg <= SEG_GS; seg++)
        set_segment(seg, 0xf3, 0xffff);
    assert_non_null(strstr(vmx_check_guest(), "not known here"));
    vmcs[SELECTOR(SEG_GS)] = 1;
    assert_non_null(strstr(vmx_check_guest(), "virtual-8086"));
}

static void test_controls(void **state)
{
    static const struct {
        uint64_t error;
        const char *blamed;
    } errors[] = {{4, "VMLAUNCH"},   {5, "VMRESUME"}, {7, "a control field"},
                  {8, "host-state"}, {26, "MOV SS"},  {99, "not known"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
        vmcs[VMCS_INSTRUCTION_ERROR] = errors[i].error;
        assert_non_null(strstr(vmx_check_controls(), errors[i].blamed));
    }
    vmcs[VMCS_INSTRUCTION_ERROR] = 7;
    vmcs[VMCS_ENTRY_EVENT] = EVENT(1U, 0);
    assert_non_null(strstr(vmx_check_controls(), "a type or vector"));
    vmcs[VMCS_ENTRY_EVENT] = EVENT(VMX_EVENT_EXCEPTION, 13U) | EVENT_ERROR_VALID;
    vmcs[VMCS_GUEST_CR0] = CR0_NE;
    assert_non_null(strstr(vmx_check_controls(), "an error code in real mode"));
    vmcs[VMCS_ENTRY_EVENT] = 0;
    vmcs[VMCS_CPU_CONTROLS] = CPU_NMI_WINDOW;
    assert_non_null(strstr(vmx_check_controls(), "NMI-window"));
    vmcs[VMCS_TPR_THRESHOLD] = 16;
    assert_non_null(strstr(vmx_check_controls(), "TPR threshold"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(test_each_fault_is_named),
        TEST(test_rules_of_two_fields),
        TEST(test_pae),
        TEST(test_virtual_8086_mode),
        TEST(test_controls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
// The CPUID policy, on a machine that claims to have every feature there is: what reaches a guest is a
// choice.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <hv/arch.h>

#include <xen/arch-x86/cpuid.h>

#include "hvm_fake.h"

#define F(name) XEN_X86_FEATURE_##name

static uint64_t xcr0_mask;

uint64_t fpu_guest_xcr0_mask(void)
{
    return xcr0_mask;
}

void hvm_raise_single_step(struct vcpu *v)
{
    (void)v;
    fail();
}

static struct cpuid_regs ask(uint32_t leaf, uint32_t subleaf)
{
    struct vcpu_exit exit = {.next_rip = 0x1002};
    struct guest_regs *r = &fake->av.regs;

    r->rax = leaf | 0xdead00000000;
    r->rcx = subleaf;
    hvm_cpuid(&fake->v, &exit);
    assert_int_equal(r->rip, 0x1002);
    return (struct cpuid_regs){r->rax, r->rbx, r->rcx, r->rdx};
}

static int setup(void **state)
{
    fake_setup(state);
    memset(host_cpu.features, 0xff, sizeof(host_cpu.features));
    xcr0_mask = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    arch_clock.tsc_stable = false;
    cpuid_policy_init();
    return 0;
}

static void test_xen_leaves(void **state)
{
    struct cpuid_regs r = ask(0x40000000, 0);

    (void)state;
    assert_true(r.eax >= 0x40000004);
    assert_int_equal(r.ebx, XEN_CPUID_SIGNATURE_EBX);
    assert_int_equal(r.ecx, XEN_CPUID_SIGNATURE_ECX);
    assert_int_equal(r.edx, XEN_CPUID_SIGNATURE_EDX);
    assert_int_equal(ask(0x40000001, 0).eax, 4 << 16 | 17);
    r = ask(0x40000002, 0);
    assert_int_equal(r.eax, 1);
    assert_int_equal(r.ebx, 0x40000000);
    r = ask(0x40000004, 0);
    assert_true(r.eax & XEN_HVM_CPUID_VCPU_ID_PRESENT);
    assert_true(r.eax & XEN_HVM_CPUID_DOMID_PRESENT);
    assert_false(r.eax & XEN_HVM_CPUID_UPCALL_VECTOR);
    assert_int_equal(r.ecx, 7);
}

static void test_what_is_hidden(void **state)
{
    struct cpuid_regs one = ask(1, 0), ext = ask(0x80000001, 0), seven = ask(7, 0);

    (void)state;
    assert_false(one.ecx >> (F(VMX) % 32) & 1);
    assert_false(one.ecx >> (F(MONITOR) % 32) & 1);
    assert_false(one.ecx >> (F(OSXSAVE) % 32) & 1); // mirrors CR4
    assert_true(one.ecx >> (F(HYPERVISOR) % 32) & 1);
    assert_true(one.ecx >> (F(X2APIC) % 32) & 1);
    assert_false(ext.ecx >> (F(SVM) % 32) & 1);
    assert_false(seven.ebx >> (F(AVX512F) % 32) & 1); // no such state in XCR0
    assert_true(seven.ebx >> (F(AVX2) % 32) & 1);
    assert_false(ask(0x80000007, 0).edx >> (F(ITSC) % 32) & 1); // the clock is not stable
    assert_int_equal(ask(0xa, 0).eax, 0);
    // Of the mitigations' commands and registers they have IBPB, and are told what they need not fear.
    assert_false(seven.edx >> (F(IBRSB) % 32) & 1);
    assert_false(seven.edx >> (F(L1D_FLUSH) % 32) & 1);
    assert_true(seven.edx >> (F(MD_CLEAR) % 32) & 1);
    assert_int_equal(ask(0x80000008, 0).ebx & (1U << F(IBPB) % 32 | 1U << F(IBRS) % 32), 1U << F(IBPB) % 32);
    uint64_t caps;
    assert_true(cpuid_arch_caps(&caps));
    assert_true(caps & 1);                        // RDCL_NO
    assert_false(caps >> (F(EIBRS) % 32) & 1);    // no MSR_SPEC_CTRL
    assert_false(caps >> (F(TSX_CTRL) % 32) & 1); // nor that
    assert_int_equal(ask(5, 0).eax, 0);
    assert_int_equal(ask(0x8000000a, 0).eax, 0);
    assert_int_equal(ask(0x12345678, 0).ebx, 0);
}

static void test_bits_that_mirror_cr4(void **state)
{
    (void)state;
    fake->sregs[SREG_CR4] = CR4_OSXSAVE | CR4_PKE;
    assert_true(ask(1, 0).ecx >> (F(OSXSAVE) % 32) & 1);
    assert_true(ask(7, 0).ecx >> (F(OSPKE) % 32) & 1);
}

static void test_identity(void **state)
{
    struct cpuid_regs host = cpuid(0, 0), guest = ask(0, 0);

    (void)state;
    assert_int_equal(guest.ebx, host.ebx); // guests choose VMCALL or VMMCALL by the vendor
    assert_true(guest.eax <= 0xd);
    fake->v.id = 3;
    assert_int_equal(ask(1, 0).ebx >> 24, 6);
    assert_int_equal(ask(0xb, 1).edx, 6);
    assert_int_equal(ask(0xb, 1).ecx, 1);
    assert_int_equal(ask(0x80000008, 0).eax & 0xff, 40);
}

static void test_no_xsave(void **state)
{
    (void)state;
    xcr0_mask = 0;
    cpuid_policy_init();
    assert_false(ask(1, 0).ecx >> (F(XSAVE) % 32) & 1);
    assert_false(ask(1, 0).ecx >> (F(AVX) % 32) & 1);
    assert_false(ask(1, 0).ecx >> (F(FMA) % 32) & 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_xen_leaves), TEST(test_what_is_hidden), TEST(test_bits_that_mirror_cr4),
        TEST(test_identity),   TEST(test_no_xsave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

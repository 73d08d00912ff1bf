// SPDX-License-Identifier: MIT
//
// The processor a guest sees.

#include <stdint.h>
#include <string.h>
#include <xen/arch-x86/cpuid.h>
#include <guest/cpu.h>
#include <guest/hypercall.h>
#include <guest/mem.h>
#include <guest/thread.h>
#include <guest/time.h>
#include <guest/trap.h>
#include "abi.h"

#define LEAF1_ECX_MONITOR    (1u << 3)
#define LEAF1_ECX_VMX        (1u << 5)
#define LEAF1_ECX_X2APIC     (1u << 21)
#define LEAF1_ECX_HYPERVISOR (1u << 31)
#define EXT1_ECX_SVM         (1u << 2)

void test_cpuid(void)
{
    uint32_t base = cpuid_xen_base();
    CHECK(base == 0x40000000);
    CHECK(cpuid(base, 0).eax >= base + 4);
    CHECK(cpuid(base + 1, 0).eax >> 16 >= 4);
    CHECK_EQUAL(cpuid(base + 1, 0).eax, HYPERVISOR_xen_version(XENVER_version, NULL));
    CHECK_EQUAL(cpuid(base + 2, 0).eax, 1);
    CHECK(cpuid(base + 2, 0).ebx >= 0x40000000);
    struct cpuid hvm = cpuid(base + 4, 0);
    CHECK(hvm.eax & XEN_HVM_CPUID_VCPU_ID_PRESENT && hvm.ebx == 0);
    CHECK(hvm.eax & XEN_HVM_CPUID_DOMID_PRESENT && hvm.ecx < DOMID_FIRST_RESERVED);
    CHECK(!(hvm.eax & XEN_HVM_CPUID_APIC_ACCESS_VIRT) || cpuid(0, 0).ebx == 0x756e6547);
    struct cpuid leaf1 = cpuid(1, 0);
    CHECK(leaf1.ecx & LEAF1_ECX_HYPERVISOR);
    CHECK(leaf1.ecx & LEAF1_ECX_X2APIC);
    CHECK(!(leaf1.ecx & (LEAF1_ECX_VMX | LEAF1_ECX_MONITOR)));
    CHECK(!(cpuid(0x80000001, 0).ecx & EXT1_ECX_SVM));
    CHECK_EQUAL(leaf1.ebx >> 24, 0); // APIC id = 2 * vcpu
}

// ---- MSRs
// ---------------------------------------------------------------------------------------------------------

enum { READ = 1, KEEP = 2, AMD = 4, INTEL = 8 }; // KEEP: holds what is written

static const struct {
    uint32_t msr;
    unsigned how;
    uint64_t value;
    const char *name;
} msrs[] = {
    {0xc0000080, READ, 0, "EFER"},
    {0xc0000081, READ | KEEP, 0x0010000800000000, "STAR"},
    {0xc0000082, READ | KEEP, 0xffff800000001000, "LSTAR"},
    {0xc0000083, READ | KEEP, 0xffff800000002000, "CSTAR"},
    {0xc0000084, READ | KEEP, 0x700, "FMASK"},
    {0xc0000100, READ | KEEP, 0x123456789000, "FS base"},
    {0xc0000101, READ | KEEP, 0x223456789000, "GS base"},
    {0xc0000102, READ | KEEP, 0x323456789000, "kernel GS base"},
    {0x174, READ | KEEP, 0x10, "SYSENTER_CS"},
    {0x175, READ | KEEP, 0x1234567000, "SYSENTER_ESP"},
    {0x176, READ | KEEP, 0x2234567000, "SYSENTER_EIP"},
    {0x277, READ | KEEP, 0x0007010600070106, "PAT"},
    {0x1b, READ, 0, "APIC_BASE"},
    {0x10, READ, 0, "TSC"},
    {0xfe, READ, 0, "MTRRcap"},
    {0x2ff, READ, 0, "MTRR default type"},
    {0x250, READ, 0, "MTRR fixed 64K"},
    {0x26f, READ, 0, "MTRR fixed 4K"},
    {0x200, READ, 0, "MTRR base 0"},
    {0x201, READ, 0, "MTRR mask 0"},
    {0x8b, READ, 0, "microcode revision"},
    {0x1a0, READ | INTEL, 0, "MISC_ENABLE"},
    {0xc0010015, READ | AMD, 0, "HWCR"},
    {0xc0010010, READ | AMD, 0, "SYSCFG"},
    {0xc0011029, READ | AMD, 0, "DE_CFG"},
};

void test_msrs(void)
{
    bool intel = cpuid(0, 0).ebx == 0x756e6547;
    uint64_t value;
    for (size_t i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++) {
        uint64_t before = 0, after = 0;
        if ((msrs[i].how & AMD && intel) || (msrs[i].how & INTEL && !intel))
            continue;
        bool readable = rdmsr_safe(msrs[i].msr, &before);
        if (!readable)
            test_note(TEST_FAIL, "MSR %s can't be read", msrs[i].name);
        if (!readable || !(msrs[i].how & KEEP))
            continue;
        bool kept = wrmsr_safe(msrs[i].msr, msrs[i].value) && rdmsr_safe(msrs[i].msr, &after);
        if (!kept || after != msrs[i].value)
            test_note(TEST_FAIL, "MSR %s doesn't keep %llx", msrs[i].name, (unsigned long long)msrs[i].value);
        wrmsr_safe(msrs[i].msr, before);
    }
    CHECK(!rdmsr_safe(0x12345678, &value));
    CHECK(!wrmsr_safe(0x12345678, 0));
    CHECK(rdmsr(0x1b) & 1u << 11 && rdmsr(0x1b) & 1u << 8); // local APIC on, boot processor
}

// ---- ports
// --------------------------------------------------------------------------------------------------------

// Nothing is there: reads float, writes vanish, nothing dies.
void test_ports(void)
{
    static const uint16_t ports[] = {0x20, 0x21, 0xa0, 0xa1,  0x40,  0x42,   0x43,   0x61, 0x64,
                                     0x70, 0x71, 0x80, 0x2f8, 0x3fd, 0xb000, 0xb004, 0xcf9};
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
        inb(ports[i]);
    inw(0xb000);
    inl(0xb008);
    outb(0x80, 0);
    outb(0x21, 0xff);
    CHECK_EQUAL(inb(0x21), 0xff); // Linux takes this for "no PIC"
    outl(0xcf8, 0x80000000);
    CHECK_EQUAL(inl(0xcfc), 0xffffffff); // no PCI host bridge
    uint8_t block[16];
    memset(block, 0, sizeof(block));
    uint8_t *at = block;
    unsigned long count = sizeof(block);
    __asm__ volatile("rep insb" : "+D"(at), "+c"(count) : "d"(0xed) : "memory");
    CHECK_EQUAL(at - block, sizeof(block));
    CHECK_EQUAL(count, 0);
}

// ---- local APIC
// ---------------------------------------------------------------------------------------------------

#define X2APIC_ID       0x802
#define X2APIC_TPR      0x808
#define X2APIC_EOI      0x80b
#define X2APIC_SVR      0x80f
#define X2APIC_SELF_IPI 0x83f
#define VECTOR_SELF_IPI 0x51

static volatile unsigned self_ipis;

static bool on_self_ipi(struct trap_frame *frame)
{
    (void)frame;
    self_ipis++;
    wrmsr(X2APIC_EOI, 0);
    return true;
}

void test_local_apic(void)
{
    volatile uint32_t *page = (volatile uint32_t *)0xfee00000;
    uint64_t cr8;
    mem_map_window(0xfee00000, PAGE_SIZE, MEM_UNCACHED);
    CHECK_EQUAL(page[0x20 / 4] >> 24, 0);
    CHECK(page[0x30 / 4] != 0 && page[0x30 / 4] != 0xffffffff);
    page[0x80 / 4] = 0x20;
    CHECK_EQUAL(page[0x80 / 4], 0x20);
    page[0x80 / 4] = 0;

    wrmsr(0x1b, rdmsr(0x1b) | 1u << 10);
    CHECK_EQUAL(rdmsr(X2APIC_ID), 0);
    wrmsr(X2APIC_TPR, 0x50);
    __asm__ volatile("mov %%cr8, %0" : "=r"(cr8));
    CHECK_EQUAL(cr8, 5);
    __asm__ volatile("mov %0, %%cr8" ::"r"(0ul));
    CHECK_EQUAL(rdmsr(X2APIC_TPR), 0);
    wrmsr(X2APIC_SVR, 0x1ff);
    trap_set_handler(VECTOR_SELF_IPI, on_self_ipi);
    for (unsigned i = 1; i <= 3; i++) {
        wrmsr(X2APIC_SELF_IPI, VECTOR_SELF_IPI);
        for (unsigned spin = 0; spin < 100000 && self_ipis < i; spin++)
            cpu_relax();
        CHECK_EQUAL(self_ipis, i);
    }
}

void test_halt(void)
{
    uint64_t start = time_now();
    thread_sleep(5 * NS_PER_MS);
    CHECK(time_now() - start >= 5 * NS_PER_MS);
    CHECK(time_now() - start < 2 * NS_PER_S);
}

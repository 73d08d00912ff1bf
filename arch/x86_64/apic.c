// SPDX-License-Identifier: MIT
// The local APIC, in the mode the firmware left it in: xAPIC registers in memory, or x2APIC MSRs. Intel SDM
// volume 3, chapter 11.

#include <hv/lock.h>
#include <hv/printk.h>

#include <asm/apic.h>
#include <asm/cpu.h>
#include <asm/io.h>
#include <asm/machine.h>
#include <asm/x86_defs.h>

enum apic_register {
    APIC_ID = 0x20,
    APIC_VERSION = 0x30,
    APIC_TPR = 0x80,
    APIC_EOI = 0xb0,
    APIC_SPURIOUS = 0xf0,
    APIC_ESR = 0x280,
    APIC_ICR = 0x300,
    APIC_ICR_HIGH = 0x310, // xAPIC only: in x2APIC mode the ICR is one 64-bit register
    APIC_LVT_TIMER = 0x320,
    APIC_LVT_THERMAL = 0x330,
    APIC_LVT_PERF = 0x340,
    APIC_LVT_LINT0 = 0x350,
    APIC_LVT_LINT1 = 0x360,
    APIC_LVT_ERROR = 0x370,
    APIC_TIMER_INITIAL = 0x380,
    APIC_TIMER_CURRENT = 0x390,
    APIC_TIMER_DIVIDE = 0x3e0,
};

#define LVT_MASKED            (1U << 16)
#define LVT_DELIVERY_NMI      (4U << 8)
#define LVT_TIMER_DEADLINE    (2U << 17)
#define SPURIOUS_APIC_ENABLED (1U << 8)
#define ICR_PENDING           (1U << 12)
#define DIVIDE_BY_1           0xb
#define ICR_WAIT_LIMIT        100000

static bool x2apic;
static volatile void *registers; // xAPIC

static uint32_t apic_read(enum apic_register reg)
{
    return x2apic ? rdmsr(MSR_X2APIC_FIRST + reg / 16) : mmio_read32(registers, reg);
}

static void apic_write(enum apic_register reg, uint32_t value)
{
    if (x2apic)
        wrmsr(MSR_X2APIC_FIRST + reg / 16, value);
    else
        mmio_write32(registers, reg, value);
}

void apic_init(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE);

    if (!cpu_has(XEN_X86_FEATURE_APIC))
        panic("no local APIC, or it is disabled in the firmware");
    x2apic = (base & APIC_BASE_ENABLED) && (base & APIC_BASE_X2APIC);
    if (!x2apic) {
        wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLED);
        registers = map_mmio(base & PTE_ADDR_MASK, PAGE_SIZE);
        if (!registers)
            panic("no room to map the local APIC at %lx", (unsigned long)(base & PTE_ADDR_MASK));
    }
    apic_init_cpu();
    log_info("local APIC: id %u, %s, %s timer", apic_id(), x2apic ? "x2APIC" : "xAPIC",
             apic_timer_has_deadline() ? "TSC-deadline" : "one-shot");
}

void apic_init_cpu(void)
{
    unsigned max_lvt = apic_read(APIC_VERSION) >> 16 & 0xff;

    apic_write(APIC_TPR, 0);
    apic_write(APIC_SPURIOUS, SPURIOUS_APIC_ENABLED | SPURIOUS_VECTOR);
    apic_write(APIC_LVT_TIMER, LVT_MASKED | TIMER_VECTOR);
    apic_write(APIC_LVT_LINT0, LVT_MASKED); // the 8259s are masked: nothing to come from there
    apic_write(APIC_LVT_LINT1, LVT_DELIVERY_NMI);
    if (max_lvt >= 4)
        apic_write(APIC_LVT_PERF, LVT_MASKED);
    if (max_lvt >= 5)
        apic_write(APIC_LVT_THERMAL, LVT_MASKED);
    apic_write(APIC_ESR, 0);
    apic_write(APIC_LVT_ERROR, APIC_ERROR_VECTOR);
    apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
    if (apic_timer_has_deadline()) {
        apic_write(APIC_LVT_TIMER, LVT_TIMER_DEADLINE | TIMER_VECTOR);
        // The mode must be in force before the first write to the deadline MSR (SDM volume 3, 11.5.4.1).
        asm volatile("mfence" : : : "memory");
        apic_timer_set_deadline(0);
    } else {
        apic_write(APIC_LVT_TIMER, TIMER_VECTOR);
        apic_timer_set_count(0);
    }
    apic_eoi();
}

uint32_t apic_id(void)
{
    uint32_t id = apic_read(APIC_ID);

    return x2apic ? id : id >> 24;
}

void apic_eoi(void)
{
    apic_write(APIC_EOI, 0);
}

void apic_send_ipi(uint32_t id, uint8_t vector)
{
    if (x2apic) {
        wrmsr(MSR_X2APIC_FIRST + APIC_ICR / 16, (uint64_t)id << 32 | vector);
        return;
    }
    for (unsigned i = 0; i < ICR_WAIT_LIMIT && (apic_read(APIC_ICR) & ICR_PENDING); i++)
        arch_cpu_relax();
    apic_write(APIC_ICR_HIGH, id << 24);
    apic_write(APIC_ICR, vector);
}

void apic_error(void)
{
    apic_write(APIC_ESR, 0); // latches what has come up
    log_warning("local APIC %u reports error %x", apic_id(), apic_read(APIC_ESR));
}

bool apic_timer_has_deadline(void)
{
    return cpu_has(XEN_X86_FEATURE_TSC_DEADLINE);
}

void apic_timer_set_deadline(uint64_t tsc)
{
    wrmsr(MSR_TSC_DEADLINE, tsc);
}

void apic_timer_set_count(uint32_t count)
{
    apic_write(APIC_TIMER_INITIAL, count);
}

uint32_t apic_timer_count(void)
{
    return apic_read(APIC_TIMER_CURRENT);
}

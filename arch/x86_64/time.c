// SPDX-License-Identifier: MIT
// System time from the TSC. Its rate comes from the first of: CPUID leaf 0x15, HPET, ACPI PM timer, PIT. The
// local timer, when it counts instead of taking TSC deadlines, is measured against the TSC.

#include <hv/arch.h>
#include <hv/printk.h>
#include <hv/timer.h>

#include <asm/acpi.h>
#include <asm/apic.h>
#include <asm/cpu.h>
#include <asm/io.h>
#include <asm/machine.h>
#include <asm/time.h>

#define NS_PER_S            1000000000UL
#define CALIBRATION_MS      5 // one read costs about 1 us: 0.02 % at worst, and NTP in a guest corrects 0.05 %
#define APIC_CALIBRATION_MS 1
#define SAMPLE_READS        16
#define MAX_TIMER_NS        (4UL * NS_PER_S) // the hardware is armed for no longer; timer_softirq arms it again

#define PM_TIMER_HZ  3579545
#define PIT_HZ       1193182
#define PIT_CHANNEL2 0x42
#define PIT_COMMAND  0x43
#define PIT_GATE     0x61

#define HPET_PERIOD  4 // femtoseconds per tick
#define HPET_CONFIG  0x10
#define HPET_COUNTER 0xf0

struct arch_clock arch_clock;

static int64_t wallclock_at_start; // ns since 1970 at system time 0
static uint64_t ns_to_tsc;         // TSC ticks per ns, 32.32
static uint64_t ns_to_count;       // counts of the local timer per ns, 32.32

// A counter that ticks at a known rate.
struct reference {
    const char *name;
    uint64_t hz;
    uint32_t mask; // of the bits it has
    uint32_t (*read)(void);
};

struct sample {
    uint64_t tsc;
    uint32_t count;
};

// --- system time ---

static uint64_t tsc_to_ns(uint64_t ticks)
{
    ticks = arch_clock.shift >= 0 ? ticks << arch_clock.shift : ticks >> -arch_clock.shift;
    return (unsigned __int128)ticks * arch_clock.mul >> 32;
}

uint64_t arch_now(void)
{
    return arch_clock.system_time + tsc_to_ns(rdtsc() - arch_clock.tsc_timestamp);
}

uint64_t arch_boot_wallclock(void)
{
    return wallclock_at_start;
}

void time_mark_start(void)
{
    arch_clock.tsc_timestamp = rdtsc();
}

// The multiplier is as large as 32 bits allow: its error is 2^-31.
static void set_tsc_rate(uint64_t hz)
{
    uint64_t scaled = hz;

    arch_clock.shift = 0;
    for (; scaled > 2 * NS_PER_S; scaled >>= 1)
        arch_clock.shift--;
    for (; scaled <= NS_PER_S; scaled <<= 1)
        arch_clock.shift++;
    arch_clock.mul = (NS_PER_S << 32) / scaled;
    arch_clock.tsc_khz = hz / 1000;
    arch_clock.tsc_stable = cpu_has(XEN_X86_FEATURE_ITSC);
    ns_to_tsc = ((uint64_t)arch_clock.tsc_khz << 32) / 1000000;
}

// --- reference counters ---

static volatile void *hpet;

static uint32_t hpet_count(void)
{
    return mmio_read32(hpet, HPET_COUNTER);
}

static bool find_hpet(struct reference *ref)
{
    hpet = acpi.hpet_address ? map_mmio(acpi.hpet_address, 0x400) : NULL;
    uint32_t period = hpet ? mmio_read32(hpet, HPET_PERIOD) : 0;
    if (period == 0 || period > 100000000) // at most 100 ns, says the specification
        return false;
    mmio_write32(hpet, HPET_CONFIG, mmio_read32(hpet, HPET_CONFIG) | 1);
    *ref = (struct reference){"HPET", 1000000UL * NS_PER_S / period, ~0U, hpet_count};
    return true;
}

static uint32_t pm_timer_count(void)
{
    return acpi_read(&acpi.pm_timer);
}

static bool find_pm_timer(struct reference *ref)
{
    *ref = (struct reference){"ACPI PM timer", PM_TIMER_HZ, acpi.pm_timer_32bit ? ~0U : 0xffffff,
                              pm_timer_count};
    return acpi.pm_timer.valid;
}

static uint32_t pit_count(void)
{
    outb(PIT_COMMAND, 2 << 6); // latch channel 2
    uint32_t low = inb(PIT_CHANNEL2);

    return ~(low | (uint32_t)inb(PIT_CHANNEL2) << 8); // it counts down
}

static bool find_pit(struct reference *ref)
{
    outb(PIT_GATE, (inb(PIT_GATE) & ~2) | 1); // channel 2 runs, the speaker does not
    outb(PIT_COMMAND, 2 << 6 | 3 << 4);       // channel 2, low then high byte, mode 0
    outb(PIT_CHANNEL2, 0xff);
    outb(PIT_CHANNEL2, 0xff);
    *ref = (struct reference){"PIT", PIT_HZ, 0xffff, pit_count};
    return true;
}

// --- measuring ---

// Reads counter and TSC together. Of several tries the one that took least counts: it was not interrupted (by
// firmware, or by the host of an emulator), and it saw the counter change, so it stands at the beginning of a
// tick.
static struct sample take_sample(const struct reference *ref)
{
    struct sample best = {.tsc = 0};
    uint64_t best_cost = ~0UL;
    uint32_t last = ref->read();

    for (unsigned i = 0; i < SAMPLE_READS; i++) {
        uint64_t before = rdtsc();
        uint32_t count = ref->read();
        uint64_t cost = rdtsc() - before;

        if (cost < best_cost && count != last) {
            best = (struct sample){before + cost / 2, count};
            best_cost = cost;
        }
        last = count;
    }
    return best;
}

// TSC ticks per second by `ref`; 0 when the counter stands still.
static uint64_t measure_tsc(const struct reference *ref)
{
    struct sample start = take_sample(ref), end;
    uint64_t target = ref->hz * CALIBRATION_MS / 1000;
    uint32_t elapsed = 0;

    // A reference that stops must not stop us: 2^32 ticks of the TSC are a second at least.
    for (uint64_t begin = rdtsc(); elapsed < target; elapsed = (ref->read() - start.count) & ref->mask)
        if (!start.tsc || rdtsc() - begin > 1UL << 32)
            return 0;
    end = take_sample(ref);
    elapsed = (end.count - start.count) & ref->mask;
    return end.tsc && elapsed ? (end.tsc - start.tsc) * ref->hz / elapsed : 0;
}

static uint64_t tsc_hz_by_cpuid(void)
{
    if (host_cpu.max_leaf < 0x15)
        return 0;
    struct cpuid_regs r = cpuid(0x15, 0); // TSC : crystal = EBX : EAX, crystal in Hz in ECX
    return r.eax && r.ebx ? (uint64_t)r.ecx * r.ebx / r.eax : 0;
}

static uint64_t measure_tsc_by_device(const char **source)
{
    static bool (*const finders[])(struct reference *) = {find_hpet, find_pm_timer, find_pit};

    for (unsigned i = 0; i < ARRAY_SIZE(finders); i++) {
        struct reference ref;
        uint64_t hz = finders[i](&ref) ? measure_tsc(&ref) : 0;

        *source = ref.name;
        if (hz)
            return hz;
    }
    return 0;
}

static void calibrate_apic_timer(void)
{
    uint64_t ticks = arch_clock.tsc_khz * (uint64_t)APIC_CALIBRATION_MS, start;

    apic_timer_set_count(~0U);
    start = rdtsc();
    while (rdtsc() - start < ticks)
        arch_cpu_relax();
    uint64_t counted = ~0U - apic_timer_count(), elapsed = rdtsc() - start;
    apic_timer_set_count(0);
    uint64_t khz = counted * arch_clock.tsc_khz / elapsed;
    if (!khz)
        panic("the local APIC timer does not count");
    ns_to_count = (khz << 32) / 1000000;
}

static void read_wallclock(void)
{
    int64_t seconds = acpi.no_cmos ? 0 : cmos_read_time(acpi.century);

    if (!seconds)
        log_warning("%s: the wall clock starts at 1970",
                    acpi.no_cmos ? "there is no CMOS clock" : "the CMOS clock holds no date");
    wallclock_at_start = seconds * (int64_t)NS_PER_S - (seconds ? (int64_t)arch_now() : 0);
}

void time_init(void)
{
    const char *source = "CPUID";
    uint64_t hz = tsc_hz_by_cpuid();

    if (!hz)
        hz = measure_tsc_by_device(&source);
    if (hz < 1000000)
        panic("nothing to measure the TSC against: no HPET, ACPI PM timer or PIT that counts");
    set_tsc_rate(hz);
    if (!apic_timer_has_deadline())
        calibrate_apic_timer();
    read_wallclock();
    reserve_ports(PIT_CHANNEL2 - 2, 4);
    log_info("TSC: %u.%03u MHz by %s%s", arch_clock.tsc_khz / 1000, arch_clock.tsc_khz % 1000, source,
             arch_clock.tsc_stable ? ", invariant" : "");
}

// --- the timer ---

void arch_timer_program(uint64_t deadline)
{
    uint64_t now = arch_now(), delay = deadline > now ? MIN(deadline - now, MAX_TIMER_NS) : 0;
    bool off = deadline == TIME_NEVER;

    // Rounded up: an interrupt just before the deadline would only be taken twice.
    if (apic_timer_has_deadline())
        apic_timer_set_deadline(off ? 0 : rdtsc() + (((unsigned __int128)delay * ns_to_tsc) >> 32) + 1);
    else
        apic_timer_set_count(off ? 0 : MIN((((unsigned __int128)delay * ns_to_count) >> 32) + 1, ~0U));
}

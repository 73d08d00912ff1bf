// SPDX-License-Identifier: MIT
// Clocks: dates of the CMOS clock against the C library's calendar, and the arithmetic of system time.
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

// What is tested is private to them.
#include "../../arch/x86_64/cmos.c"
#include "../../arch/x86_64/time.c"

// --- what time.c needs of the machine ---

struct acpi_info acpi;
struct host_cpu host_cpu;

static bool has_deadline;
static uint64_t deadline;
static uint32_t count;

bool apic_timer_has_deadline(void)
{
    return has_deadline;
}

void apic_timer_set_deadline(uint64_t tsc)
{
    deadline = tsc;
}

void apic_timer_set_count(uint32_t value)
{
    count = value;
}

uint32_t apic_timer_count(void)
{
    return count;
}

uint32_t acpi_read(const struct acpi_register *reg)
{
    (void)reg;
    return 0;
}

volatile void *map_mmio(maddr_t start, size_t size)
{
    (void)start, (void)size;
    return NULL;
}

void reserve_ports(uint16_t first, unsigned n)
{
    (void)first, (void)n;
}

void arch_cpu_relax(void)
{
}

void log_line(enum log_level level, const char *fmt, ...)
{
    (void)level, (void)fmt;
}

void panic(const char *fmt, ...)
{
    (void)fmt;
    abort();
}

// --- dates ---

static uint8_t to_bcd(unsigned value)
{
    return value / 10 << 4 | value % 10;
}

static void test_dates(void **state)
{
    (void)state;
    srand(5);
    for (unsigned i = 0; i < 20000; i++) {
        time_t now = (time_t)rand() * 2; // 1970 to 2106
        struct tm tm;
        gmtime_r(&now, &tm);
        unsigned year = tm.tm_year + 1900;
        const uint8_t binary[NR_FIELDS] = {tm.tm_sec,     tm.tm_min,  tm.tm_hour, tm.tm_mday,
                                           tm.tm_mon + 1, year % 100, year / 100};
        uint8_t bcd[NR_FIELDS], half_days[NR_FIELDS];

        for (unsigned f = 0; f < NR_FIELDS; f++)
            half_days[f] = bcd[f] = to_bcd(binary[f]);
        unsigned hour = tm.tm_hour % 12 ? tm.tm_hour % 12 : 12;
        half_days[HOUR] = to_bcd(hour) | (tm.tm_hour >= 12 ? HOURS_PM : 0);
        assert_int_equal(to_seconds(binary, STATUS_B_24_HOURS | STATUS_B_BINARY), now);
        assert_int_equal(to_seconds(bcd, STATUS_B_24_HOURS), now);
        assert_int_equal(to_seconds(half_days, 0), now);
    }
}

static void test_impossible_dates(void **state)
{
    static const uint8_t good[NR_FIELDS] = {0, 0, 0, 1, 1, 26, 20};
    static const struct {
        enum rtc_field field;
        uint8_t value;
    } bad[] = {{SECOND, 60}, {MINUTE, 60}, {HOUR, 24},  {DAY, 0},
               {DAY, 32},    {MONTH, 0},   {MONTH, 13}, {YEAR, 100}};

    (void)state;
    assert_int_equal(to_seconds(good, STATUS_B_24_HOURS | STATUS_B_BINARY), 1767225600);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        uint8_t fields[NR_FIELDS];

        memcpy(fields, good, sizeof(good));
        fields[bad[i].field] = bad[i].value;
        assert_int_equal(to_seconds(fields, STATUS_B_24_HOURS | STATUS_B_BINARY), 0);
    }
    uint8_t no_century[NR_FIELDS];
    memcpy(no_century, good, sizeof(good));
    no_century[CENTURY] = 0xff;
    assert_int_equal(to_seconds(no_century, STATUS_B_24_HOURS | STATUS_B_BINARY), 1767225600);
}

// --- system time ---

static const uint64_t rates[] = {1000000,    50000000,   999999999,  1000000000,
                                 1000000001, 2000008000, 3400000000, 5500000000};

static void test_tsc_to_ns(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rates); i++) {
        set_tsc_rate(rates[i]);
        assert_true(arch_clock.mul >> 31); // normalised: all 32 bits count
        uint64_t day = 86400 * NS_PER_S, ns = tsc_to_ns(rates[i] * 86400);
        uint64_t error = ns > day ? ns - day : day - ns;
        assert_true(error < day >> 29);
        assert_int_equal(arch_clock.tsc_khz, rates[i] / 1000);
    }
}

static void test_system_time_never_steps_back(void **state)
{
    (void)state;
    set_tsc_rate(2400000000);
    time_mark_start();
    for (uint64_t last = 0, i = 0; i < 1000; i++) {
        uint64_t now = arch_now();

        assert_true(now >= last);
        last = now;
    }
}

static void test_timer_by_deadline(void **state)
{
    (void)state;
    has_deadline = true;
    set_tsc_rate(2000000000);
    time_mark_start();
    arch_timer_program(TIME_NEVER);
    assert_int_equal(deadline, 0);
    uint64_t before = rdtsc();
    arch_timer_program(arch_now() + 1000000);
    assert_true(deadline - before >= 1999990); // more when the test was interrupted
    arch_timer_program(0);
    assert_true(deadline != 0 && deadline <= rdtsc()); // in the past: fires at once
}

static void test_timer_by_count(void **state)
{
    (void)state;
    has_deadline = false;
    set_tsc_rate(2000000000);
    ns_to_count = (62500UL << 32) / 1000000; // 62.5 MHz
    time_mark_start();
    arch_timer_program(TIME_NEVER);
    assert_int_equal(count, 0);
    arch_timer_program(arch_now() + 100 * 1000000);
    assert_in_range(count, 1, 6250001);
    arch_timer_program(0);
    assert_int_equal(count, 1);
    arch_timer_program(TIME_NEVER - 1); // as far as the hardware is ever armed
    assert_int_equal(count, 250000001);
    ns_to_count = (4000000UL << 32) / 1000000; // 4 GHz: 4 s do not fit into the counter
    arch_timer_program(TIME_NEVER - 1);
    assert_int_equal(count, ~0U);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_impossible_dates),
        cmocka_unit_test(test_tsc_to_ns),
        cmocka_unit_test(test_system_time_never_steps_back),
        cmocka_unit_test(test_timer_by_deadline),
        cmocka_unit_test(test_timer_by_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

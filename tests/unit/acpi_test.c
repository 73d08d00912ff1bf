// SPDX-License-Identifier: MIT
// ACPI tables: a machine as QEMU describes it, then tables that are cut, lie, or are noise.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hv/boot_info.h>
#include <hv/printk.h>
#include <asm/acpi.h>
#include <asm/machine.h>

#define MEMORY_SIZE 0x101000
#define RSDP        0x1000
#define XSDT        0x2000
#define MADT        0x3000
#define FADT        0x4000
#define DSDT        0x5000
#define HPET        0x6000

struct boot_info boot_info;

static uint8_t memory[MEMORY_SIZE];
static uint8_t
    *window; // what map_firmware() last gave: exactly as large as asked for, so that ASan sees the rest

const void *map_firmware(maddr_t start, size_t size)
{
    if (start > MEMORY_SIZE || size > MEMORY_SIZE - start)
        return NULL;
    free(window);
    window = malloc(size);
    memcpy(window, memory + start, size);
    return window;
}

volatile void *map_mmio(maddr_t start, size_t size)
{
    (void)size;
    return start < MEMORY_SIZE ? memory + start : NULL;
}

void log_line(enum log_level level, const char *fmt, ...)
{
    (void)level, (void)fmt;
}

static void put16(uint32_t at, uint16_t value)
{
    memcpy(memory + at, &value, 2);
}

static void put32(uint32_t at, uint32_t value)
{
    memcpy(memory + at, &value, 4);
}

static void put64(uint32_t at, uint64_t value)
{
    memcpy(memory + at, &value, 8);
}

static void sign(uint32_t at, uint32_t size, uint32_t checksum)
{
    uint8_t sum = 0;

    memory[at + checksum] = 0;
    for (uint32_t i = 0; i < size; i++)
        sum += memory[at + i];
    memory[at + checksum] = -sum;
}

static void finish_table(uint32_t at, const char *name, uint32_t length)
{
    memcpy(memory + at, name, 4);
    put32(at + 4, length);
    sign(at, length, 9);
}

static void make_madt(void)
{
    static const uint8_t entries[] = {
        0, 8,  0, 0, 1, 0, 0,    0,                             // LAPIC 0, enabled
        0, 8,  1, 7, 1, 0, 0,    0,                             // LAPIC 7, enabled
        0, 8,  2, 9, 0, 0, 0,    0,                             // LAPIC 9, neither enabled nor capable
        1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0,   0, 0, 0,            // I/O APIC at fec00000
        2, 10, 0, 0, 2, 0, 0,    0,    0,   0,                  // IRQ 0 -> GSI 2
        2, 10, 0, 9, 9, 0, 0,    0,    0xf, 0,                  // IRQ 9: level, active low
        9, 16, 0, 0, 0, 1, 0,    0,    1,   0, 0, 0, 0, 0, 0, 0 // x2APIC 256
    };

    memcpy(memory + MADT + 44, entries, sizeof(entries));
    finish_table(MADT, "APIC", 44 + sizeof(entries));
}

static void make_fadt(void)
{
    put32(FADT + 40, DSDT);
    put32(FADT + 48, 0xb2);
    memory[FADT + 52] = 0xf1;
    put32(FADT + 64, 0x604);
    put32(FADT + 76, 0x608);
    memory[FADT + 108] = 0x32;
    put32(FADT + 112, 1U << 8 | 1U << 10);
    memory[FADT + 116] = 1; // reset register: port cf9
    put64(FADT + 120, 0xcf9);
    memory[FADT + 128] = 0xf;
    finish_table(FADT, "FACP", 244);
}

static void make_dsdt(void)
{
    static const uint8_t s5[] = {0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x0a, 0x05, 0x01, 0x00, 0x00};

    memcpy(memory + DSDT + 50, s5, sizeof(s5));
    finish_table(DSDT, "DSDT", 36 + 100);
}

static void make_root(void)
{
    put64(XSDT + 36, MADT);
    put64(XSDT + 44, FADT);
    put64(XSDT + 52, HPET);
    finish_table(XSDT, "XSDT", 60);
    memcpy(memory + RSDP, "RSD PTR ", 8);
    memory[RSDP + 15] = 2;
    put32(RSDP + 20, 36);
    put64(RSDP + 24, XSDT);
    sign(RSDP, 20, 8);
    sign(RSDP, 36, 32);
}

static void make_machine(void)
{
    memset(memory, 0, sizeof(memory));
    memset(&acpi, 0, sizeof(acpi));
    memset(&boot_info, 0, sizeof(boot_info));
    make_madt();
    make_fadt();
    make_dsdt();
    memory[HPET + 40] = 0;
    put64(HPET + 44, 0xfed00000);
    finish_table(HPET, "HPET", 56);
    make_root();
    boot_info.rsdp = RSDP;
}

static void test_a_machine(void **state)
{
    (void)state;
    make_machine();
    acpi_init();
    assert_true(acpi.present);
    assert_int_equal(acpi.nr_cpus, 3);
    assert_int_equal(acpi.apic_ids[1], 7);
    assert_int_equal(acpi.apic_ids[2], 256);
    assert_int_equal(acpi.nr_ioapics, 1);
    assert_int_equal(acpi.ioapics[0].address, 0xfec00000);
    assert_int_equal(acpi.nr_overrides, 2);
    assert_int_equal(acpi.overrides[0].gsi, 2);
    assert_false(acpi.overrides[0].level);
    assert_true(acpi.overrides[1].level && acpi.overrides[1].active_low);
    assert_true(acpi.pm_timer.valid && acpi.pm_timer_32bit);
    assert_int_equal(acpi.pm_timer.address, 0x608);
    assert_int_equal(acpi.pm1a_control.address, 0x604);
    assert_false(acpi.pm1b_control.valid);
    assert_true(acpi.reset.valid && !acpi.reset.in_memory);
    assert_int_equal(acpi.reset_value, 0xf);
    assert_int_equal(acpi.century, 0x32);
    assert_false(acpi.no_cmos);
    assert_int_equal(acpi.hpet_address, 0xfed00000);
    assert_true(acpi.has_s5);
    assert_int_equal(acpi.s5_type_a, 5);
    assert_int_equal(acpi.s5_type_b, 1);
}

static void test_extended_fields_win(void **state)
{
    (void)state;
    make_machine();
    memory[FADT + 172] = 1;
    put64(FADT + 176, 0x804);
    put64(FADT + 140, DSDT + 0x400);
    memcpy(memory + DSDT + 0x400, memory + DSDT, 136);
    memory[DSDT + 0x400 + 59] = 3;
    sign(DSDT + 0x400, 136, 9);
    finish_table(FADT, "FACP", 244);
    acpi_init();
    assert_int_equal(acpi.pm1a_control.address, 0x804);
    assert_int_equal(acpi.s5_type_a, 3);
}

static void test_rsdt_of_acpi_1(void **state)
{
    (void)state;
    make_machine();
    memory[RSDP + 15] = 0;
    put32(RSDP + 16, XSDT);
    put32(XSDT + 36, MADT);
    put32(XSDT + 40, FADT);
    finish_table(XSDT, "RSDT", 44);
    sign(RSDP, 20, 8);
    finish_table(FADT, "FACP", 116); // no reset register, no extended fields
    acpi_init();
    assert_int_equal(acpi.nr_cpus, 3);
    assert_false(acpi.reset.valid);
    assert_int_equal(acpi.pm_timer.address, 0x608);
    assert_true(acpi.has_s5);
}

static void test_no_tables(void **state)
{
    (void)state;
    make_machine();
    memory[RSDP + 8]++;
    acpi_init();
    assert_false(acpi.present);
    assert_int_equal(boot_info.rsdp, 0); // no BIOS area in the memory map: not looked for

    make_machine();
    put64(RSDP + 24, ~0UL - 8);
    sign(RSDP, 36, 32);
    acpi_init();
    assert_false(acpi.present);
}

// Without a word from the loader: only where the memory map shows a BIOS.
static void test_bios_area(void **state)
{
    static const uint32_t places[] = {0x9fc10, 0xe0000, 0xfeff0, 0xffff0};

    (void)state;
    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        make_machine();
        memcpy(memory + places[i], memory + RSDP, 36);
        put16(0x40e, 0x9fc0);
        boot_info.rsdp = 0;
        acpi_init();
        assert_false(acpi.present);
        boot_info.regions[0] = (struct mem_region){0xf0000, 0x100000, MEM_RESERVED};
        boot_info.nr_regions = 1;
        acpi_init();
        assert_true(acpi.present);
        assert_int_equal(boot_info.rsdp, places[i]);
    }
}

static void test_bad_checksum_ignores_the_table(void **state)
{
    (void)state;
    make_machine();
    memory[MADT + 50]++;
    acpi_init();
    assert_int_equal(acpi.nr_cpus, 0);
    assert_true(acpi.has_s5);
}

static void test_lengths_that_lie(void **state)
{
    static const uint32_t lengths[] = {0, 35, 0x7fffffff, 0xffffffff, 0x100001};

    (void)state;
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        make_machine();
        put32(MADT + 4, lengths[i]);
        acpi_init();
        assert_int_equal(acpi.nr_cpus, 0);
    }
    make_machine();
    memory[MADT + 44 + 1] = 0; // an entry of no size would never end
    finish_table(MADT, "APIC", 44 + 68);
    acpi_init();
    assert_int_equal(acpi.nr_cpus, 0);
    make_machine();
    memory[MADT + 44 + 8 + 1] = 200; // beyond the table
    finish_table(MADT, "APIC", 44 + 68);
    acpi_init();
    assert_int_equal(acpi.nr_cpus, 1);
}

static void test_many_entries(void **state)
{
    (void)state;
    make_machine();
    for (unsigned i = 0; i < 200; i++) {
        memcpy(memory + MADT + 44 + 12 * i, (uint8_t[]){1, 12}, 2);
        put32(MADT + 44 + 12 * i + 4, 0xfec00000 + 0x1000 * i);
    }
    put16(MADT + 44 + 2400, 0x0800);
    for (unsigned i = 0; i < 100; i++)
        memcpy(memory + MADT + 2444 + 8 * i, (uint8_t[]){0, 8, 0, i, 1, 0, 0, 0}, 8);
    finish_table(MADT, "APIC", 2444 + 800);
    acpi_init();
    assert_int_equal(acpi.nr_ioapics, ACPI_MAX_IOAPICS);
    assert_int_equal(acpi.nr_cpus, MAX_PCPUS);
}

// Soft-off packages cut at the end of the table, in every place.
static void test_s5_at_the_end(void **state)
{
    static const uint8_t s5[] = {0x08, '_', 'S', '5', '_', 0x12, 0xc6, 0, 0, 0, 0x04, 0x0a, 0x05, 0x0a, 0x06};

    (void)state;
    for (unsigned cut = 0; cut <= sizeof(s5); cut++) {
        make_machine();
        memset(memory + DSDT, 0, 200);
        memcpy(memory + DSDT + 136 - cut, s5, cut);
        finish_table(DSDT, "DSDT", 136);
        acpi_init();
        assert_int_equal(acpi.has_s5, cut == sizeof(s5));
    }
}

static void test_noise(void **state)
{
    static const uint32_t tables[] = {XSDT, MADT, FADT, DSDT, HPET};

    (void)state;
    srand(3);
    for (unsigned round = 0; round < 2000; round++) {
        make_machine();
        for (unsigned i = 0; i < 6; i++)
            memory[tables[rand() % 5] + 4 + rand() % 200] = rand();
        for (unsigned i = 0; i < 5; i++) {
            uint32_t length;

            memcpy(&length, memory + tables[i] + 4, 4);
            if (length < 0x1000)
                sign(tables[i], length, 9);
        }
        acpi_init();
        assert_true(acpi.nr_cpus <= MAX_PCPUS && acpi.nr_ioapics <= ACPI_MAX_IOAPICS);
    }
}

static int teardown(void **state)
{
    (void)state;
    free(window);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_machine),        cmocka_unit_test(test_extended_fields_win),
        cmocka_unit_test(test_rsdt_of_acpi_1),   cmocka_unit_test(test_no_tables),
        cmocka_unit_test(test_bios_area),        cmocka_unit_test(test_bad_checksum_ignores_the_table),
        cmocka_unit_test(test_lengths_that_lie), cmocka_unit_test(test_many_entries),
        cmocka_unit_test(test_s5_at_the_end),    cmocka_unit_test(test_noise),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}

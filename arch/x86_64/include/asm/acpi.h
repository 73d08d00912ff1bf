// SPDX-License-Identifier: MIT
// What the hypervisor reads from the firmware's ACPI tables. Everything in them is bounded before it is
// believed, but a table that lies consistently is believed.
#pragma once

#include <hv/cpu.h>
#include <hv/types.h>

#define ACPI_MAX_IOAPICS   8
#define ACPI_MAX_OVERRIDES 32

struct acpi_ioapic {
    maddr_t address;
    uint32_t gsi_base;
};

// An ISA interrupt that is not GSI = IRQ, edge-triggered, active high.
struct acpi_override {
    uint8_t irq;
    uint32_t gsi;
    bool level, active_low;
};

// A register in port or memory space (ACPI generic address structure).
struct acpi_register {
    bool valid, in_memory;
    uint64_t address;      // port, or machine address
    uint8_t bytes;         // access width
    volatile void *mapped; // when in memory
};

struct acpi_info {
    bool present;
    unsigned nr_cpus; // usable or could be made so; beyond MAX_PCPUS they are not counted
    uint32_t apic_ids[MAX_PCPUS];
    unsigned nr_ioapics;
    struct acpi_ioapic ioapics[ACPI_MAX_IOAPICS];
    unsigned nr_overrides;
    struct acpi_override overrides[ACPI_MAX_OVERRIDES];

    struct acpi_register pm_timer, pm1a_control, pm1b_control, reset;
    bool pm_timer_32bit;
    uint8_t reset_value;
    uint16_t smi_command; // port, 0: always in ACPI mode
    uint8_t acpi_enable;  // what to write there
    uint8_t century;      // CMOS register, 0: none
    bool no_cmos;         // the machine has no CMOS clock

    bool has_s5;
    uint8_t s5_type_a, s5_type_b; // SLP_TYP values of soft-off
    maddr_t hpet_address;         // 0: none
};

extern struct acpi_info acpi;

void acpi_init(void); // after mm_init; completes boot_info.rsdp
uint32_t acpi_read(const struct acpi_register *reg);
void acpi_write(const struct acpi_register *reg, uint32_t value);

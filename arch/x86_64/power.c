// SPDX-License-Identifier: MIT
// Leaving the machine: power-off, reset, and what follows a panic.

#include <hv/arch.h>
#include <hv/cmdline.h>
#include <hv/printk.h>

#include <asm/acpi.h>
#include <asm/cpu.h>
#include <asm/io.h>
#include <asm/machine.h>
#include <asm/traps.h>

#define PM1_SCI_ENABLED      (1U << 0)
#define PM1_SLEEP_TYPE_SHIFT 10
#define PM1_SLEEP_TYPE_MASK  (7U << PM1_SLEEP_TYPE_SHIFT)
#define PM1_SLEEP_ENABLE     (1U << 13)

#define KEYBOARD_COMMAND     0x64
#define KEYBOARD_INPUT_FULL  2
#define KEYBOARD_PULSE_RESET 0xfe

// Reads of an I/O port take about a microsecond each.
#define ACPI_ENABLE_WAIT 300000
#define DEVICE_WAIT      50000

static void wait_reads(unsigned count)
{
    while (count--)
        inb(0x80);
}

// The firmware owns the power registers until it is asked for them.
static void enter_acpi_mode(void)
{
    if (!acpi.smi_command || !acpi.acpi_enable || (acpi_read(&acpi.pm1a_control) & PM1_SCI_ENABLED))
        return;
    outb(acpi.smi_command, acpi.acpi_enable);
    for (unsigned i = 0; i < ACPI_ENABLE_WAIT && !(acpi_read(&acpi.pm1a_control) & PM1_SCI_ENABLED); i++)
        arch_cpu_relax();
}

static void sleep(const struct acpi_register *control, uint8_t type)
{
    uint32_t value = acpi_read(control) & ~PM1_SLEEP_TYPE_MASK;

    acpi_write(control, value | (uint32_t)(type & 7) << PM1_SLEEP_TYPE_SHIFT | PM1_SLEEP_ENABLE);
}

void arch_poweroff(void)
{
    if (hv_options.no_power_off)
        log_info("power-off asked for: halted, as the option noreboot wants");
    else if (!acpi.has_s5 || !acpi.pm1a_control.valid)
        log_error("cannot power off: ACPI has no soft-off state (_S5_) here; halted");
    else {
        console_flush();
        enter_acpi_mode();
        sleep(&acpi.pm1a_control, acpi.s5_type_a);
        if (acpi.pm1b_control.valid)
            sleep(&acpi.pm1b_control, acpi.s5_type_b);
        wait_reads(DEVICE_WAIT);
        log_error("the machine did not power off; halted");
    }
    cpu_stop();
}

static void reset_by_keyboard_controller(void)
{
    for (unsigned i = 0; i < DEVICE_WAIT && (inb(KEYBOARD_COMMAND) & KEYBOARD_INPUT_FULL); i++)
        ;
    outb(KEYBOARD_COMMAND, KEYBOARD_PULSE_RESET);
}

static void __attribute__((noreturn)) reset_by_triple_fault(void)
{
    static const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) no_idt;

    asm volatile("lidt %0; ud2" : : "m"(no_idt));
    cpu_stop();
}

static void __attribute__((noreturn)) reset(void)
{
    console_flush();
    if (acpi.reset.valid) {
        acpi_write(&acpi.reset, acpi.reset_value);
        wait_reads(DEVICE_WAIT);
    }
    reset_by_keyboard_controller();
    wait_reads(DEVICE_WAIT);
    reset_by_triple_fault();
}

void arch_reset(void)
{
    if (hv_options.no_power_off) {
        log_info("reset asked for: halted, as the option noreboot wants");
        cpu_stop();
    }
    reset();
}

void arch_panic_halt(void)
{
    static bool dumping;

    // An exception in here leads back here: what was dumped by then has to do.
    if (!dumping) {
        dumping = true;
        dump_state();
    }
    if (hv_options.reboot_on_panic && !hv_options.no_power_off)
        reset();
    cpu_stop();
}

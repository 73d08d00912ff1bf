// SPDX-License-Identifier: MIT
// Any bytes as the machine's memory, with a root pointer at address 16. Checksums are made right as tables
// are mapped: a fuzzer would never guess them.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <hv/boot_info.h>
#include <hv/printk.h>
#include <asm/acpi.h>
#include <asm/machine.h>

#define RSDP        16
#define RSDP_BYTES  36
#define TABLE_SUM   9 // offset of the checksum in a table, and in the root pointer
#define RSDP_SUM    8
#define RSDP_SUM_V2 32

struct boot_info boot_info;

static const uint8_t *memory;
static size_t memory_size;
static uint8_t *window; // exactly as large as asked for, so that ASan sees the rest

static void sign(uint8_t *bytes, size_t size, size_t checksum)
{
    uint8_t sum = 0;

    if (checksum >= size)
        return;
    for (size_t i = 0; i < size; i++)
        sum += bytes[i];
    bytes[checksum] -= sum;
}

const void *map_firmware(maddr_t start, size_t size)
{
    if (start > memory_size || size > memory_size - start)
        return NULL;
    free(window);
    window = malloc(size);
    memcpy(window, memory + start, size);
    if (start == RSDP && size <= RSDP_BYTES) {
        memcpy(window, "RSD PTR ", 8);
        sign(window, 20, RSDP_SUM);
        sign(window, size, RSDP_SUM_V2);
    } else {
        sign(window, size, TABLE_SUM);
    }
    return window;
}

volatile void *map_mmio(maddr_t start, size_t size)
{
    static uint8_t registers[8];

    return size <= sizeof(registers) && start % 2 == 0 ? registers : NULL;
}

void log_line(enum log_level level, const char *fmt, ...)
{
    (void)level, (void)fmt;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memory = data;
    memory_size = size;
    memset(&acpi, 0, sizeof(acpi));
    boot_info.rsdp = RSDP;
    acpi_init();
    if (acpi.nr_cpus > MAX_PCPUS || acpi.nr_ioapics > ACPI_MAX_IOAPICS ||
        acpi.nr_overrides > ACPI_MAX_OVERRIDES)
        abort();
    return 0;
}

// SPDX-License-Identifier: MIT
/*
 * ACPI tables of a PVH guest (ACPI specification 5.0, chapter 5): what libacpi gives Xen's PVH guests, less
 * what only emulated devices need. There is no _S5 object on purpose: a stock kernel then powers off by
 * halting its last CPU, which is how Xen's PVH guests do it.
 */
#include <stddef.h>
#include <string.h>

#include <dom0/builder.h>
#include <dom0/builder_boot.h>

struct acpi_header {
    char signature[4];
    uint32_t length; /* bytes, this header included */
    uint8_t revision;
    uint8_t checksum; /* makes the table's bytes add up to 0 */
    char oem_id[6];
    char oem_table_id[8];
    uint32_t oem_revision;
    char creator_id[4];
    uint32_t creator_revision;
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_header) == 36, "ACPI table header");

struct acpi_rsdp {
    char signature[8];
    uint8_t checksum; /* of the first 20 bytes */
    char oem_id[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt;
    uint8_t extended_checksum;
    uint8_t reserved[3];
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_rsdp) == 36, "RSDP");

struct acpi_xsdt {
    struct acpi_header header;
    uint64_t fadt, madt;
} __attribute__((packed));

/* Generic address structure. */
struct acpi_register {
    uint8_t space; /* 1: I/O ports */
    uint8_t bit_width, bit_offset, access_size;
    uint64_t address;
} __attribute__((packed));

struct acpi_fadt {
    struct acpi_header header;
    uint32_t facs, dsdt;
    uint8_t reserved0, preferred_profile;
    uint16_t sci_interrupt;
    uint32_t smi_command;
    uint8_t acpi_enable, acpi_disable, s4bios_request, pstate_control;
    uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer, gpe0, gpe1;
    uint8_t pm1_event_length, pm1_control_length, pm2_control_length, pm_timer_length, gpe0_length,
        gpe1_length;
    uint8_t gpe1_base, cstate_control;
    uint16_t c2_latency, c3_latency, flush_size, flush_stride;
    uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
    uint16_t boot_flags;
    uint8_t reserved1;
    uint32_t flags;
    struct acpi_register reset_register;
    uint8_t reset_value, reserved2[3];
    uint64_t x_facs, x_dsdt;
    struct acpi_register x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control, x_pm2_control,
        x_pm_timer, x_gpe0, x_gpe1, sleep_control, sleep_status;
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_fadt) == 268, "FADT revision 5");

/* FADT flags */
#define FADT_WBINVD       (1u << 0)
#define FADT_PROC_C1      (1u << 2)
#define FADT_PWR_BUTTON   (1u << 4) /* no fixed power button */
#define FADT_SLP_BUTTON   (1u << 5) /* no fixed sleep button */
#define FADT_FIX_RTC      (1u << 6)
#define FADT_TMR_VAL_EXT  (1u << 8)
#define FADT_PLATFORM_CLK (1u << 15)
/* FADT boot flags */
#define FADT_NO_VGA      (1u << 2)
#define FADT_NO_CMOS_RTC (1u << 5)

#define PM1A_EVENT_PORT   0xb000u
#define PM1A_CONTROL_PORT 0xb004u

struct acpi_facs {
    char signature[4];
    uint32_t length, hardware_signature, waking_vector, global_lock, flags;
    uint64_t x_waking_vector;
    uint8_t version, reserved[31];
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_facs) == 64, "FACS");

struct acpi_lapic {
    uint8_t type, length; /* 0: processor local APIC */
    uint8_t processor, apic_id;
    uint32_t flags; /* bit 0: enabled */
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_lapic) == 8, "MADT local APIC entry");

struct acpi_madt {
    struct acpi_header header;
    uint32_t lapic_address, flags; /* flags 0: there are no 8259s */
    struct acpi_lapic lapics[BUILDER_MAX_VCPUS];
} __attribute__((packed));

struct acpi_dsdt {
    struct acpi_header header;
    uint8_t aml[7];
} __attribute__((packed));

/* The page at GUEST_ACPI_BASE. The specification wants the RSDP at 16 and the FACS at 64 bytes' alignment. */
struct acpi_page {
    struct acpi_rsdp rsdp __attribute__((aligned(64)));
    struct acpi_xsdt xsdt __attribute__((aligned(64)));
    struct acpi_facs facs __attribute__((aligned(64)));
    struct acpi_fadt fadt __attribute__((aligned(64)));
    struct acpi_dsdt dsdt __attribute__((aligned(64)));
    struct acpi_madt madt __attribute__((aligned(64)));
};
_Static_assert(sizeof(struct acpi_page) <= GUEST_ACPI_PAGES * GUEST_PAGE_SIZE,
               "the tables fit into their page");

#define ADDRESS_OF(table) (GUEST_ACPI_BASE + offsetof(struct acpi_page, table))

static uint8_t checksum(const void *data, size_t size)
{
    const uint8_t *at = data;
    uint8_t sum = 0;

    while (size--)
        sum += *at++;
    return (uint8_t)-sum;
}

static void finish(struct acpi_header *header, const char *signature, uint8_t revision, uint32_t length)
{
    memcpy(header->signature, signature, 4);
    header->length = length;
    header->revision = revision;
    memcpy(header->oem_id, "Xen\0\0", 6);
    memcpy(header->oem_table_id, "HVM\0\0\0\0", 8);
    memcpy(header->creator_id, "PXN", 4);
    header->checksum = 0;
    header->checksum = checksum(header, length);
}

static void build_rsdp(struct acpi_rsdp *rsdp)
{
    memcpy(rsdp->signature, "RSD PTR ", 8);
    memcpy(rsdp->oem_id, "Xen\0\0", 6);
    rsdp->revision = 2;
    rsdp->length = sizeof(*rsdp);
    rsdp->xsdt = ADDRESS_OF(xsdt);
    rsdp->checksum = checksum(rsdp, 20);
    rsdp->extended_checksum = checksum(rsdp, sizeof(*rsdp));
}

static void build_fadt(struct acpi_fadt *fadt)
{
    fadt->facs = (uint32_t)ADDRESS_OF(facs);
    fadt->x_facs = ADDRESS_OF(facs);
    fadt->dsdt = (uint32_t)ADDRESS_OF(dsdt);
    fadt->x_dsdt = ADDRESS_OF(dsdt);
    fadt->sci_interrupt = 9;
    /* Nothing answers at these ports, but a FADT without them is only legal as "hardware-reduced". */
    fadt->pm1a_event = PM1A_EVENT_PORT;
    fadt->pm1_event_length = 4;
    fadt->x_pm1a_event = (struct acpi_register){.space = 1, .bit_width = 32, .address = PM1A_EVENT_PORT};
    fadt->pm1a_control = PM1A_CONTROL_PORT;
    fadt->pm1_control_length = 2;
    fadt->x_pm1a_control = (struct acpi_register){.space = 1, .bit_width = 16, .address = PM1A_CONTROL_PORT};
    fadt->c2_latency = fadt->c3_latency = 0x0fff; /* too long to be used: no C2, no C3 */
    fadt->boot_flags = FADT_NO_VGA | FADT_NO_CMOS_RTC;
    fadt->flags = FADT_WBINVD | FADT_PROC_C1 | FADT_PWR_BUTTON | FADT_SLP_BUTTON | FADT_FIX_RTC |
                  FADT_TMR_VAL_EXT | FADT_PLATFORM_CLK;
    finish(&fadt->header, "FACP", 5, sizeof(*fadt));
}

static void build_madt(struct acpi_madt *madt, unsigned int vcpus, unsigned int max_vcpus)
{
    madt->lapic_address = 0xfee00000;
    for (unsigned int i = 0; i < max_vcpus; i++)
        madt->lapics[i] = (struct acpi_lapic){
            .type = 0,
            .length = sizeof(struct acpi_lapic),
            .processor = (uint8_t)i,
            .apic_id = (uint8_t)(2 * i),
            .flags = i < vcpus,
        };
    finish(&madt->header, "APIC", 4,
           (uint32_t)(offsetof(struct acpi_madt, lapics) + max_vcpus * sizeof(struct acpi_lapic)));
}

static void build_dsdt(struct acpi_dsdt *dsdt)
{
    /* Scope (\_SB) {}: opcode, package length, name */
    static const uint8_t aml[] = {0x10, 0x06, '\\', '_', 'S', 'B', '_'};

    memcpy(dsdt->aml, aml, sizeof(dsdt->aml));
    finish(&dsdt->header, "DSDT", 2, sizeof(*dsdt));
}

size_t acpi_build(uint8_t page[GUEST_PAGE_SIZE], unsigned int vcpus, unsigned int max_vcpus)
{
    struct acpi_page tables = {0};

    build_rsdp(&tables.rsdp);
    tables.xsdt.fadt = ADDRESS_OF(fadt);
    tables.xsdt.madt = ADDRESS_OF(madt);
    finish(&tables.xsdt.header, "XSDT", 1, sizeof(tables.xsdt));
    memcpy(tables.facs.signature, "FACS", 4);
    tables.facs.length = sizeof(tables.facs);
    tables.facs.version = 1;
    build_fadt(&tables.fadt);
    build_dsdt(&tables.dsdt);
    build_madt(&tables.madt, vcpus, max_vcpus);
    memcpy(page, &tables, sizeof(tables));
    return offsetof(struct acpi_page, madt) + tables.madt.header.length;
}

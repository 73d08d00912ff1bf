// SPDX-License-Identifier: MIT
// ACPI tables (ACPI specification 6.4, chapter 5): root pointer, MADT, FADT, HPET, and the soft-off values of
// the DSDT. Tables are read through the firmware window, one at a time.

#include <hv/boot_info.h>
#include <hv/printk.h>
#include <hv/string.h>

#include <asm/acpi.h>
#include <asm/io.h>
#include <asm/machine.h>

#define MAX_TABLES      64
#define MAX_TABLE_BYTES (1U << 20)
#define HEADER_BYTES    36

struct acpi_info acpi;

static uint16_t get16(const uint8_t *p)
{
    return p[0] | p[1] << 8;
}

static uint32_t get32(const uint8_t *p)
{
    return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p)
{
    return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static bool checksum_ok(const uint8_t *bytes, size_t n)
{
    uint8_t sum = 0;

    while (n--)
        sum += *bytes++;
    return sum == 0;
}

// --- root pointer ---

#define RSDP_BYTES 20 // of ACPI 1.0; the extended part has a checksum of its own

static bool is_rsdp(const uint8_t *bytes)
{
    return memcmp(bytes, "RSD PTR ", 8) == 0 && checksum_ok(bytes, RSDP_BYTES);
}

// [start, end) are page boundaries; the structure is 16-byte aligned.
static maddr_t scan_for_rsdp(maddr_t start, maddr_t end)
{
    for (maddr_t at = start; at < end; at += PAGE_SIZE) {
        const uint8_t *page = map_firmware(at, PAGE_SIZE + RSDP_BYTES);

        for (unsigned i = 0; page && i < PAGE_SIZE; i += 16)
            if (is_rsdp(page + i))
                return at + i;
    }
    return 0;
}

// On UEFI machines there is no BIOS area, and what lies at its addresses means nothing.
static bool has_bios_area(void)
{
    for (unsigned i = 0; i < boot_info.nr_regions; i++) {
        const struct mem_region *r = &boot_info.regions[i];

        if (r->type == MEM_RESERVED && r->start <= 0xf0000 && r->end >= 0x100000)
            return true;
    }
    return false;
}

static maddr_t find_rsdp(void)
{
    const uint8_t *told = boot_info.rsdp ? map_firmware(boot_info.rsdp, RSDP_BYTES) : NULL;

    if (told && is_rsdp(told))
        return boot_info.rsdp;
    if (!has_bios_area())
        return 0;
    const uint8_t *bios_data = map_firmware(0x40e, 2);
    maddr_t ebda = bios_data ? (maddr_t)get16(bios_data) << 4 : 0, found = 0;
    if (ebda >= 0x80000 && ebda < 0xa0000)
        found = scan_for_rsdp(ALIGN_DOWN(ebda, PAGE_SIZE), MIN(ALIGN_UP(ebda + 1024, PAGE_SIZE), 0xa0000UL));
    return found ? found : scan_for_rsdp(0xe0000, 0x100000);
}

// --- tables ---

// The whole table at `address`, if its length is sensible and its checksum right.
static const uint8_t *map_table(maddr_t address, uint32_t *length)
{
    const uint8_t *table = address ? map_firmware(address, HEADER_BYTES) : NULL;

    if (!table)
        return NULL;
    *length = get32(table + 4);
    if (*length < HEADER_BYTES || *length > MAX_TABLE_BYTES)
        return NULL;
    table = map_firmware(address, *length);
    return table && checksum_ok(table, *length) ? table : NULL;
}

// Copies the table addresses out of the root table; returns how many.
static unsigned read_root(maddr_t rsdp_address, maddr_t *tables)
{
    const uint8_t *rsdp = map_firmware(rsdp_address, HEADER_BYTES);
    unsigned count = 0;
    uint32_t length;

    if (!rsdp)
        return 0;
    bool extended = rsdp[15] >= 2 && checksum_ok(rsdp, HEADER_BYTES) && get64(rsdp + 24);
    unsigned entry = extended ? 8 : 4;
    const uint8_t *root = map_table(extended ? get64(rsdp + 24) : get32(rsdp + 16), &length);
    if (!root)
        return 0;
    for (uint32_t at = HEADER_BYTES; length - at >= entry && count < MAX_TABLES; at += entry)
        tables[count++] = extended ? get64(root + at) : get32(root + at);
    return count;
}

// --- MADT ---

enum madt_type { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_X2APIC = 9 };

static void add_cpu(uint32_t id, uint32_t flags)
{
    if ((flags & 3) && acpi.nr_cpus < MAX_PCPUS) // enabled, or may be brought online
        acpi.apic_ids[acpi.nr_cpus++] = id;
}

static void add_override(const uint8_t *entry)
{
    uint16_t flags = get16(entry + 8); // bits 0-1: polarity, 3 is active low; bits 2-3: trigger, 3 is level

    if (acpi.nr_overrides == ACPI_MAX_OVERRIDES)
        return;
    acpi.overrides[acpi.nr_overrides++] = (struct acpi_override){.irq = entry[3],
                                                                 .gsi = get32(entry + 4),
                                                                 .level = (flags >> 2 & 3) == 3,
                                                                 .active_low = (flags & 3) == 3};
}

static void read_madt_entry(const uint8_t *entry, uint8_t length)
{
    switch (entry[0]) {
    case MADT_LAPIC:
        if (length >= 8)
            add_cpu(entry[3], get32(entry + 4));
        break;
    case MADT_X2APIC:
        if (length >= 16)
            add_cpu(get32(entry + 4), get32(entry + 8));
        break;
    case MADT_IOAPIC:
        if (length >= 12 && acpi.nr_ioapics < ACPI_MAX_IOAPICS)
            acpi.ioapics[acpi.nr_ioapics++] = (struct acpi_ioapic){get32(entry + 4), get32(entry + 8)};
        break;
    case MADT_OVERRIDE:
        if (length >= 10)
            add_override(entry);
        break;
    }
}

static void read_madt(const uint8_t *madt, uint32_t length)
{
    for (uint32_t at = 44; at < length && length - at >= 2;) {
        uint8_t size = madt[at + 1];

        if (size < 2 || size > length - at)
            return;
        read_madt_entry(madt + at, size);
        at += size;
    }
}

// --- FADT ---

// A generic address structure: space, bit width, bit offset, access size, address.
static struct acpi_register read_gas(const uint8_t *gas, uint8_t bytes)
{
    return (struct acpi_register){.valid = get64(gas + 4) && gas[0] <= 1,
                                  .in_memory = gas[0] == 0,
                                  .address = get64(gas + 4),
                                  .bytes = bytes};
}

// The extended field if the table reaches that far and holds an address, else the old one, a port.
static struct acpi_register read_register(const uint8_t *fadt, uint32_t length, unsigned x_offset,
                                          unsigned offset, uint8_t bytes)
{
    struct acpi_register reg = {.valid = false};

    if (length >= x_offset + 12)
        reg = read_gas(fadt + x_offset, bytes);
    if (!reg.valid && length >= offset + 4 && get32(fadt + offset))
        reg = (struct acpi_register){.valid = true, .address = get32(fadt + offset), .bytes = bytes};
    return reg;
}

#define BOOT_ARCH_NO_CMOS (1U << 5)

// Returns the address of the DSDT.
static maddr_t read_fadt(const uint8_t *fadt, uint32_t length)
{
    uint32_t flags;

    if (length < 116)
        return 0;
    flags = get32(fadt + 112);
    acpi.smi_command = get32(fadt + 48);
    acpi.acpi_enable = fadt[52];
    acpi.century = fadt[108];
    acpi.no_cmos = get16(fadt + 109) & BOOT_ARCH_NO_CMOS;
    acpi.pm1a_control = read_register(fadt, length, 172, 64, 2);
    acpi.pm1b_control = read_register(fadt, length, 184, 68, 2);
    acpi.pm_timer = read_register(fadt, length, 208, 76, 4);
    acpi.pm_timer_32bit = flags >> 8 & 1;
    if (length >= 129 && (flags >> 10 & 1)) {
        acpi.reset = read_gas(fadt + 116, 1);
        acpi.reset_value = fadt[128];
    }
    return length >= 148 && get64(fadt + 140) ? get64(fadt + 140) : get32(fadt + 40);
}

// --- DSDT ---

// One integer of an AML package: a prefixed byte or word, or one of the constants zero and one.
static bool aml_integer(const uint8_t **at, const uint8_t *end, uint8_t *value)
{
    const uint8_t *p = *at;

    if (p < end && *p <= 1) { // ZeroOp, OneOp
        *value = *p;
        *at = p + 1;
        return true;
    }
    if (end - p >= 2 && *p == 0x0a) { // BytePrefix
        *value = p[1];
        *at = p + 2;
        return true;
    }
    return false;
}

// At the name: NameOp "_S5_" PackageOp PkgLength NumElements SLP_TYPa SLP_TYPb ...
static bool parse_s5(const uint8_t *name, const uint8_t *end)
{
    const uint8_t *p = name + 4;

    if (end - p < 4 || *p++ != 0x12) // PackageOp
        return false;
    p += 1 + (*p >> 6); // PkgLength: the top bits tell how many more bytes it has
    p++;                // NumElements
    return p < end && aml_integer(&p, end, &acpi.s5_type_a) && aml_integer(&p, end, &acpi.s5_type_b);
}

static void read_dsdt(maddr_t address)
{
    uint32_t length;
    const uint8_t *dsdt = map_table(address, &length);

    if (!dsdt)
        return;
    for (uint32_t i = HEADER_BYTES + 1; i + 4 <= length && !acpi.has_s5; i++)
        if (memcmp(dsdt + i, "_S5_", 4) == 0 && (dsdt[i - 1] == 0x08 || dsdt[i - 1] == '\\'))
            acpi.has_s5 = parse_s5(dsdt + i, dsdt + length);
}

// --- HPET ---

static void read_hpet(const uint8_t *hpet, uint32_t length)
{
    struct acpi_register base = {.valid = false};

    if (length >= 56)
        base = read_gas(hpet + 40, 4);
    if (base.valid && base.in_memory)
        acpi.hpet_address = base.address;
}

// --- registers ---

// Registers are used in panics too, when nothing may be mapped any more.
static void map_register(struct acpi_register *reg)
{
    if (reg->valid && reg->in_memory) {
        reg->mapped = map_mmio(reg->address, reg->bytes);
        reg->valid = reg->mapped;
    }
}

uint32_t acpi_read(const struct acpi_register *reg)
{
    if (reg->in_memory)
        return reg->bytes == 1 ? *(volatile uint8_t *)reg->mapped : mmio_read32(reg->mapped, 0);
    switch (reg->bytes) {
    case 1: return inb(reg->address);
    case 2: return inw(reg->address);
    default: return inl(reg->address);
    }
}

void acpi_write(const struct acpi_register *reg, uint32_t value)
{
    if (reg->in_memory) {
        if (reg->bytes == 1)
            *(volatile uint8_t *)reg->mapped = value;
        else
            mmio_write32(reg->mapped, 0, value);
        return;
    }
    switch (reg->bytes) {
    case 1: outb(reg->address, value); break;
    case 2: outw(reg->address, value); break;
    default: outl(reg->address, value); break;
    }
}

void acpi_init(void)
{
    maddr_t tables[MAX_TABLES], dsdt = 0;
    unsigned count;

    boot_info.rsdp = find_rsdp();
    count = boot_info.rsdp ? read_root(boot_info.rsdp, tables) : 0;
    acpi.present = count > 0;
    for (unsigned i = 0; i < count; i++) {
        uint32_t length;
        const uint8_t *table = map_table(tables[i], &length);

        if (!table)
            log_warning("ACPI table at %lx is malformed: ignored", tables[i]);
        else if (memcmp(table, "APIC", 4) == 0)
            read_madt(table, length);
        else if (memcmp(table, "FACP", 4) == 0)
            dsdt = read_fadt(table, length);
        else if (memcmp(table, "HPET", 4) == 0)
            read_hpet(table, length);
    }
    if (dsdt)
        read_dsdt(dsdt);
    map_register(&acpi.pm_timer);
    map_register(&acpi.pm1a_control);
    map_register(&acpi.pm1b_control);
    map_register(&acpi.reset);
}

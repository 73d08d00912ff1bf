// SPDX-License-Identifier: MIT
// I/O APICs: one redirection entry per global system interrupt. Lines are delivered to the boot cpu at
// GSI_VECTOR_BASE + GSI, with the trigger and polarity of the MADT: ISA interrupts are edge-triggered and
// active high unless an override says otherwise, the others are PCI's, level-triggered and active low.

#include <hv/printk.h>

#include <asm/acpi.h>
#include <asm/apic.h>
#include <asm/io.h>
#include <asm/machine.h>

#define REG_VERSION     1
#define REG_REDIRECTION 0x10 // two registers per line

#define REDIRECTION_ACTIVE_LOW (1U << 13)
#define REDIRECTION_LEVEL      (1U << 15)
#define REDIRECTION_MASKED     (1U << 16)

#define NR_ISA_IRQS 16

#define PIC_MASTER      0x20
#define PIC_SLAVE       0xa0
#define PIC_VECTOR_BASE 0x20 // where a stray interrupt of theirs would go

struct ioapic {
    volatile void *registers;
    unsigned gsi_base, lines;
};

static struct ioapic ioapics[ACPI_MAX_IOAPICS];
static unsigned nr_ioapics;

// Select register at 0, data register at 16.
static uint32_t ioapic_read(const struct ioapic *ioapic, uint8_t reg)
{
    mmio_write32(ioapic->registers, 0, reg);
    return mmio_read32(ioapic->registers, 16);
}

static void ioapic_write(const struct ioapic *ioapic, uint8_t reg, uint32_t value)
{
    mmio_write32(ioapic->registers, 0, reg);
    mmio_write32(ioapic->registers, 16, value);
}

static const struct ioapic *ioapic_of(unsigned gsi)
{
    for (unsigned i = 0; i < nr_ioapics; i++)
        if (gsi >= ioapics[i].gsi_base && gsi - ioapics[i].gsi_base < ioapics[i].lines)
            return &ioapics[i];
    return NULL;
}

static struct acpi_override line_properties(unsigned gsi)
{
    bool isa = gsi < NR_ISA_IRQS;

    for (unsigned i = 0; i < acpi.nr_overrides; i++)
        if (acpi.overrides[i].gsi == gsi)
            return acpi.overrides[i];
    return (struct acpi_override){.irq = gsi, .gsi = gsi, .level = !isa, .active_low = !isa};
}

static uint32_t redirection_of(unsigned gsi)
{
    struct acpi_override line = line_properties(gsi);

    return (GSI_VECTOR_BASE + gsi) | (line.level ? REDIRECTION_LEVEL : 0) |
           (line.active_low ? REDIRECTION_ACTIVE_LOW : 0);
}

static void init_lines(const struct ioapic *ioapic)
{
    for (unsigned i = 0; i < ioapic->lines; i++) {
        ioapic_write(ioapic, REG_REDIRECTION + 2 * i, REDIRECTION_MASKED);
        ioapic_write(ioapic, REG_REDIRECTION + 2 * i + 1, apic_id() << 24);
    }
}

// Remapped away from the exceptions, then masked: a masked 8259 can still raise its spurious interrupt. To be
// done while the local APIC still listens to them: what they have raised is only withdrawn where it was
// accepted.
void pic_disable(void)
{
    static const uint16_t bases[] = {PIC_MASTER, PIC_SLAVE};

    for (unsigned i = 0; i < ARRAY_SIZE(bases); i++) {
        outb(bases[i], 0x11);                        // ICW1: edge, cascade, ICW4 follows
        outb(bases[i] + 1, PIC_VECTOR_BASE + 8 * i); // ICW2
        outb(bases[i] + 1, i == 0 ? 1 << 2 : 2);     // ICW3: the slave is on line 2
        outb(bases[i] + 1, 1);                       // ICW4: 8086 mode
        outb(bases[i] + 1, 0xff);
        reserve_ports(bases[i], 2);
    }
}

void ioapic_init(void)
{
    for (unsigned i = 0; i < acpi.nr_ioapics; i++) {
        struct ioapic *ioapic = &ioapics[nr_ioapics];

        *ioapic = (struct ioapic){map_mmio(acpi.ioapics[i].address, 32), acpi.ioapics[i].gsi_base, 0};
        if (!ioapic->registers)
            panic("no room to map the I/O APIC at %lx", acpi.ioapics[i].address);
        ioapic->lines = (ioapic_read(ioapic, REG_VERSION) >> 16 & 0xff) + 1;
        if (ioapic->lines > 120) { // more than the register file holds: nothing is there
            log_warning("no I/O APIC answers at %lx", acpi.ioapics[i].address);
            continue;
        }
        init_lines(ioapic);
        nr_ioapics++;
        log_info("I/O APIC: GSIs %u to %u", ioapic->gsi_base, ioapic->gsi_base + ioapic->lines - 1);
    }
    if (nr_ioapics == 0)
        log_warning("no I/O APIC: devices cannot interrupt");
}

bool ioapic_is_edge(unsigned gsi)
{
    return gsi < NR_GSIS && ioapic_of(gsi) && !line_properties(gsi).level;
}

void ioapic_set_mask(unsigned gsi, bool masked)
{
    const struct ioapic *ioapic = ioapic_of(gsi);

    if (ioapic && gsi < NR_GSIS)
        ioapic_write(ioapic, REG_REDIRECTION + 2 * (gsi - ioapic->gsi_base),
                     redirection_of(gsi) | (masked ? REDIRECTION_MASKED : 0));
}

unsigned isa_irq_gsi(unsigned irq)
{
    for (unsigned i = 0; i < acpi.nr_overrides; i++)
        if (acpi.overrides[i].irq == irq)
            return acpi.overrides[i].gsi;
    return irq;
}

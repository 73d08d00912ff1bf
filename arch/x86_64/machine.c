// SPDX-License-Identifier: MIT
// The machine as the core sees it: bringing its parts up in order, interrupts for the hardware domain,
// figures for sysctl.

#include <hv/arch.h>
#include <hv/printk.h>

#include <asm/acpi.h>
#include <asm/apic.h>
#include <asm/cpu.h>
#include <asm/hvm/hvm.h>
#include <asm/hvm/virt_ops.h>
#include <asm/machine.h>
#include <asm/speculation.h>
#include <asm/time.h>

#define MAX_RESERVED_PORTS 24

// --- ports ---

static struct {
    uint16_t first, count;
} reserved_ports[MAX_RESERVED_PORTS];
static unsigned nr_reserved_ports;

void reserve_ports(uint16_t first, unsigned count)
{
    if (nr_reserved_ports == MAX_RESERVED_PORTS)
        panic("more than %u ranges of ports are the hypervisor's own", MAX_RESERVED_PORTS);
    reserved_ports[nr_reserved_ports].first = first;
    reserved_ports[nr_reserved_ports++].count = count;
}

bool arch_port_reserved(uint16_t port)
{
    for (unsigned i = 0; i < nr_reserved_ports; i++)
        if (port >= reserved_ports[i].first && port - reserved_ports[i].first < reserved_ports[i].count)
            return true;
    return false;
}

static void reserve_register(const struct acpi_register *reg)
{
    if (reg->valid && !reg->in_memory)
        reserve_ports(reg->address, reg->bytes);
}

// A domain asks the hypervisor to power off. The reset register is not kept: on PCs it is port 0xcf9, in the
// middle of the register that selects PCI configuration space.
static void reserve_power_ports(void)
{
    reserve_register(&acpi.pm1a_control);
    reserve_register(&acpi.pm1b_control);
    if (acpi.smi_command)
        reserve_ports(acpi.smi_command, 1);
}

// --- start ---

static void log_memory_map(void)
{
    static const char *const names[] = {[MEM_RAM] = "RAM",
                                        [MEM_RESERVED] = "reserved",
                                        [MEM_ACPI] = "ACPI",
                                        [MEM_NVS] = "NVS",
                                        [MEM_UNUSABLE] = "unusable"};

    for (unsigned i = 0; i < boot_info.nr_regions; i++) {
        const struct mem_region *r = &boot_info.regions[i];

        log_debug("memory %012lx to %012lx %s", r->start, r->end, names[r->type]);
    }
    log_debug("image at %lx to %lx", mm_image_start(), mm_image_end());
    for (unsigned i = 0; i < boot_info.nr_modules; i++) {
        const struct boot_module *m = &boot_info.modules[i];

        log_debug("module %u at %lx, %lu KiB: %s", i, m->start, m->size >> 10, m->cmdline);
    }
}

static void log_machine(void)
{
    log_info("CPU: %s, family %02xh model %02xh stepping %u, %u-bit machine addresses",
             host_cpu.brand[0] ? host_cpu.brand : host_cpu.vendor, host_cpu.family, host_cpu.model,
             host_cpu.stepping, host_cpu.phys_bits);
    log_info("speculation: %s", speculation_report());
    if (acpi.present)
        log_info("ACPI: %u cpus (1 is used), %u I/O APICs, %s power-off, %s reset register", acpi.nr_cpus,
                 acpi.nr_ioapics, acpi.has_s5 ? "has" : "no", acpi.reset.valid ? "has" : "no");
    else
        log_warning("no ACPI tables: power-off and device interrupts will not work");
}

void arch_init_machine(void)
{
    acpi_init();
    log_memory_map();
    log_machine();
    pic_disable();
    apic_init();
    this_cpu()->apic_id = apic_id();
    ioapic_init();
    time_init();
    reserve_power_ports();
    console_init_interrupts();
    hvm_init();
}

// --- interrupts ---

void arch_irq_window(void)
{
    asm volatile("sti; nop; cli"
                 :
                 :
                 : "memory"); // STI lets interrupts in behind the instruction that follows it
}

void arch_kick_cpu(unsigned cpu)
{
    apic_send_ipi(cpus[cpu]->apic_id, KICK_VECTOR);
}

bool arch_gsi_available(unsigned gsi)
{
    return ioapic_is_edge(gsi) && !console_owns_gsi(gsi);
}

void arch_gsi_mask(unsigned gsi, bool masked)
{
    ioapic_set_mask(gsi, masked);
}

// --- figures ---

void arch_machine_info(struct arch_machine_info *info)
{
    *info = (struct arch_machine_info){.nr_cpus = nr_cpus,
                                       .threads_per_core = 1,
                                       .cores_per_socket = nr_cpus,
                                       .cpu_khz = arch_clock.tsc_khz};
    for (unsigned i = 0; i < ARRAY_SIZE(info->hw_cap); i++)
        info->hw_cap[i] = host_cpu.features[i];
    info->hvm = info->hap = true; // hvm_init() would not have returned
    info->virt_name = virt_ops->name;
    info->speculation = speculation_report();
}

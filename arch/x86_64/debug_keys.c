// SPDX-License-Identifier: MIT
// What `xl debug-keys` writes to the log: a letter asks for a report.

#include <hv/arch.h>
#include <hv/printk.h>

#include <asm/cpu.h>
#include <asm/hvm/asid.h>
#include <asm/hvm/virt_ops.h>
#include <asm/x86_defs.h>

// The registers that guests have too: none of a guest's values may be left in the first ones while the
// hypervisor runs. The others it does not use; they are those of the vcpu that asks.
static void dump_host_registers(void)
{
    uint64_t dr7;

    asm volatile("mov %%db7, %0" : "=r"(dr7));
    log_info("host: cr0 %lx cr4 %lx efer %lx pat %lx dr7 %lx", read_cr0(), read_cr4(), rdmsr(MSR_EFER),
             rdmsr(MSR_PAT), dr7);
    log_info("host: sysenter %lx %lx %lx gs %lx", rdmsr(MSR_SYSENTER_CS), rdmsr(MSR_SYSENTER_ESP),
             rdmsr(MSR_SYSENTER_EIP), rdmsr(MSR_GS_BASE));
    log_info("loaded: star %lx lstar %lx cstar %lx sfmask %lx kernel_gs %lx", rdmsr(MSR_STAR),
             rdmsr(MSR_LSTAR), rdmsr(MSR_CSTAR), rdmsr(MSR_SFMASK), rdmsr(MSR_KERNEL_GS_BASE));
}

static void dump_virtualisation(void)
{
    log_info("%s: %lu TLB flushes for changed memory or another cpu, %lu for used identifiers",
             virt_ops->name, tlb_flushes(TLB_FLUSH_TABLES), tlb_flushes(TLB_FLUSH_IDENTIFIER));
}

static void dump_keys(void);

static const struct {
    char key;
    void (*report)(void);
    const char *what;
} keys[] = {
    {'d', dump_host_registers, "the host's registers"},
    {'h', dump_keys, "these keys"},
    {'v', dump_virtualisation, "hardware virtualisation"},
};

static void dump_keys(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
        log_info("key %c: %s", keys[i].key, keys[i].what);
}

void arch_debug_key(char key)
{
    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
        if (keys[i].key == key) {
            keys[i].report();
            return;
        }
    }
    log_info("debug key %02x: there is none, h lists them", (uint8_t)key);
}

// SPDX-License-Identifier: MIT
// From the first 64-bit instruction to the core: exceptions are caught, the loader's tables become boot_info,
// the final page tables replace those of boot.S, and hv_start() is called on a guarded stack.

#include <hv/arch.h>
#include <hv/boot_info.h>
#include <hv/cmdline.h>
#include <hv/printk.h>
#include <hv/string.h>

#include <asm/cpu.h>
#include <asm/layout.h>
#include <asm/machine.h>
#include <asm/multiboot.h>
#include <asm/percpu.h>
#include <asm/speculation.h>
#include <asm/time.h>
#include <asm/x86_defs.h>

#define BOOT_MAP_SIZE (4UL << 30) // what boot.S maps, at DIRECT_BASE too
#define RSDP_SIZE     36

struct boot_info boot_info;
uint32_t boot_cr4; // as the boot loader left it: boot.S

void x86_boot(uint32_t magic, uint32_t info_address) __attribute__((noreturn)); // from boot.S

// The loader's copy of the RSDP lies in RAM that may be wanted for other things, dom0's image among them. It
// gets a page of its own, which counts as the firmware's from here on.
static void move_rsdp(void)
{
    maddr_t page = boot_mem_alloc(PAGE_SIZE, PAGE_SIZE, BOOT_MAP_SIZE);

    if (!page)
        panic("no memory below 4 GiB for the ACPI root pointer");
    memcpy((char *)DIRECT_BASE + page, (char *)DIRECT_BASE + boot_info.rsdp, RSDP_SIZE);
    memory_map_add(&boot_info, page, page + PAGE_SIZE, MEM_ACPI);
    boot_info.rsdp = page;
}

static void reserve_boot_memory(void)
{
    boot_mem_init(&boot_info);
    boot_mem_reserve(mm_image_start(), mm_image_end());
    for (unsigned i = 0; i < boot_info.nr_modules; i++)
        boot_mem_reserve(boot_info.modules[i].start, boot_info.modules[i].start + boot_info.modules[i].size);
    if (boot_info.rsdp)
        boot_mem_reserve(boot_info.rsdp, boot_info.rsdp + RSDP_SIZE);
}

static void on_final_tables(void)
{
    desc_set_stacks(&boot_percpu);
    console_remap();
    hv_start();
}

void x86_boot(uint32_t magic, uint32_t info_address)
{
    const struct boot_memory mem = {(const uint8_t *)DIRECT_BASE, BOOT_MAP_SIZE};
    struct boot_screen screen;

    time_mark_start();
    percpu_init(&boot_percpu, 0);
    percpu_load(&boot_percpu);
    desc_init_idt();
    desc_load(&boot_percpu);
    cpu_identify();

    const char *error = multiboot_parse(&mem, magic, info_address, &boot_info, &screen);
    cmdline_parse(boot_info.cmdline);
    console_init(&screen);
    if (error)
        panic("boot loader: %s", error);
    if (boot_cr4 & CR4_LA57)
        log_warning(
            "the firmware left 5-level paging on (CR4.LA57): it is off now, and addresses have 48 bits");

    reserve_boot_memory();
    if (boot_info.rsdp) {
        move_rsdp();
        reserve_boot_memory(); // afresh, as the memory map is another
    }
    cpu_init_control();
    speculation_init();
    mm_init();
    mm_switch(on_final_tables);
}

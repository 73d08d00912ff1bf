// SPDX-License-Identifier: MIT
/*
 * The guest's memory map and its hvm_start_info (public header arch-x86/hvm/start_info.h), version 1.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <dom0/builder_boot.h>

_Static_assert(sizeof(struct hvm_start_info) == 56, "start_info version 1");
_Static_assert(sizeof(struct hvm_modlist_entry) == 32, "module list entry");
_Static_assert(sizeof(struct hvm_memmap_table_entry) == 24, "memory map entry");

/* Everything but the command line, which follows. */
struct start_info_block {
    struct hvm_start_info info;
    struct hvm_modlist_entry module;
    struct hvm_memmap_table_entry map[BOOT_MAP_ENTRIES];
    char cmdline[];
};

void boot_place_ram(struct guest_memory *memory, uint64_t memory_bytes)
{
    memory->low_end = memory_bytes < GUEST_LOW_RAM_MAX ? memory_bytes : GUEST_LOW_RAM_MAX;
    memory->high_end = memory_bytes > GUEST_LOW_RAM_MAX ? GUEST_4GIB + (memory_bytes - GUEST_LOW_RAM_MAX) : 0;
}

unsigned int boot_memory_map(const struct guest_memory *memory, struct hvm_memmap_table_entry *map)
{
    unsigned int n = 0;

    map[n++] =
        (struct hvm_memmap_table_entry){.addr = 0, .size = memory->low_end, .type = XEN_HVM_MEMMAP_TYPE_RAM};
    map[n++] = (struct hvm_memmap_table_entry){.addr = GUEST_ACPI_BASE,
                                               .size = GUEST_ACPI_PAGES * GUEST_PAGE_SIZE,
                                               .type = XEN_HVM_MEMMAP_TYPE_ACPI};
    map[n++] = (struct hvm_memmap_table_entry){.addr = GUEST_SPECIAL_BASE,
                                               .size = GUEST_SPECIAL_PAGES * GUEST_PAGE_SIZE,
                                               .type = XEN_HVM_MEMMAP_TYPE_RESERVED};
    if (memory->high_end)
        map[n++] = (struct hvm_memmap_table_entry){
            .addr = GUEST_4GIB, .size = memory->high_end - GUEST_4GIB, .type = XEN_HVM_MEMMAP_TYPE_RAM};
    return n;
}

size_t boot_start_info_size(const struct boot_params *params)
{
    return sizeof(struct start_info_block) + strlen(params->cmdline) + 1;
}

int boot_write_start_info(struct guest_memory *memory, uint64_t gpa, const struct boot_params *params,
                          struct error *err)
{
    size_t size = boot_start_info_size(params);
    struct start_info_block *block = calloc(1, size);
    int rc;

    if (!block)
        return error_set(err, -ENOMEM, "dom0 has not enough memory left for the start_info of %zu bytes",
                         size);
    block->info = (struct hvm_start_info){
        .magic = XEN_HVM_START_MAGIC_VALUE,
        .version = 1,
        .nr_modules = params->ramdisk_size ? 1 : 0,
        .modlist_paddr = params->ramdisk_size ? gpa + offsetof(struct start_info_block, module) : 0,
        .cmdline_paddr = gpa + offsetof(struct start_info_block, cmdline),
        .rsdp_paddr = params->rsdp_gpa,
        .memmap_paddr = gpa + offsetof(struct start_info_block, map),
        .memmap_entries = boot_memory_map(memory, block->map),
    };
    block->module = (struct hvm_modlist_entry){.paddr = params->ramdisk_gpa, .size = params->ramdisk_size};
    strcpy(block->cmdline, params->cmdline);
    rc = guest_memory_write(memory, gpa, block, size, err);
    free(block);
    return rc;
}

// SPDX-License-Identifier: MIT
/*
 * What a PVH guest finds besides its kernel: start_info and what it points to, ACPI tables, and the state of
 * its vCPUs. All pure: bytes in, bytes out.
 */
#ifndef DOM0_BUILDER_BOOT_H
#define DOM0_BUILDER_BOOT_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/arch-x86/hvm/start_info.h>

#include <dom0/builder_memory.h>

/* ---- the guest-physical layout, the same as libxl's ---- */

#define GUEST_LOW_RAM_MAX   UINT64_C(0xf0000000) /* RAM beyond this goes above 4 GiB */
#define GUEST_ACPI_BASE     UINT64_C(0xfc000000)
#define GUEST_ACPI_PAGES    1u
#define GUEST_SPECIAL_BASE  UINT64_C(0xfeff8000)
#define GUEST_SPECIAL_PAGES 8u
#define GUEST_STORE_GFN     UINT64_C(0xfeffc)
#define GUEST_CONSOLE_GFN   UINT64_C(0xfefff)

#define BOOT_MAP_ENTRIES 4u

/* Where @memory_bytes of RAM go; sets low_end and high_end. */
void boot_place_ram(struct guest_memory *memory, uint64_t memory_bytes);

/* The guest's memory map: RAM, special pages, ACPI. Returns the number of entries, ≤ BOOT_MAP_ENTRIES. */
unsigned int boot_memory_map(const struct guest_memory *memory, struct hvm_memmap_table_entry *map);

/* ---- start_info ---- */

struct boot_params {
    const char *cmdline;
    uint64_t ramdisk_gpa, ramdisk_size; /* size 0: none */
    uint64_t rsdp_gpa;
};

/* Bytes that boot_write_start_info() writes for these parameters. */
size_t boot_start_info_size(const struct boot_params *params);

/*
 * Write start_info, module list, memory map and command line to @gpa, 8-byte aligned, in that order. Returns
 * 0 or a negative errno.
 */
int boot_write_start_info(struct guest_memory *memory, uint64_t gpa, const struct boot_params *params,
                          struct error *err);

/* ---- ACPI ---- */

/*
 * Fill a zeroed page that will be at GUEST_ACPI_BASE with RSDP (first), XSDT, FADT, FACS, MADT and DSDT for
 * vCPUs 0 … max_vcpus−1, of which the first @vcpus are online. Returns the bytes used.
 */
size_t acpi_build(uint8_t page[GUEST_PAGE_SIZE], unsigned int vcpus, unsigned int max_vcpus);

/* ---- vCPU state ---- */

/* Bytes of the records for @max_vcpus vCPUs. */
size_t vcpu_context_size(unsigned int max_vcpus);

/*
 * HVM save records (HEADER, CPU of vCPU 0, MTRR of each, END) that start vCPU 0 at @entry in 32-bit flat mode
 * with paging off and EBX = @start_info. @records has vcpu_context_size() bytes.
 */
void vcpu_context_build(void *records, unsigned int max_vcpus, uint64_t entry, uint64_t start_info);

#endif

// SPDX-License-Identifier: MIT
/*
 * Putting the files of a domain into its memory: the kernel, whatever it is wrapped in, and the initrd.
 */
#ifndef DOM0_BUILDER_LOAD_H
#define DOM0_BUILDER_LOAD_H

#include <dom0/builder.h>
#include <dom0/builder_elf.h>
#include <dom0/builder_memory.h>

/* The guest reads start_info and what it points to through a boot-time map of its first GiB. */
#define BOOT_DATA_END (UINT64_C(1) << 30)

/* How far the loading is, in bytes of the guest's memory written. */
struct load_progress {
    const struct build_hooks *hooks; /* may be NULL */
    uint64_t done, total;
};

/* Note that @bytes more are done and give others the CPU. */
void load_advance(struct load_progress *progress, uint64_t bytes);

/* How many bytes kernel_load() will report for this file; 0 if it is not a kernel. */
uint64_t kernel_unpacked_size(const struct image_file *file);

/* Load the kernel to where it wants to be. Returns 0 and fills *kernel, or a negative errno. */
int kernel_load(struct guest_memory *memory, const struct image_file *file, struct load_progress *progress,
                struct elf_kernel *kernel, struct error *err);

/*
 * Load the initrd to the first page boundary at or after @after, below @end (the end of what boot data may
 * use). Returns 0 and its address in *gpa, or a negative errno.
 */
int ramdisk_load(struct guest_memory *memory, const struct image_file *file, uint64_t after, uint64_t end,
                 struct load_progress *progress, uint64_t *gpa, struct error *err);

#endif

// SPDX-License-Identifier: MIT
/*
 * Loading an ELF kernel that arrives as a stream of bytes. Segments are copied to their physical addresses as
 * they pass, PT_NOTE segments are kept aside, and nothing else of the file is held: its unpacked form may be
 * larger than dom0's memory. The file is hostile: every number in it is checked against the guest's RAM
 * before the first write.
 */
#ifndef DOM0_BUILDER_ELF_H
#define DOM0_BUILDER_ELF_H

#include <dom0/builder_memory.h>

#define ELF_HEAD_SIZE \
    4096u /* the ELF header and the program headers must lie in here; linkers put them at the front */
#define ELF_MAX_SEGMENTS 32u
#define ELF_MAX_NOTES    4u    /* PT_NOTE segments */
#define ELF_NOTE_SIZE    4096u /* bytes of each */

struct elf_segment {
    uint64_t offset; /* in the file */
    uint64_t filesz; /* bytes there, ≤ memsz; the rest is zero */
    uint64_t paddr;
    uint64_t memsz;
    unsigned int index; /* in the program header table, for messages */
};

struct elf_note_segment {
    uint64_t offset;
    uint32_t size;
    uint32_t align; /* of names and descriptors: 4 or 8 */
    uint8_t data[ELF_NOTE_SIZE];
};

struct elf_loader {
    struct guest_memory *memory;
    uint64_t limit;    /* no segment may reach beyond this address */
    uint64_t position; /* bytes of the file delivered so far */
    bool started;      /* the headers are read; head is used up */
    bool is64;
    unsigned int nr_segments, nr_notes;
    struct elf_segment segments[ELF_MAX_SEGMENTS];
    struct elf_note_segment notes[ELF_MAX_NOTES];
    size_t head_size;
    uint8_t head[ELF_HEAD_SIZE];
};

struct elf_kernel {
    uint64_t start, end; /* of all segments in memory; start < end */
    uint64_t entry;      /* XEN_ELFNOTE_PHYS32_ENTRY, inside a segment */
};

/* Segments must lie in [0, limit); @limit is at most memory->low_end. */
void elf_load_begin(struct elf_loader *loader, struct guest_memory *memory, uint64_t limit);
/* The next @size bytes of the file. Returns 0 or a negative errno; after an error the loader must not be used
 * again. */
int elf_load_feed(struct elf_loader *loader, const void *data, size_t size, struct error *err);
/* The file is over. Checks that it was complete and fills *kernel; returns 0 or a negative errno. */
int elf_load_finish(struct elf_loader *loader, struct elf_kernel *kernel, struct error *err);

/* "x86-64", "AArch64" …, or NULL for a machine number this table does not know. */
const char *elf_machine_name(unsigned int machine);

#endif

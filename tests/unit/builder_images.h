// SPDX-License-Identifier: MIT
// Kernel images made to order for the builder's tests, and a guest memory to load them into.
#ifndef BUILDER_IMAGES_H
#define BUILDER_IMAGES_H

#include <stddef.h>
#include <stdint.h>

#include <dom0/builder_image.h>
#include <dom0/builder_memory.h>

struct test_segment {
    uint64_t paddr, filesz, memsz;
};

struct test_elf {
    unsigned int bits; // 64 or 32
    const struct test_segment *segments;
    unsigned int nr_segments;
    uint64_t entry;
    unsigned int desc_size; // of the PHYS32_ENTRY note; 0: no note
};

// Offsets in the image of test_elf_make() that tests tamper with.
#define TEST_ELF64_PHDR(i) (64u + 56u * (i))
#define TEST_ELF32_PHDR(i) (52u + 32u * (i))

// An ELF file whose segments are filled with test_byte(). The PT_NOTE header comes after the segments'.
// malloc'ed.
uint8_t *test_elf_make(const struct test_elf *spec, size_t *size);

// The byte at `offset` of segment `segment`; never 0.
static inline uint8_t test_byte(unsigned int segment, uint64_t offset)
{
    return (uint8_t)(1 + (segment * 61 + offset * 7 + (offset >> 8)) % 255);
}

// A bzImage with `vmlinux` packed the way the kernel's own build packs it. malloc'ed.
uint8_t *test_bzimage_make(enum compression compression, const void *vmlinux, size_t vmlinux_size,
                           size_t *size);

// Guest memory in a buffer. A mapping is a copy of exact size, so that the sanitizer sees every byte written
// beyond it.
struct test_memory {
    struct guest_memory base;
    uint8_t *bytes;      // low RAM
    unsigned int mapped; // pages mapped now
    unsigned int most_mapped;
    unsigned int maps; // calls of map
};

void test_memory_init(struct test_memory *memory, uint64_t low_end);
void test_memory_free(struct test_memory *memory);

#endif

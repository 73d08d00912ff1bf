// SPDX-License-Identifier: MIT
// Fuzzes the loading of kernels: raw files, and good images of every kind with bytes changed and the end cut
// off.
#include <stdlib.h>
#include <string.h>

#include <dom0/builder_load.h>

#include "builder_images.h"

#define LOW_END (UINT64_C(1) << 20)

static const struct test_segment segments[] = {{0x10000, 20000, 20000}, {0x20010, 500, 0x8000}};

struct base {
    uint8_t *file;
    size_t size;
};

#define NR_BASES 6u

static struct base bases[NR_BASES];
static struct test_memory memory;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const enum compression compressions[] = {COMPRESSION_GZIP, COMPRESSION_XZ, COMPRESSION_LZ4,
                                                    COMPRESSION_ZSTD};
    struct test_elf elf = {64, segments, 2, 0x10010, 8};

    (void)argc;
    (void)argv;
    test_memory_init(&memory, LOW_END);
    bases[0].file = test_elf_make(&elf, &bases[0].size);
    elf.bits = 32;
    bases[1].file = test_elf_make(&elf, &bases[1].size);
    for (unsigned int i = 0; i < 4; i++)
        bases[2 + i].file =
            test_bzimage_make(compressions[i], bases[0].file, bases[0].size, &bases[2 + i].size);
    return 0;
}

static void load(const uint8_t *data, size_t size)
{
    struct image_file file = {"fuzz", data, size};
    struct load_progress progress = {.total = kernel_unpacked_size(&file)};
    struct elf_kernel kernel;
    struct error err = {0};
    int rc = kernel_load(&memory.base, &file, &progress, &kernel, &err);

    // Whatever the file says: success means a kernel inside the guest's memory, failure has a reason, nothing
    // stays mapped.
    if (!rc && (kernel.start >= kernel.end || kernel.end > LOW_END || kernel.entry >= kernel.end))
        abort();
    if (rc && (rc != err.code || rc > 0 || !err.text[0]))
        abort();
    if (memory.mapped)
        abort();
}

// Each change is 3 bytes: where (16 bits, little-endian) and what to put there.
static void load_tampered(const struct base *base, const uint8_t *changes, size_t size)
{
    size_t keep = base->size;
    uint8_t *copy;

    if (size >= 3 && (changes[0] & 7) == 0) // an eighth of the inputs is cut off
        keep = ((size_t)changes[1] | (size_t)changes[2] << 8) % (base->size + 1);
    copy = malloc(keep ? keep : 1); // of exact size, for the sanitizer
    memcpy(copy, base->file, keep);
    for (size_t at = 0; keep && at + 3 <= size; at += 3)
        copy[((size_t)changes[at] | (size_t)changes[at + 1] << 8) % keep] = changes[at + 2];
    load(copy, keep);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    memset(memory.bytes, 0, LOW_END);
    if (data[0] % (NR_BASES + 1) == NR_BASES)
        load(data + 1, size - 1);
    else
        load_tampered(&bases[data[0] % (NR_BASES + 1)], data + 1, size - 1);
    return 0;
}

// SPDX-License-Identifier: MIT
// Unit tests of the domain builder's pure part: every kind of kernel it takes, and what it says about those
// it doesn't.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <xen/xen.h>
#include <xen/hvm/save.h>

#include <dom0/builder_boot.h>
#include <dom0/builder_load.h>

#include "builder_images.h"

#define MIB (UINT64_C(1) << 20)

static const enum compression compressions[] = {COMPRESSION_GZIP, COMPRESSION_XZ, COMPRESSION_LZ4,
                                                COMPRESSION_ZSTD};
#define NR_COMPRESSIONS 4u

// Two segments that share no page, the second one mostly bss; the entry is in the first.
static const struct test_segment segments[] = {{0x100000, 300000, 300000}, {0x180010, 5000, 0x20000}};
#define ENTRY      0x100850u
#define KERNEL_END 0x1a0010u

static const struct test_elf good64 = {64, segments, 2, ENTRY, 8};
static const struct test_elf good32 = {32, segments, 2, ENTRY, 4};

struct fixture {
    struct test_memory memory;
    struct elf_kernel kernel;
    struct load_progress progress;
    struct error err;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    test_memory_init(&f->memory, 4 * MIB);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(f->memory.mapped, 0);
    test_memory_free(&f->memory);
    free(f);
    return 0;
}

static int load(struct fixture *f, const void *data, size_t size)
{
    struct image_file file = {"/files/k", data, size};

    f->err = (struct error){0};
    return kernel_load(&f->memory.base, &file, &f->progress, &f->kernel, &f->err);
}

static void assert_loaded(const struct fixture *f)
{
    const uint8_t *bytes = f->memory.bytes;

    for (unsigned int i = 0; i < 2; i++) {
        for (uint64_t j = 0; j < segments[i].filesz; j++)
            assert_int_equal(bytes[segments[i].paddr + j], test_byte(i, j));
        for (uint64_t j = segments[i].filesz; j < segments[i].memsz; j++)
            assert_int_equal(bytes[segments[i].paddr + j], 0);
    }
    assert_int_equal(bytes[0xfffff], 0);
    assert_int_equal(bytes[0x18000f], 0);
    for (uint64_t j = KERNEL_END; j < f->memory.base.low_end; j++)
        assert_int_equal(bytes[j], 0);
    assert_int_equal(f->kernel.start, 0x100000);
    assert_int_equal(f->kernel.end, KERNEL_END);
    assert_int_equal(f->kernel.entry, ENTRY);
}

// Loading must fail and say all of `parts` (separated by '|').
static void assert_refused(struct fixture *f, const void *data, size_t size, const char *parts)
{
    char copy[256], *rest = copy;

    assert_true(load(f, data, size) < 0);
    assert_true(f->err.code < 0);
    snprintf(copy, sizeof(copy), "%s", parts);
    for (char *part; (part = strsep(&rest, "|"));)
        if (!strstr(f->err.text, part))
            fail_msg("\"%s\" lacks \"%s\"", f->err.text, part);
    assert_int_equal(strncmp(f->err.text, "kernel /files/k: ", 17), 0);
}

static void test_elf64(void **state)
{
    struct fixture *f = *state;
    size_t size;
    uint8_t *file = test_elf_make(&good64, &size);

    assert_int_equal(load(f, file, size), 0);
    assert_loaded(f);
    assert_int_equal(kernel_unpacked_size(&(struct image_file){"k", file, size}), size);
    free(file);
}

static void test_elf32(void **state)
{
    struct fixture *f = *state;
    size_t size;
    uint8_t *file = test_elf_make(&good32, &size);

    assert_int_equal(load(f, file, size), 0);
    assert_loaded(f);
    free(file);
}

static void test_elf64_with_short_descriptor(void **state)
{
    struct fixture *f = *state;
    struct test_elf spec = good64;
    size_t size;
    uint8_t *file;

    spec.desc_size = 4;
    file = test_elf_make(&spec, &size);
    assert_int_equal(load(f, file, size), 0);
    assert_loaded(f);
    free(file);
}

// A file smaller than the loader's head buffer.
static void test_tiny_elf(void **state)
{
    struct fixture *f = *state;
    static const struct test_segment one = {0x2000, 0, 0x1000};
    struct test_elf spec = {64, &one, 1, 0x2010, 8};
    size_t size;
    uint8_t *file = test_elf_make(&spec, &size);

    assert_int_equal(load(f, file, 0x900), 0);
    assert_int_equal(f->kernel.entry, 0x2010);
    assert_int_equal(f->memory.maps, 0);
    free(file);
}

static void test_stream_in_odd_pieces(void **state)
{
    struct fixture *f = *state;
    static const size_t pieces[] = {1, 7, 4095, 4096, 4097, 65536};
    struct elf_loader *loader = malloc(sizeof(*loader));
    size_t size;
    uint8_t *file = test_elf_make(&good64, &size);

    for (unsigned int i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        memset(f->memory.bytes, 0, f->memory.base.low_end);
        elf_load_begin(loader, &f->memory.base, f->memory.base.low_end);
        for (size_t at = 0; at < size; at += pieces[i])
            assert_int_equal(
                elf_load_feed(loader, file + at, size - at < pieces[i] ? size - at : pieces[i], &f->err), 0);
        assert_int_equal(elf_load_finish(loader, &f->kernel, &f->err), 0);
        assert_loaded(f);
    }
    free(file);
    free(loader);
}

// One field of a good file changed, and what the refusal must say.
struct tampering {
    unsigned int bits;
    size_t offset;
    unsigned int bytes;
    uint64_t value;
    const char *says;
};

static const struct tampering elf_tamperings[] = {
    {64, 4, 1, 9, "class 9"},
    {64, 5, 1, 2, "big-endian"},
    {64, 16, 2, 1, "type 1, not an executable"},
    {64, 18, 2, 183, "ELF64 file for AArch64 (machine 183)"},
    {64, 18, 2, 3, "ELF64 file for i386"},
    {32, 18, 2, 62, "ELF32 file for x86-64"},
    {64, 18, 2, 4711, "unknown processor (machine 4711)"},
    {64, 54, 2, 32, "32 bytes each instead of 56"},
    {32, 42, 2, 56, "56 bytes each instead of 32"},
    {64, 32, 8, 0x10000, "3 program headers at offset 0x10000"},
    {64, 32, 8, UINT64_MAX, "program headers at offset 0xffffffffffffffff"},
    {64, 56, 2, 0xffff, "65535 program headers"},
    {64, 56, 2, 0, "without a segment to load"},
    {64, TEST_ELF64_PHDR(0) + 32, 8, 300001, "segment 0 has more bytes in the file"},
    {64, TEST_ELF64_PHDR(0) + 24, 8, 0x3fff000, "segment 0|0x3fff000|(0x0 to 0x400000)"},
    {64, TEST_ELF64_PHDR(0) + 24, 8, UINT64_MAX - 10, "segment 0|0xfffffffffffffff5"},
    {64, TEST_ELF64_PHDR(1) + 40, 8, UINT64_MAX, "segment 1 needs 0xffffffffffffffff bytes at 0x180010"},
    {64, TEST_ELF64_PHDR(1) + 24, 8, 0x149000,
     "segments 0 (0x100000 to 0x1493e0) and 1 (0x149000 to 0x169000) overlap"},
    {64, TEST_ELF64_PHDR(0) + 8, 8, UINT64_MAX - 5, "segment 0 lies at the impossible file offset"},
    {64, TEST_ELF64_PHDR(1) + 8, 8, 0x100000, "cut off: segment 1 reaches to offset 0x101388"},
    {64, TEST_ELF64_PHDR(2) + 8, 8, UINT64_MAX - 5, "note segment 2 lies at the impossible file offset"},
    {64, TEST_ELF64_PHDR(2) + 8, 8, 0x1000000, "cut off: its notes reach to offset 0x100002c"},
    {64, TEST_ELF64_PHDR(2) + 32, 8, 5000, "note segment 2 has 0x1388 bytes"},
    {64, TEST_ELF64_PHDR(2) + 32, 8, 40, "lacks the PVH entry point"},
    {64, TEST_ELF64_PHDR(2), 4, 0, "lacks the PVH entry point|XEN_ELFNOTE_PHYS32_ENTRY|CONFIG_PVH=y"},
    {64, 0x800, 4, 0xfffffff0, "lacks the PVH entry point"},
    {64, 0x804, 4, 0xfffffff0, "lacks the PVH entry point"},
    {64, 0x814 + 4, 4, 2, "lacks the PVH entry point"},
    {64, 0x814 + 16, 8, 0x99, "entry point 0x99 lies in none of its segments"},
    {64, 0x814 + 16, 8, 0x1493e0, "entry point 0x1493e0 lies in none"},
    {32, TEST_ELF32_PHDR(0) + 12, 4, 0xfffff000, "segment 0|0xfffff000"},
};

static void test_tampered_elf(void **state)
{
    struct fixture *f = *state;

    for (unsigned int i = 0; i < sizeof(elf_tamperings) / sizeof(elf_tamperings[0]); i++) {
        const struct tampering *t = &elf_tamperings[i];
        size_t size;
        uint8_t *file = test_elf_make(t->bits == 64 ? &good64 : &good32, &size);

        memcpy(file + t->offset, &t->value, t->bytes);
        assert_refused(f, file, size, t->says);
        free(file);
    }
}

static void test_pv_kernel(void **state)
{
    struct fixture *f = *state;
    struct test_elf spec = good64;
    size_t size;
    uint8_t *file;

    spec.desc_size = 0;
    file = test_elf_make(&spec, &size);
    assert_refused(f, file, size, "ELF64 kernel for Xen PV|lacks the PVH entry point");
    free(file);
}

// Cut off anywhere, a kernel is refused, and a message names the place.
static void test_truncated_elf(void **state)
{
    struct fixture *f = *state;
    size_t size;
    uint8_t *file = test_elf_make(&good64, &size);

    assert_refused(f, file, 4, "does not hold an ELF file");
    assert_refused(f, file, 50, "cut off inside its header, after 50 bytes");
    assert_refused(f, file, 100, "program headers");
    assert_refused(f, file, 0x810, "cut off: segment 0");
    assert_refused(f, file, size - 1, "cut off: segment 1 reaches to offset 0x4b768|0x4b767 bytes");
    free(file);
}

static void test_too_many_segments(void **state)
{
    struct fixture *f = *state;
    static struct test_segment many[ELF_MAX_SEGMENTS + 1];
    struct test_elf spec = {64, many, ELF_MAX_SEGMENTS, 0x100000, 8};
    size_t size;
    uint8_t *file;

    for (unsigned int i = 0; i <= ELF_MAX_SEGMENTS; i++)
        many[i] = (struct test_segment){0x100000 + i * 0x1000, 0, 0x1000};
    file = test_elf_make(&spec, &size);
    assert_int_equal(load(f, file, size), 0);
    free(file);
    spec.nr_segments = ELF_MAX_SEGMENTS + 1;
    file = test_elf_make(&spec, &size);
    assert_refused(f, file, size, "more than 32 segments");
    free(file);
}

static void test_bzimages(void **state)
{
    struct fixture *f = *state;
    size_t elf_size, size;
    uint8_t *elf = test_elf_make(&good64, &elf_size);

    for (unsigned int i = 0; i < NR_COMPRESSIONS; i++) {
        uint8_t *file = test_bzimage_make(compressions[i], elf, elf_size, &size);
        struct image_file image = {"k", file, size};

        memset(f->memory.bytes, 0, f->memory.base.low_end);
        f->progress = (struct load_progress){.total = kernel_unpacked_size(&image)};
        if (load(f, file, size))
            fail_msg("%s", f->err.text);
        assert_loaded(f);
        assert_int_equal(f->progress.total, elf_size);
        assert_int_equal(f->progress.done, elf_size);
        free(file);
    }
    free(elf);
}

// Flipping any one byte of the payload, or cutting it anywhere, never goes unnoticed as a crash or an
// overrun; with a checksum in the format (gzip, XZ) it never goes unnoticed at all.
static void test_corrupt_payloads(void **state)
{
    struct fixture *f = *state;
    size_t elf_size, size;
    uint8_t *elf = test_elf_make(&good64, &elf_size);

    for (unsigned int i = 0; i < NR_COMPRESSIONS; i++) {
        uint8_t *file = test_bzimage_make(compressions[i], elf, elf_size, &size);

        for (size_t at = 0xac0 + 24; at < size; at += 101) {
            file[at] ^= 0x55;
            memset(f->memory.bytes, 0, f->memory.base.low_end);
            if (compressions[i] == COMPRESSION_GZIP || compressions[i] == COMPRESSION_XZ)
                assert_refused(f, file, size, "its");
            else
                load(f, file, size);
            file[at] ^= 0x55;
        }
        free(file);
    }
    free(elf);
}

static void set32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof(value));
}

static void test_cut_off_payloads(void **state)
{
    static const char *const names[] = {"gzip", "XZ", "LZ4", "zstd"};
    struct fixture *f = *state;
    size_t elf_size, size;
    uint8_t *elf = test_elf_make(&good64, &elf_size);

    for (unsigned int i = 0; i < NR_COMPRESSIONS; i++) {
        uint8_t *file = test_bzimage_make(compressions[i], elf, elf_size, &size);
        size_t length = size - 0xac0, shorter = length / 2;
        char says[64];

        assert_refused(f, file, size - 1, "cut off: its payload ends at byte");
        set32(file + 0x24c, (uint32_t)shorter);
        set32(file + 0xac0 + shorter - 4, (uint32_t)elf_size);
        snprintf(says, sizeof(says), "%s payload is cut off after", names[i]);
        memset(f->memory.bytes, 0, f->memory.base.low_end);
        assert_refused(f, file, size, says);
        free(file);
    }
    free(elf);
}

// The length after the payload is checked against what comes out.
static void test_false_length(void **state)
{
    struct fixture *f = *state;
    size_t elf_size, size;
    uint8_t *elf = test_elf_make(&good64, &elf_size);

    for (unsigned int i = 1; i < NR_COMPRESSIONS; i++) {
        uint8_t *file = test_bzimage_make(compressions[i], elf, elf_size, &size);

        set32(file + size - 4, (uint32_t)elf_size - 4096);
        assert_refused(f, file, size, "payload|claims");
        memset(f->memory.bytes, 0, f->memory.base.low_end);
        set32(file + size - 4, (uint32_t)elf_size + 1);
        assert_refused(f, file, size, "payload unpacks to 309096 bytes, but claims 309097");
        free(file);
    }
    free(elf);
}

static void test_zstd_needs_room(void **state)
{
    struct fixture *f = *state;
    size_t elf_size, size;
    uint8_t *elf = test_elf_make(&good64, &elf_size), *file;

    file = test_bzimage_make(COMPRESSION_ZSTD, elf, elf_size, &size);
    set32(file + size - 4, UINT32_MAX);
    assert_refused(f, file, size, "takes 4096 MiB of the domain's memory, which has 4 MiB");
    set32(file + size - 4, 3 << 20);
    assert_refused(f, file, size, "unpacks to 309096 bytes, but claims 3145728");
    free(file);
    free(elf);
}

// Legacy frames of more than one 8 MiB block.
static void test_large_lz4(void **state)
{
    struct fixture *f = *state;
    static const struct test_segment large = {0x100000, 20 * MIB, 21 * MIB};
    struct test_elf spec = {64, &large, 1, 0x100000, 8};
    size_t elf_size, size;
    uint8_t *elf = test_elf_make(&spec, &elf_size), *file;

    test_memory_free(&f->memory);
    test_memory_init(&f->memory, 32 * MIB);
    file = test_bzimage_make(COMPRESSION_LZ4, elf, elf_size, &size);
    assert_int_equal(load(f, file, size), 0);
    assert_memory_equal(f->memory.bytes + 0x100000, elf + 0x1000, large.filesz);
    assert_true(f->memory.most_mapped <= 257);
    free(file);
    free(elf);
}

static void test_bad_bzimage_headers(void **state)
{
    struct fixture *f = *state;
    size_t elf_size, size;
    uint8_t *elf = test_elf_make(&good64, &elf_size);
    uint8_t *file = test_bzimage_make(COMPRESSION_XZ, elf, elf_size, &size);

    assert_refused(f, file, 0x220, "bzImage cut off inside its header, after 544 bytes");
    file[0x206] = 7;
    assert_refused(f, file, size, "boot protocol 2.07");
    file[0x206] = 0xf;
    set32(file + 0x248, UINT32_MAX);
    assert_refused(f, file, size, "bzImage cut off: its payload ends at byte");
    set32(file + 0x248, 0x2c0);
    set32(file + 0x24c, 3);
    assert_refused(f, file, size, "without a compressed kernel (3 bytes");
    set32(file + 0x24c, (uint32_t)(size - 0xac0));
    memcpy(file + 0xac0, "BZh9", 4);
    assert_refused(f, file, size, "payload is a bzip2 file|42 5a 68 39|gzip, XZ, LZ4 and zstd");
    memcpy(file + 0xac0, "what", 4);
    assert_refused(f, file, size, "compressed in an unknown way|77 68 61 74");
    free(file);
    free(elf);
}

static void test_other_files(void **state)
{
    struct fixture *f = *state;

    assert_refused(f, "", 0, "it is an empty file");
    assert_refused(f, "\x1f\x8b\x08\x00", 4, "it is a gzip file; a kernel is");
    assert_refused(f, "\3757zXZ\0\0\0", 8, "it is an XZ file");
    assert_refused(f, "MZ\x90\x00\x03", 5, "it is a PE/EFI image");
    assert_refused(f, "070701000", 9, "it is a cpio archive");
    assert_refused(f, "#!/bin/sh\n", 10, "it is a script");
    assert_refused(f, "hi\n", 3, "unknown kind (3 bytes, starting with 68 69 0a)");
}

static void test_ramdisk(void **state)
{
    struct fixture *f = *state;
    size_t size = 700000;
    uint8_t *data = malloc(size);
    struct image_file file = {"/files/i", data, size};
    uint64_t gpa;

    for (size_t i = 0; i < size; i++)
        data[i] = test_byte(9, i);
    f->progress.total = size;
    assert_int_equal(ramdisk_load(&f->memory.base, &file, KERNEL_END, 4 * MIB, &f->progress, &gpa, &f->err),
                     0);
    assert_int_equal(gpa, 0x1a1000);
    assert_memory_equal(f->memory.bytes + gpa, data, size);
    assert_int_equal(f->progress.done, size);
    assert_int_equal(ramdisk_load(&f->memory.base, &file, KERNEL_END, 2 * MIB, &f->progress, &gpa, &f->err),
                     -ENOMEM);
    assert_non_null(strstr(f->err.text, "ramdisk /files/i: its 683 KiB do not fit"));
    assert_int_equal(ramdisk_load(&f->memory.base, &file, 3 * MIB, 2 * MIB, &f->progress, &gpa, &f->err),
                     -ENOMEM);
    free(data);
}

static void test_start_info(void **state)
{
    struct fixture *f = *state;
    struct boot_params params = {"console=hvc0 quiet", 0x200000, 12345, GUEST_ACPI_BASE};
    const struct hvm_start_info *info = (void *)(f->memory.bytes + 0x300000);
    const struct hvm_modlist_entry *module;
    const struct hvm_memmap_table_entry *map;

    assert_int_equal(boot_write_start_info(&f->memory.base, 0x300000, &params, &f->err), 0);
    assert_int_equal(info->magic, XEN_HVM_START_MAGIC_VALUE);
    assert_int_equal(info->version, 1);
    assert_int_equal(info->nr_modules, 1);
    assert_int_equal(info->rsdp_paddr, GUEST_ACPI_BASE);
    module = (void *)(f->memory.bytes + info->modlist_paddr);
    assert_int_equal(module->paddr, 0x200000);
    assert_int_equal(module->size, 12345);
    assert_string_equal((char *)f->memory.bytes + info->cmdline_paddr, "console=hvc0 quiet");
    map = (void *)(f->memory.bytes + info->memmap_paddr);
    assert_int_equal(info->memmap_entries, 3);
    assert_int_equal(map[0].addr, 0);
    assert_int_equal(map[0].size, 4 * MIB);
    assert_int_equal(map[0].type, XEN_HVM_MEMMAP_TYPE_RAM);
    assert_int_equal(info->cmdline_paddr - 0x300000 + strlen(params.cmdline) + 1,
                     boot_start_info_size(&params));
    params.ramdisk_size = 0;
    assert_int_equal(boot_write_start_info(&f->memory.base, 0x300000, &params, &f->err), 0);
    assert_int_equal(info->nr_modules, 0);
    assert_int_equal(info->modlist_paddr, 0);
}

static void test_memory_above_4gib(void **state)
{
    struct guest_memory memory = {0};
    struct hvm_memmap_table_entry map[BOOT_MAP_ENTRIES];

    (void)state;
    boot_place_ram(&memory, 5ULL << 30);
    assert_int_equal(memory.low_end, GUEST_LOW_RAM_MAX);
    assert_int_equal(memory.high_end - GUEST_4GIB + memory.low_end, 5ULL << 30);
    assert_int_equal(boot_memory_map(&memory, map), 4);
    for (unsigned int i = 1; i < 4; i++)
        assert_true(map[i - 1].addr + map[i - 1].size <= map[i].addr);
    assert_true(guest_memory_has(&memory, GUEST_4GIB, memory.high_end - GUEST_4GIB));
    assert_false(guest_memory_has(&memory, GUEST_4GIB, memory.high_end - GUEST_4GIB + 1));
    assert_false(guest_memory_has(&memory, GUEST_LOW_RAM_MAX - 1, 2));
    assert_false(guest_memory_has(&memory, GUEST_4GIB - 1, 1));
    assert_false(guest_memory_has(&memory, 4096, UINT64_MAX));
}

static uint8_t byte_sum(const uint8_t *at, size_t size)
{
    uint8_t sum = 0;

    while (size--)
        sum += *at++;
    return sum;
}

static uint32_t read32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return value;
}

static const uint8_t *acpi_table(const uint8_t *page, uint64_t gpa, const char *signature)
{
    const uint8_t *table = page + (gpa - GUEST_ACPI_BASE);

    assert_memory_equal(table, signature, 4);
    assert_int_equal(byte_sum(table, read32(table + 4)), 0);
    return table;
}

// The tables as a kernel finds them: from the RSDP by address, with every checksum right.
static void test_acpi(void **state)
{
    uint8_t page[GUEST_PAGE_SIZE] = {0};
    const uint8_t *xsdt, *fadt, *madt, *dsdt;
    uint64_t xsdt_gpa, entries[2], dsdt_gpa;

    (void)state;
    assert_true(acpi_build(page, 2, 3) <= sizeof(page));
    assert_memory_equal(page, "RSD PTR ", 8);
    assert_int_equal(byte_sum(page, 20), 0);
    assert_int_equal(byte_sum(page, 36), 0);
    memcpy(&xsdt_gpa, page + 24, 8);
    xsdt = acpi_table(page, xsdt_gpa, "XSDT");
    assert_int_equal(read32(xsdt + 4), 36 + sizeof(entries));
    memcpy(entries, xsdt + 36, sizeof(entries));
    fadt = acpi_table(page, entries[0], "FACP");
    assert_int_equal(fadt[8], 5);
    assert_int_equal(read32(fadt + 76), 0);                        // no PM timer
    assert_int_equal(fadt[109] | fadt[110] << 8, 1 << 2 | 1 << 5); // no VGA, no CMOS RTC
    assert_int_equal(read32(fadt + 112) & (1 << 20), 0);           // not hardware-reduced
    memcpy(&dsdt_gpa, fadt + 140, 8);
    dsdt = acpi_table(page, dsdt_gpa, "DSDT");
    assert_int_equal(read32(dsdt + 4), 36 + 7);
    assert_int_equal(read32(fadt + 36) % 64, 0);
    assert_memory_equal(page + (read32(fadt + 36) - GUEST_ACPI_BASE), "FACS", 4);
    madt = acpi_table(page, entries[1], "APIC");
    assert_int_equal(read32(madt + 4), 44 + 3 * 8);
    for (unsigned int i = 0; i < 3; i++) {
        assert_int_equal(madt[44 + 8 * i + 2], i);
        assert_int_equal(madt[44 + 8 * i + 3], 2 * i);
        assert_int_equal(read32(madt + 44 + 8 * i + 4), i < 2);
    }
    assert_true(acpi_build(page, BUILDER_MAX_VCPUS, BUILDER_MAX_VCPUS) <= sizeof(page));
}

static void test_vcpu_context(void **state)
{
    size_t size = vcpu_context_size(2), at = 0;
    uint8_t *records = malloc(size);
    static const unsigned int expected[] = {HVM_SAVE_CODE(HEADER), HVM_SAVE_CODE(CPU), HVM_SAVE_CODE(MTRR),
                                            HVM_SAVE_CODE(MTRR), HVM_SAVE_CODE(END)};

    (void)state;
    vcpu_context_build(records, 2, 0x1000850, 0x5000000);
    for (unsigned int i = 0; i < 5; i++) {
        struct hvm_save_descriptor descriptor;
        struct hvm_hw_cpu cpu;

        memcpy(&descriptor, records + at, sizeof(descriptor));
        at += sizeof(descriptor);
        assert_int_equal(descriptor.typecode, expected[i]);
        assert_int_equal(descriptor.instance, i == 3);
        if (descriptor.typecode == HVM_SAVE_CODE(CPU)) {
            assert_int_equal(descriptor.length, sizeof(cpu));
            memcpy(&cpu, records + at, sizeof(cpu));
            assert_int_equal(cpu.rip, 0x1000850);
            assert_int_equal(cpu.rbx, 0x5000000);
            assert_int_equal(cpu.cr0, 0x11);
            assert_int_equal(cpu.cs_arbytes, 0xc9b);
            assert_int_equal(cpu.tr_arbytes, 0x8b);
        }
        at += descriptor.length;
    }
    assert_int_equal(at, size);
    free(records);
}

struct seen {
    uint64_t done, total;
    unsigned int yields;
};

static void see_progress(void *ctx, uint64_t done, uint64_t total)
{
    struct seen *seen = ctx;

    assert_true(done >= seen->done && done <= total);
    *seen = (struct seen){done, total, seen->yields};
}

static void see_yield(void *ctx)
{
    ((struct seen *)ctx)->yields++;
}

static void test_progress(void **state)
{
    struct fixture *f = *state;
    size_t elf_size, size;
    uint8_t *elf = test_elf_make(&good64, &elf_size);

    for (unsigned int i = 0; i < NR_COMPRESSIONS; i++) {
        struct seen seen = {0};
        struct build_hooks hooks = {see_progress, see_yield, &seen};
        uint8_t *file = test_bzimage_make(compressions[i], elf, elf_size, &size);

        memset(f->memory.bytes, 0, f->memory.base.low_end);
        f->progress = (struct load_progress){.hooks = &hooks, .total = elf_size};
        assert_int_equal(load(f, file, size), 0);
        assert_int_equal(seen.done, elf_size);
        assert_int_equal(seen.total, elf_size);
        assert_true(seen.yields > 0);
        free(file);
    }
    free(elf);
}

static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data;

    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    data = malloc(*size);
    assert_int_equal(fread(data, 1, *size, file), *size);
    fclose(file);
    return data;
}

// Debian's own kernels, where scripts/setup has fetched them.
static void load_debian(const char *flavour)
{
    struct fixture f = {0};
    const char *cache = getenv("PROXENOS_CACHE"), *home = getenv("HOME");
    char path[512];
    size_t size;
    uint8_t *file;

    if (cache)
        snprintf(path, sizeof(path), "%s/debian/%s/vmlinuz", cache, flavour);
    else
        snprintf(path, sizeof(path), "%s/.cache/proxenos/debian/%s/vmlinuz", home ? home : "", flavour);
    file = read_file(path, &size);
    if (!file)
        skip();
    test_memory_init(&f.memory, 128 * MIB);
    if (load(&f, file, size))
        fail_msg("%s", f.err.text);
    assert_int_equal(f.kernel.start, 0x1000000);
    assert_true(f.kernel.entry > f.kernel.start && f.kernel.entry < f.kernel.end);
    assert_true(f.memory.most_mapped <= 257);
    test_memory_free(&f.memory);

    test_memory_init(&f.memory, 32 * MIB);
    assert_refused(&f, file, size, "outside the memory it may use (0x0 to 0x2000000)");
    test_memory_free(&f.memory);
    free(file);
}

static void test_debian_generic(void **state)
{
    (void)state;
    load_debian("generic");
}

static void test_debian_cloud(void **state)
{
    (void)state;
    load_debian("cloud");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_elf64),
        TEST(test_elf32),
        TEST(test_elf64_with_short_descriptor),
        TEST(test_tiny_elf),
        TEST(test_stream_in_odd_pieces),
        TEST(test_tampered_elf),
        TEST(test_pv_kernel),
        TEST(test_truncated_elf),
        TEST(test_too_many_segments),
        TEST(test_bzimages),
        TEST(test_corrupt_payloads),
        TEST(test_cut_off_payloads),
        TEST(test_false_length),
        TEST(test_zstd_needs_room),
        TEST(test_large_lz4),
        TEST(test_bad_bzimage_headers),
        TEST(test_other_files),
        TEST(test_ramdisk),
        TEST(test_start_info),
        TEST(test_memory_above_4gib),
        TEST(test_acpi),
        TEST(test_vcpu_context),
        TEST(test_progress),
        cmocka_unit_test(test_debian_generic),
        cmocka_unit_test(test_debian_cloud),
    };

    return cmocka_run_group_tests_name("builder", tests, NULL, NULL);
}

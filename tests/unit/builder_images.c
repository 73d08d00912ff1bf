// SPDX-License-Identifier: MIT
// Kernel images made to order: ELF files, and bzImages packed with the libraries the builder unpacks with.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <xen/elfnote.h>

#include "builder_images.h"

#define NOTE_OFFSET    0x800u // in the ELF file
#define SEGMENT_OFFSET 0x1000u
#define SETUP_SECTORS  3u
#define PAYLOAD_OFFSET 0x2c0u

static void put(uint8_t *at, uint64_t value, unsigned int bytes)
{
    for (unsigned int i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static void put_program_header(uint8_t *at, unsigned int bits, uint32_t type, uint64_t offset, uint64_t paddr,
                               uint64_t filesz, uint64_t memsz)
{
    // p_vaddr is deliberately wrong: only p_paddr counts.
    if (bits == 64) {
        put(at, type, 4);
        put(at + 8, offset, 8);
        put(at + 16, 0xffffffff81000000, 8);
        put(at + 24, paddr, 8);
        put(at + 32, filesz, 8);
        put(at + 40, memsz, 8);
        put(at + 48, 4, 8);
    } else {
        put(at, type, 4);
        put(at + 4, offset, 4);
        put(at + 8, 0xc1000000, 4);
        put(at + 12, paddr, 4);
        put(at + 16, filesz, 4);
        put(at + 20, memsz, 4);
        put(at + 28, 4, 4);
    }
}

static void put_elf_header(uint8_t *file, unsigned int bits, unsigned int nr_headers)
{
    memcpy(file, "\177ELF", 4);
    file[4] = bits == 64 ? 2 : 1;
    file[5] = 1;
    file[6] = 1;
    put(file + 16, 2, 2);
    put(file + 18, bits == 64 ? 62 : 3, 2);
    put(file + 20, 1, 4);
    if (bits == 64) {
        put(file + 32, 64, 8);
        put(file + 52, 64, 2);
        put(file + 54, 56, 2);
        put(file + 56, nr_headers, 2);
    } else {
        put(file + 28, 52, 4);
        put(file + 40, 52, 2);
        put(file + 42, 32, 2);
        put(file + 44, nr_headers, 2);
    }
}

// A GNU note first, as in real kernels, then the one of interest. Returns the size.
static size_t put_notes(uint8_t *at, uint64_t entry, unsigned int desc_size)
{
    put(at, 4, 4);
    put(at + 4, 3, 4); // odd: descriptors are padded
    put(at + 8, 3, 4);
    memcpy(at + 12, "GNU\0abc", 7);
    at += 20;
    put(at, 4, 4);
    put(at + 4, desc_size, 4);
    put(at + 8, desc_size ? XEN_ELFNOTE_PHYS32_ENTRY : XEN_ELFNOTE_ENTRY, 4);
    memcpy(at + 12, "Xen", 4);
    put(at + 16, entry, desc_size);
    return 20 + 16 + desc_size;
}

uint8_t *test_elf_make(const struct test_elf *spec, size_t *size)
{
    unsigned int header_size = spec->bits == 64 ? 56 : 32, first = spec->bits == 64 ? 64 : 52;
    uint64_t offset = SEGMENT_OFFSET;
    uint8_t *file;
    size_t notes;

    *size = SEGMENT_OFFSET;
    for (unsigned int i = 0; i < spec->nr_segments; i++)
        *size += spec->segments[i].filesz;
    file = calloc(1, *size);
    put_elf_header(file, spec->bits, spec->nr_segments + 1);
    for (unsigned int i = 0; i < spec->nr_segments; i++) {
        const struct test_segment *segment = &spec->segments[i];

        put_program_header(file + first + i * header_size, spec->bits, 1, offset, segment->paddr,
                           segment->filesz, segment->memsz);
        for (uint64_t j = 0; j < segment->filesz; j++)
            file[offset + j] = test_byte(i, j);
        offset += segment->filesz;
    }
    notes = put_notes(file + NOTE_OFFSET, spec->entry, spec->desc_size);
    put_program_header(file + first + spec->nr_segments * header_size, spec->bits, 4, NOTE_OFFSET, 0, notes,
                       notes);
    return file;
}

// Each packs `size` bytes to `out`, which has room enough, and returns the packed size.
static size_t pack_gzip(uint8_t *out, size_t room, const void *data, size_t size)
{
    z_stream stream = {
        .next_in = (uint8_t *)data, .avail_in = (uInt)size, .next_out = out, .avail_out = (uInt)room};

    deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    deflate(&stream, Z_FINISH);
    deflateEnd(&stream);
    return stream.total_out;
}

static size_t pack_xz(uint8_t *out, size_t room, const void *data, size_t size)
{
    lzma_options_lzma options;
    lzma_filter filters[] = {
        {LZMA_FILTER_X86, NULL}, {LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, NULL}};
    size_t packed = 0;

    lzma_lzma_preset(&options, 0);
    if (lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, data, size, out, &packed, room) != LZMA_OK)
        abort();
    return packed;
}

static size_t pack_lz4(uint8_t *out, size_t room, const uint8_t *data, size_t size)
{
    size_t packed = 4;

    put(out, 0x184c2102, 4);
    while (size) {
        size_t piece = size < 8u << 20 ? size : 8u << 20;
        int bytes = LZ4_compress_default((const char *)data, (char *)out + packed + 4, (int)piece,
                                         (int)(room - packed - 4));

        put(out + packed, (uint32_t)bytes, 4);
        packed += 4 + (size_t)bytes;
        data += piece;
        size -= piece;
    }
    return packed;
}

// As from a pipe: the size is not in the header, and the window is 128 MiB.
static size_t pack_zstd(uint8_t *out, size_t room, const void *data, size_t size)
{
    ZSTD_CCtx *packer = ZSTD_createCCtx();
    ZSTD_inBuffer in = {data, size / 2, 0};
    ZSTD_outBuffer to = {out, room, 0};

    ZSTD_CCtx_setParameter(packer, ZSTD_c_windowLog, 27);
    ZSTD_CCtx_setParameter(packer, ZSTD_c_compressionLevel, 1);
    ZSTD_compressStream2(packer, &to, &in, ZSTD_e_continue);
    in.size = size;
    while (ZSTD_compressStream2(packer, &to, &in, ZSTD_e_end))
        ;
    ZSTD_freeCCtx(packer);
    return to.pos;
}

uint8_t *test_bzimage_make(enum compression compression, const void *vmlinux, size_t vmlinux_size,
                           size_t *size)
{
    size_t start = (SETUP_SECTORS + 1) * 512 + PAYLOAD_OFFSET;
    size_t room = vmlinux_size + vmlinux_size / 8 + 65536, length = 0;
    uint8_t *file = calloc(1, start + room);

    if (compression == COMPRESSION_GZIP)
        length = pack_gzip(file + start, room, vmlinux, vmlinux_size);
    else if (compression == COMPRESSION_XZ)
        length = pack_xz(file + start, room, vmlinux, vmlinux_size);
    else if (compression == COMPRESSION_LZ4)
        length = pack_lz4(file + start, room, vmlinux, vmlinux_size);
    else if (compression == COMPRESSION_ZSTD)
        length = pack_zstd(file + start, room, vmlinux, vmlinux_size);
    if (compression != COMPRESSION_GZIP) { // whose own last field this is
        put(file + start + length, vmlinux_size, 4);
        length += 4;
    }
    file[0x1f1] = SETUP_SECTORS;
    put(file + 0x1fe, 0xaa55, 2);
    memcpy(file + 0x202, "HdrS", 4);
    put(file + 0x206, 0x20f, 2);
    put(file + 0x248, PAYLOAD_OFFSET, 4);
    put(file + 0x24c, length, 4);
    *size = start + length;
    return file;
}

// Precedes each mapping, for unmap.
struct mapping {
    uint64_t gfn;
    size_t count;
};

static void *map_copy(struct guest_memory *base, uint64_t gfn, size_t count, struct error *err)
{
    struct test_memory *memory = (struct test_memory *)base;
    struct mapping *mapping;

    if (gfn + count > base->low_end >> GUEST_PAGE_SHIFT) {
        error_set(err, -EFAULT, "test: mapping outside of the guest's memory");
        return NULL;
    }
    mapping = malloc(sizeof(*mapping) + count * GUEST_PAGE_SIZE);
    *mapping = (struct mapping){gfn, count};
    memcpy(mapping + 1, memory->bytes + gfn * GUEST_PAGE_SIZE, count * GUEST_PAGE_SIZE);
    memory->maps++;
    memory->mapped += (unsigned int)count;
    if (memory->mapped > memory->most_mapped)
        memory->most_mapped = memory->mapped;
    return mapping + 1;
}

static void unmap_copy(struct guest_memory *base, void *address, size_t count)
{
    struct test_memory *memory = (struct test_memory *)base;
    struct mapping *mapping = (struct mapping *)address - 1;

    memcpy(memory->bytes + mapping->gfn * GUEST_PAGE_SIZE, address, count * GUEST_PAGE_SIZE);
    memory->mapped -= (unsigned int)count;
    free(mapping);
}

void test_memory_init(struct test_memory *memory, uint64_t low_end)
{
    *memory = (struct test_memory){
        .base = {.low_end = low_end, .map = map_copy, .unmap = unmap_copy},
        .bytes = calloc(1, low_end),
    };
}

void test_memory_free(struct test_memory *memory)
{
    free(memory->bytes);
}

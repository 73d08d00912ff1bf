// SPDX-License-Identifier: MIT
/*
 * Recognising files and parsing the bzImage header. The header's fields are those of "The Linux/x86 Boot
 * Protocol" (Linux Documentation/arch/x86/boot.rst); the payload fields came with protocol 2.08.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <dom0/builder_elf.h>
#include <dom0/builder_image.h>

/* Offsets into the file. */
#define BZ_SETUP_SECTS    0x1f1u /* real-mode sectors after the boot sector; 0 means 4 */
#define BZ_BOOT_FLAG      0x1feu
#define BZ_MAGIC          0x202u
#define BZ_VERSION        0x206u
#define BZ_PAYLOAD_OFFSET 0x248u /* from the start of the protected-mode part */
#define BZ_PAYLOAD_LENGTH 0x24cu
#define BZ_HEADER_END     0x250u
#define BZ_SECTOR         512u

static uint32_t read_le(const void *data, size_t offset, unsigned int bytes)
{
    const uint8_t *at = (const uint8_t *)data + offset;
    uint32_t value = 0;

    while (bytes--)
        value = value << 8 | at[bytes];
    return value;
}

struct magic {
    const char *bytes;
    size_t size;
    enum compression compression;
    const char *what;
};

/* Compressed data, those we can unpack first; then other things a user may mistake for a kernel. */
static const struct magic magics[] = {
    {"\x1f\x8b", 2, COMPRESSION_GZIP, "a gzip file"},
    {"\3757zXZ", 6, COMPRESSION_XZ, "an XZ file"}, /* the string's own zero is part of it */
    {"\x02\x21\x4c\x18", 4, COMPRESSION_LZ4, "an LZ4 file"},
    {"\x28\xb5\x2f\xfd", 4, COMPRESSION_ZSTD, "a zstd file"},
    {"BZh", 3, COMPRESSION_UNKNOWN, "a bzip2 file"},
    {"\x5d\x00\x00", 3, COMPRESSION_UNKNOWN, "an LZMA file"},
    {"\x89LZO", 4, COMPRESSION_UNKNOWN, "an LZO file"},
    {"\x04\x22\x4d\x18", 4, COMPRESSION_UNKNOWN, "an LZ4 file in the modern frame"},
    {"MZ", 2, COMPRESSION_UNKNOWN, "a PE/EFI image"},
    {"070701", 6, COMPRESSION_UNKNOWN, "a cpio archive (an initrd?)"},
    {"!<arch>\n", 8, COMPRESSION_UNKNOWN, "an ar archive (a Debian package?)"},
    {"#!", 2, COMPRESSION_UNKNOWN, "a script"},
};

static const struct magic *find_magic(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
        if (size >= magics[i].size && !memcmp(data, magics[i].bytes, magics[i].size))
            return &magics[i];
    return NULL;
}

enum compression compression_of(const uint8_t *data, size_t size)
{
    const struct magic *magic = find_magic(data, size);

    return magic ? magic->compression : COMPRESSION_UNKNOWN;
}

bool image_is_bzimage(const void *data, size_t size)
{
    return size >= BZ_VERSION && read_le(data, BZ_BOOT_FLAG, 2) == 0xaa55 &&
           !memcmp((const uint8_t *)data + BZ_MAGIC, "HdrS", 4);
}

bool image_is_elf(const void *data, size_t size)
{
    return size >= 4 && !memcmp(data, "\177ELF", 4);
}

static int unknown_compression(const uint8_t *payload, size_t size, struct error *err)
{
    const struct magic *magic = find_magic(payload, size);

    return error_set(
        err, -ENOEXEC,
        "it is a Linux bzImage whose payload is %s (it starts with %02x %02x %02x %02x); gzip, XZ, LZ4 "
        "and zstd can be unpacked",
        magic ? magic->what : "compressed in an unknown way", payload[0], payload[1], payload[2], payload[3]);
}

int bzimage_parse(const void *data, size_t size, struct bzimage *image, struct error *err)
{
    uint64_t start, length, sectors;
    unsigned int version;

    if (size < BZ_HEADER_END)
        return error_set(err, -ENOEXEC, "it is a Linux bzImage cut off inside its header, after %zu bytes",
                         size);
    version = read_le(data, BZ_VERSION, 2);
    if (version < 0x208)
        return error_set(err, -ENOEXEC,
                         "it is a Linux bzImage of boot protocol %u.%02u; PVH needs 2.08 or newer",
                         version >> 8, version & 0xff);
    sectors = read_le(data, BZ_SETUP_SECTS, 1);
    start = ((sectors ? sectors : 4) + 1) * BZ_SECTOR + read_le(data, BZ_PAYLOAD_OFFSET, 4);
    length = read_le(data, BZ_PAYLOAD_LENGTH, 4);
    if (length < 8)
        return error_set(err, -ENOEXEC,
                         "it is a Linux bzImage without a compressed kernel (%u bytes of payload)",
                         (unsigned int)length);
    if (start > size || length > size - start)
        return error_set(err, -ENOEXEC,
                         "it is a Linux bzImage cut off: its payload ends at byte %llu, the file at byte %zu",
                         (unsigned long long)(start + length), size);

    image->payload = (const uint8_t *)data + start;
    image->compression = compression_of(image->payload, length);
    if (image->compression == COMPRESSION_UNKNOWN)
        return unknown_compression(image->payload, length, err);
    image->unpacked_size = read_le(image->payload, length - 4, 4);
    /* gzip ends in this length by itself; the kernel's build appends it to the others. */
    image->payload_size = image->compression == COMPRESSION_GZIP ? length : length - 4;
    return 0;
}

static void describe_elf(const uint8_t *data, size_t size, char *text, size_t room)
{
    unsigned int machine = size >= 20 ? read_le(data, 18, 2) : 0;
    const char *name = elf_machine_name(machine);

    if (name)
        snprintf(text, room, "an ELF file for %s", name);
    else
        snprintf(text, room, "an ELF file for machine %u", machine);
}

static void describe_bytes(const uint8_t *data, size_t size, char *text, size_t room)
{
    size_t shown = size < 8 ? size : 8, used;

    used = (size_t)snprintf(text, room, "a file of an unknown kind (%zu bytes, starting with", size);
    for (size_t i = 0; i < shown && used < room; i++)
        used += (size_t)snprintf(text + used, room - used, " %02x", data[i]);
    if (used < room)
        snprintf(text + used, room - used, ")");
}

void image_describe(const void *data, size_t size, char *text, size_t room)
{
    const struct magic *magic = find_magic(data, size);

    if (!size)
        snprintf(text, room, "an empty file");
    else if (image_is_bzimage(data, size))
        snprintf(text, room, "a Linux bzImage");
    else if (image_is_elf(data, size))
        describe_elf(data, size, text, room);
    else if (magic)
        snprintf(text, room, "%s", magic->what);
    else
        describe_bytes(data, size, text, room);
}

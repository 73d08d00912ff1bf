// SPDX-License-Identifier: MIT
/*
 * What kind of file is this? Recognises kernel images and takes Linux's bzImage apart.
 */
#ifndef DOM0_BUILDER_IMAGE_H
#define DOM0_BUILDER_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dom0/error.h>

enum compression {
    COMPRESSION_UNKNOWN,
    COMPRESSION_GZIP,
    COMPRESSION_XZ,
    COMPRESSION_LZ4, /* the legacy frame, which is what kernels use */
    COMPRESSION_ZSTD,
};

/* By the magic number at the start of @data. */
enum compression compression_of(const uint8_t *data, size_t size);

/* The compressed vmlinux inside a bzImage. */
struct bzimage {
    const uint8_t *payload;
    size_t payload_size;    /* bytes of compressed data, without the length that follows it */
    uint32_t unpacked_size; /* bytes, as that length says; the file's claim, not a fact */
    enum compression compression;
};

bool image_is_bzimage(const void *data, size_t size);
bool image_is_elf(const void *data, size_t size);

/* Check a bzImage's header and find its payload. Returns 0, or a negative errno with *err. */
int bzimage_parse(const void *data, size_t size, struct bzimage *image, struct error *err);

/* Describe a file for an error message ("a gzip file", "a PE/EFI image", "an empty file" …) in at most @room
 * bytes. */
void image_describe(const void *data, size_t size, char *text, size_t room);

#endif

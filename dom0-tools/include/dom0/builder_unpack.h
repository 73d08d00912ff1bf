// SPDX-License-Identifier: MIT
/*
 * Decompression of kernel payloads. The data is hostile; a decoder may fail, but it neither overruns nor
 * allocates without bound.
 */
#ifndef DOM0_BUILDER_UNPACK_H
#define DOM0_BUILDER_UNPACK_H

#include <stddef.h>
#include <stdint.h>

#include <dom0/builder_image.h>
#include <dom0/error.h>

/* Unpacked bytes are handed over in pieces of at most this size. */
#define UNPACK_PIECE (256u * 1024)

/* Takes the next unpacked bytes; anything but 0 ends the unpacking with that value. */
typedef int (*unpack_put)(void *ctx, const void *data, size_t size, struct error *err);

/*
 * Unpack gzip, XZ or LZ4 as a stream, with a buffer (XZ: the dictionary, 33 MiB for Debian's kernels; LZ4:
 * one block of 8 MiB) instead of the whole result in memory. Returns 0 or a negative errno.
 */
int unpack_stream(enum compression compression, const uint8_t *packed, size_t packed_size, unpack_put put,
                  void *ctx, struct error *err);

/* Called between pieces of unpack_zstd's work with the bytes unpacked so far. */
typedef void (*unpack_tick)(void *ctx, size_t done);

/*
 * Unpack zstd into @out, @out_size bytes in one piece. Kernels are packed with a window of 128 MiB, which a
 * streaming decoder would have to allocate; unpacked in place, the output itself is the window. Returns 0 and
 * the number of bytes in *done, or a negative errno.
 */
int unpack_zstd(const uint8_t *packed, size_t packed_size, void *out, size_t out_size, size_t *done,
                unpack_tick tick, void *ctx, struct error *err);

#endif

// SPDX-License-Identifier: MIT
/*
 * The four decompressors behind one face: zlib, liblzma, LZ4's block decoder and zstd.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#define ZSTD_STATIC_LINKING_ONLY /* for ZSTD_d_stableOutBuffer; zstd is linked statically */
#include <zstd.h>
#include <zstd_errors.h>

#include <dom0/builder_unpack.h>

/* Larger XZ dictionaries are refused before they are allocated; Linux's own kernels use up to 128 MiB. */
#define XZ_MEMORY_MAX (256u << 20)

#define LZ4_LEGACY_BLOCK (8u << 20) /* unpacked size of every block but the last */

static int corrupt(struct error *err, const char *format, size_t offset, const char *why)
{
    return error_set(err, -EBADMSG, "its %s payload is corrupt near byte %zu of it (%s)", format, offset,
                     why);
}

static int cut_off(struct error *err, const char *format, size_t size)
{
    return error_set(err, -EBADMSG, "its %s payload is cut off after %zu bytes", format, size);
}

static int no_memory(struct error *err, const char *format)
{
    return error_set(err, -ENOMEM, "dom0 has not enough memory left to unpack its %s payload", format);
}

static int gunzip(z_stream *stream, const uint8_t *packed, size_t packed_size, uint8_t *buffer,
                  unpack_put put, void *ctx, struct error *err)
{
    int state = Z_OK;

    stream->next_in = (uint8_t *)packed; /* zlib only reads it; its type predates const */
    stream->avail_in = (uInt)packed_size;
    while (state != Z_STREAM_END) {
        size_t bytes;

        stream->next_out = buffer;
        stream->avail_out = UNPACK_PIECE;
        state = inflate(stream, Z_NO_FLUSH);
        if (state == Z_MEM_ERROR)
            return no_memory(err, "gzip");
        if (state == Z_BUF_ERROR)
            return cut_off(err, "gzip", packed_size);
        if (state != Z_OK && state != Z_STREAM_END)
            return corrupt(err, "gzip", packed_size - stream->avail_in,
                           stream->msg ? stream->msg : "unexpected data");
        bytes = UNPACK_PIECE - stream->avail_out;
        if (put(ctx, buffer, bytes, err))
            return err->code;
    }
    return 0;
}

static int unpack_gzip(const uint8_t *packed, size_t packed_size, uint8_t *buffer, unpack_put put, void *ctx,
                       struct error *err)
{
    z_stream stream = {0};
    int rc;

    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) /* 16: expect a gzip header */
        return no_memory(err, "gzip");
    rc = gunzip(&stream, packed, packed_size, buffer, put, ctx, err);
    inflateEnd(&stream);
    return rc;
}

static int xz_error(lzma_stream *stream, lzma_ret state, size_t packed_size, struct error *err)
{
    size_t offset = packed_size - stream->avail_in;

    switch (state) {
    case LZMA_MEMLIMIT_ERROR:
        return error_set(err, -ENOMEM,
                         "its XZ payload needs %llu MiB of memory to unpack; the limit is %u MiB",
                         (unsigned long long)(lzma_memusage(stream) >> 20), XZ_MEMORY_MAX >> 20);
    case LZMA_MEM_ERROR:
        return error_set(err, -ENOMEM, "dom0 has not the %llu MiB left that unpacking its XZ payload takes",
                         (unsigned long long)(lzma_memusage(stream) >> 20));
    case LZMA_BUF_ERROR: return cut_off(err, "XZ", packed_size);
    case LZMA_OPTIONS_ERROR: return corrupt(err, "XZ", offset, "unknown options");
    case LZMA_FORMAT_ERROR: return corrupt(err, "XZ", offset, "bad header");
    default: return corrupt(err, "XZ", offset, "bad data");
    }
}

static int unxz(lzma_stream *stream, const uint8_t *packed, size_t packed_size, uint8_t *buffer,
                unpack_put put, void *ctx, struct error *err)
{
    lzma_ret state = LZMA_OK;

    stream->next_in = packed;
    stream->avail_in = packed_size;
    while (state != LZMA_STREAM_END) {
        stream->next_out = buffer;
        stream->avail_out = UNPACK_PIECE;
        state = lzma_code(stream, LZMA_RUN);
        if (state != LZMA_OK && state != LZMA_STREAM_END)
            return xz_error(stream, state, packed_size, err);
        if (put(ctx, buffer, UNPACK_PIECE - stream->avail_out, err))
            return err->code;
    }
    return 0;
}

static int unpack_xz(const uint8_t *packed, size_t packed_size, uint8_t *buffer, unpack_put put, void *ctx,
                     struct error *err)
{
    lzma_stream stream = LZMA_STREAM_INIT;
    int rc;

    if (lzma_stream_decoder(&stream, XZ_MEMORY_MAX, 0) != LZMA_OK)
        return no_memory(err, "XZ");
    rc = unxz(&stream, packed, packed_size, buffer, put, ctx, err);
    lzma_end(&stream);
    return rc;
}

static int put_in_pieces(const uint8_t *data, size_t size, unpack_put put, void *ctx, struct error *err)
{
    while (size) {
        size_t piece = size < UNPACK_PIECE ? size : UNPACK_PIECE;

        if (put(ctx, data, piece, err))
            return err->code;
        data += piece;
        size -= piece;
    }
    return 0;
}

/* The legacy frame: a magic number, then blocks, each a 4-byte packed size and its data, until the payload's
 * end. */
static int unlz4(const uint8_t *packed, size_t packed_size, uint8_t *block, unpack_put put, void *ctx,
                 struct error *err)
{
    size_t at = 4;

    while (at < packed_size) {
        uint32_t size;
        int bytes;

        if (packed_size - at < sizeof(size))
            return cut_off(err, "LZ4", packed_size);
        memcpy(&size, packed + at, sizeof(size));
        if (!size || size > LZ4_COMPRESSBOUND(LZ4_LEGACY_BLOCK))
            return corrupt(err, "LZ4", at, "impossible block size");
        at += sizeof(size);
        if (size > packed_size - at)
            return cut_off(err, "LZ4", packed_size);
        bytes = LZ4_decompress_safe((const char *)packed + at, (char *)block, (int)size, LZ4_LEGACY_BLOCK);
        if (bytes < 0)
            return corrupt(err, "LZ4", at, "bad block");
        if (put_in_pieces(block, (size_t)bytes, put, ctx, err))
            return err->code;
        at += size;
    }
    return 0;
}

int unpack_stream(enum compression compression, const uint8_t *packed, size_t packed_size, unpack_put put,
                  void *ctx, struct error *err)
{
    const char *format = compression == COMPRESSION_GZIP ? "gzip"
                         : compression == COMPRESSION_XZ ? "XZ"
                                                         : "LZ4";
    uint8_t *buffer = malloc(compression == COMPRESSION_LZ4 ? LZ4_LEGACY_BLOCK : UNPACK_PIECE);
    int rc;

    if (!buffer)
        return no_memory(err, format);
    if (compression == COMPRESSION_GZIP)
        rc = unpack_gzip(packed, packed_size, buffer, put, ctx, err);
    else if (compression == COMPRESSION_XZ)
        rc = unpack_xz(packed, packed_size, buffer, put, ctx, err);
    else
        rc = unlz4(packed, packed_size, buffer, put, ctx, err);
    free(buffer);
    return rc;
}

static int zstd_error(size_t code, size_t offset, size_t out_size, struct error *err)
{
    if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation)
        return no_memory(err, "zstd");
    if (ZSTD_getErrorCode(code) == ZSTD_error_dstSize_tooSmall)
        return error_set(err, -EBADMSG, "its zstd payload holds more than the %zu bytes it claims", out_size);
    return corrupt(err, "zstd", offset, ZSTD_getErrorName(code));
}

static int unzstd(ZSTD_DCtx *decoder, ZSTD_inBuffer *in, ZSTD_outBuffer *out, unpack_tick tick, void *ctx,
                  struct error *err)
{
    size_t total = in->size, rest = 1;

    /* Input goes in piece by piece so that others get the CPU in between; the output buffer must stay the
     * same. */
    in->size = 0;
    while (rest) {
        size_t before_in = in->pos, before_out = out->pos;

        if (in->pos == in->size)
            in->size = total - in->size < UNPACK_PIECE ? total : in->size + UNPACK_PIECE;
        rest = ZSTD_decompressStream(decoder, out, in);
        if (ZSTD_isError(rest))
            return zstd_error(rest, in->pos, out->size, err);
        if (rest && in->pos == before_in && out->pos == before_out)
            return cut_off(err, "zstd", total);
        tick(ctx, out->pos);
    }
    return 0;
}

int unpack_zstd(const uint8_t *packed, size_t packed_size, void *out, size_t out_size, size_t *done,
                unpack_tick tick, void *ctx, struct error *err)
{
    ZSTD_inBuffer from = {packed, packed_size, 0};
    ZSTD_outBuffer to = {out, out_size, 0};
    ZSTD_DCtx *decoder = ZSTD_createDCtx();
    int rc;

    if (!decoder)
        return no_memory(err, "zstd");
    ZSTD_DCtx_setParameter(decoder, ZSTD_d_stableOutBuffer, 1);
    ZSTD_DCtx_setParameter(decoder, ZSTD_d_windowLogMax, ZSTD_WINDOWLOG_MAX);
    rc = unzstd(decoder, &from, &to, tick, ctx, err);
    ZSTD_freeDCtx(decoder);
    *done = to.pos;
    return rc;
}

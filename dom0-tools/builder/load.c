// SPDX-License-Identifier: MIT
/*
 * Loading kernel and initrd. A kernel goes through the ELF loader as a stream; only zstd's is unpacked as a
 * whole first, at the top of the guest's own memory, because its window is larger than dom0 (see
 * unpack_zstd()).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <dom0/builder_load.h>
#include <dom0/builder_unpack.h>

#define MIB(bytes) ((unsigned long long)((bytes) >> 20))

void load_advance(struct load_progress *progress, uint64_t bytes)
{
    const struct build_hooks *hooks = progress->hooks;

    progress->done += bytes;
    if (hooks && hooks->progress)
        hooks->progress(hooks->ctx, progress->done, progress->total);
    if (hooks && hooks->yield)
        hooks->yield(hooks->ctx);
}

uint64_t kernel_unpacked_size(const struct image_file *file)
{
    struct bzimage image;
    struct error ignored;

    if (image_is_elf(file->data, file->size))
        return file->size;
    if (image_is_bzimage(file->data, file->size) && !bzimage_parse(file->data, file->size, &image, &ignored))
        return image.unpacked_size;
    return 0;
}

/* What the put and tick callbacks need to know. */
struct kernel_stream {
    struct elf_loader *loader;
    struct load_progress *progress;
    uint64_t fed, size; /* bytes so far, and in all as the file claims */
};

static int put_kernel(void *ctx, const void *data, size_t size, struct error *err)
{
    struct kernel_stream *stream = ctx;

    if (size > stream->size - stream->fed)
        return error_set(err, -EBADMSG, "its payload holds more than the %" PRIu64 " bytes it claims",
                         stream->size);
    if (elf_load_feed(stream->loader, data, size, err))
        return err->code;
    stream->fed += size;
    load_advance(stream->progress, size);
    return 0;
}

static int load_stream(struct elf_loader *loader, struct guest_memory *memory, const struct bzimage *image,
                       struct load_progress *progress, struct error *err)
{
    struct kernel_stream stream = {loader, progress, 0, image->unpacked_size};

    elf_load_begin(loader, memory, memory->low_end);
    if (unpack_stream(image->compression, image->payload, image->payload_size, put_kernel, &stream, err))
        return err->code;
    if (stream.fed != stream.size)
        return error_set(err, -EBADMSG, "its payload unpacks to %" PRIu64 " bytes, but claims %" PRIu64,
                         stream.fed, stream.size);
    return 0;
}

/* Feeds a file that lies in memory. */
static int feed_all(struct elf_loader *loader, const uint8_t *data, size_t size,
                    struct load_progress *progress, struct error *err)
{
    while (size) {
        size_t piece = size < UNPACK_PIECE ? size : UNPACK_PIECE;

        if (elf_load_feed(loader, data, piece, err))
            return err->code;
        load_advance(progress, piece);
        data += piece;
        size -= piece;
    }
    return 0;
}

static void tick_unpacked(void *ctx, size_t done)
{
    struct kernel_stream *stream = ctx;

    load_advance(stream->progress, done - stream->fed);
    stream->fed = done;
}

/* Unpacks into @stage, which starts out as zeros and ends so, and loads from there. */
static int load_through(uint8_t *stage, struct elf_loader *loader, const struct bzimage *image,
                        struct load_progress *progress, struct error *err)
{
    struct kernel_stream stream = {loader, progress, 0, image->unpacked_size};
    const struct build_hooks *hooks = progress->hooks;
    struct build_hooks quiet = {.yield = hooks ? hooks->yield : NULL, .ctx = hooks ? hooks->ctx : NULL};
    struct load_progress counted = {.hooks = &quiet}; /* the bytes were reported when they were unpacked */
    size_t unpacked;
    int rc = unpack_zstd(image->payload, image->payload_size, stage, image->unpacked_size, &unpacked,
                         tick_unpacked, &stream, err);

    if (!rc && unpacked != image->unpacked_size)
        rc = error_set(err, -EBADMSG, "its payload unpacks to %zu bytes, but claims %" PRIu32, unpacked,
                       image->unpacked_size);
    if (!rc)
        rc = feed_all(loader, stage, unpacked, &counted, err);
    memset(stage, 0, image->unpacked_size);
    return rc;
}

static int load_staged(struct elf_loader *loader, struct guest_memory *memory, const struct bzimage *image,
                       struct load_progress *progress, struct error *err)
{
    uint64_t size = guest_page_round_up(image->unpacked_size), stage_gpa;
    void *stage;
    int rc;

    if (!size || size > memory->low_end)
        return error_set(err, -ENOMEM,
                         "unpacking it takes %llu MiB of the domain's memory, which has %llu MiB", MIB(size),
                         MIB(memory->low_end));
    stage_gpa = memory->low_end - size;
    stage = memory->map(memory, stage_gpa >> GUEST_PAGE_SHIFT, size >> GUEST_PAGE_SHIFT, err);
    if (!stage)
        return err->code;
    elf_load_begin(loader, memory, stage_gpa);
    rc = load_through(stage, loader, image, progress, err);
    memory->unmap(memory, stage, size >> GUEST_PAGE_SHIFT);
    return rc;
}

static int load_bzimage(struct elf_loader *loader, struct guest_memory *memory, const struct image_file *file,
                        struct load_progress *progress, struct elf_kernel *kernel, struct error *err)
{
    struct bzimage image;

    if (bzimage_parse(file->data, file->size, &image, err))
        return err->code;
    if (image.compression == COMPRESSION_ZSTD ? load_staged(loader, memory, &image, progress, err)
                                              : load_stream(loader, memory, &image, progress, err))
        return err->code;
    return elf_load_finish(loader, kernel, err);
}

static int load_elf(struct elf_loader *loader, struct guest_memory *memory, const struct image_file *file,
                    struct load_progress *progress, struct elf_kernel *kernel, struct error *err)
{
    elf_load_begin(loader, memory, memory->low_end);
    if (feed_all(loader, file->data, file->size, progress, err))
        return err->code;
    return elf_load_finish(loader, kernel, err);
}

int kernel_load(struct guest_memory *memory, const struct image_file *file, struct load_progress *progress,
                struct elf_kernel *kernel, struct error *err)
{
    struct elf_loader *loader = malloc(sizeof(*loader));
    char kind[80];
    int rc;

    if (!loader)
        return error_set(err, -ENOMEM, "dom0 has not enough memory left to load kernel %s", file->name);
    image_describe(file->data, file->size, kind, sizeof(kind));
    if (image_is_bzimage(file->data, file->size))
        rc = load_bzimage(loader, memory, file, progress, kernel, err);
    else if (image_is_elf(file->data, file->size))
        rc = load_elf(loader, memory, file, progress, kernel, err);
    else
        rc = error_set(err, -ENOEXEC,
                       "it is %s; a kernel is a Linux bzImage or an ELF file with a PVH entry point", kind);
    free(loader);
    if (rc)
        error_prefix(err, "kernel %s", file->name);
    return rc;
}

int ramdisk_load(struct guest_memory *memory, const struct image_file *file, uint64_t after, uint64_t end,
                 struct load_progress *progress, uint64_t *gpa, struct error *err)
{
    const uint8_t *data = file->data;
    uint64_t at = guest_page_round_up(after);

    if (at > end || file->size > end - at)
        return error_set(
            err, -ENOMEM,
            "ramdisk %s: its %llu KiB do not fit: the kernel ends at %llu MiB, and memory for boot data at "
            "%llu MiB",
            file->name, (unsigned long long)file->size >> 10, MIB(after), MIB(end));
    *gpa = at;
    for (size_t left = file->size; left;) {
        size_t piece = left < UNPACK_PIECE ? left : UNPACK_PIECE;

        if (guest_memory_write(memory, at, data, piece, err))
            return error_prefix(err, "ramdisk %s", file->name);
        load_advance(progress, piece);
        data += piece;
        at += piece;
        left -= piece;
    }
    return 0;
}

// SPDX-License-Identifier: MIT
/* Batches of records in a file; see batch.h. */
#define _GNU_SOURCE
#include "batch.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "../hash.h"

struct header {
    uint32_t len;
    uint32_t len_check; /* of len alone: how far to read is known before the records are */
    uint64_t check;     /* of the records */
};
_Static_assert(sizeof(struct header) == BATCH_OVERHEAD, "");

/* Any seed will do, as long as it stays: this finds accidents, not forgeries. */
static uint64_t checksum(const void *bytes, size_t len)
{
    return xs_hash_mix(xs_hash_bytes(0xcbf29ce484222325ULL, bytes, len));
}

static struct header header_of(const void *records, size_t len)
{
    struct header header = {.len = (uint32_t)len, .check = checksum(records, len)};

    header.len_check = (uint32_t)checksum(&header.len, sizeof(header.len));
    return header;
}

int batch_write(int fd, uint64_t offset, const void *records, size_t len)
{
    struct header header = header_of(records, len);
    struct iovec parts[] = {{&header, sizeof(header)}, {(void *)records, len}};
    ssize_t written;

    if (len > UINT32_MAX)
        return EFBIG;
    do
        written = pwritev(fd, parts, 2, (off_t)offset);
    while (written < 0 && errno == EINTR);
    if (written < 0)
        return errno;
    return (size_t)written == sizeof(header) + len ? 0 : ENOSPC;
}

/* The length of the batch that begins at `at`; 0 if it isn't all there. False: it is damaged. */
static bool check_batch(const char *at, size_t left, size_t *len)
{
    struct header header;

    *len = 0;
    if (left < sizeof(header))
        return true;
    memcpy(&header, at, sizeof(header));
    if (header.len_check != (uint32_t)checksum(&header.len, sizeof(header.len)))
        return false;
    if (header.len > left - sizeof(header))
        return true;
    *len = sizeof(header) + header.len;
    return header.check == checksum(at + sizeof(header), header.len);
}

static int read_mapped(const char *bytes, size_t size,
                       int (*take)(void *ctx, const void *records, size_t len), void *ctx, uint64_t *end)
{
    size_t len;
    int error = 0;

    while (*end < size && !error) {
        if (!check_batch(bytes + *end, size - *end, &len))
            return EINVAL;
        if (!len)
            return 0;
        error = take(ctx, bytes + *end + sizeof(struct header), len - sizeof(struct header));
        if (!error)
            *end += len;
    }
    return error;
}

int batch_read_all(int fd, int (*take)(void *ctx, const void *records, size_t len), void *ctx, uint64_t *end)
{
    struct stat status;
    void *bytes;
    int error;

    *end = 0;
    if (fstat(fd, &status))
        return errno;
    if (!status.st_size)
        return 0;
    bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return errno;
    error = read_mapped(bytes, (size_t)status.st_size, take, ctx, end);
    munmap(bytes, (size_t)status.st_size);
    return error;
}

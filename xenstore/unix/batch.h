// SPDX-License-Identifier: MIT
/*
 * Records of the store's state in a file: batches, each with its length and checksums, so that one that was
 * being written when the writer died is told from one that was damaged later.
 */
#ifndef XSD_BATCH_H
#define XSD_BATCH_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that a batch takes in the file beyond its records. */
#define BATCH_OVERHEAD 16

/* Writes one batch at `offset`. 0 or a positive errno; then part of it may be there. */
int batch_write(int fd, uint64_t offset, const void *records, size_t len);

/*
 * Hands each batch of the file to `take`, until that returns an errno. *end is where the last whole batch
 * ends; less than the file's size: the writer died in the middle of the next one. Returns 0, what `take`
 * returned, or a positive errno; EINVAL, also of `take`, means damage at *end.
 */
int batch_read_all(int fd, int (*take)(void *ctx, const void *records, size_t len), void *ctx, uint64_t *end);

#endif

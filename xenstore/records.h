// SPDX-License-Identifier: MIT
/*
 * Records: how state is written down. A record is a type, the length of its payload (both uint32_t), and the
 * payload; numbers are little-endian and not aligned, strings end with a NUL. What is read may be damaged, so
 * each length is checked; what follows the first fault reads as zeros and is refused at the end.
 */
#ifndef XS_RECORDS_H
#define XS_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

#include <stddef.h>

#define XS_STATE_VERSION 2

enum xs_record_type {
    XS_RECORD_STORE = 1,   /* u32 version, u64 generation: the first one of a saved store */
    XS_RECORD_DOMAIN = 2,  /* u16 domid, u8 introduced, u8 shut down, u32 features, u16 target, limits */
    XS_RECORD_DEATH = 3,   /* u16 domid: no longer introduced, permissions that name it are void */
    XS_RECORD_SPECIAL = 4, /* permissions, name: of @introduceDomain or @releaseDomain */
    XS_RECORD_NODE = 5, /* permissions, path, value to the end; made with its missing ancestors, or changed */
    XS_RECORD_REMOVE = 6, /* path: the node and all below it are gone */
    XS_RECORD_QUOTA = 7,  /* name, u32 limit */

    XS_RECORD_CONN = 16,        /* u32 last transaction id, u32 error: the first one of a connection */
    XS_RECORD_WATCH = 17,       /* u8 relative, u32 depth, path, token */
    XS_RECORD_TRANSACTION = 18, /* u32 id */
    XS_RECORD_REQUEST = 19,     /* bytes of a request whose end hasn't come */
    XS_RECORD_OUTPUT = 20,      /* u8 is an event, u32 bytes of it delivered, the message */
};

/* ---- writing ---- */

/* Records in memory. When memory runs out it is failed, and empty from then on. */
struct xs_writer {
    char *bytes;
    size_t len, size;
    size_t record; /* where the current one begins */
    bool failed;
};

void xs_writer_free(struct xs_writer *writer);

/* A record is begun, filled, and ended. */
void xs_record_begin(struct xs_writer *writer, enum xs_record_type type);
void xs_record_end(struct xs_writer *writer);

void xs_put_bytes(struct xs_writer *writer, const void *bytes, size_t len);
void xs_put_string(struct xs_writer *writer, const char *string);
void xs_put_u8(struct xs_writer *writer, uint8_t value);
void xs_put_u16(struct xs_writer *writer, uint16_t value);
void xs_put_u32(struct xs_writer *writer, uint32_t value);
void xs_put_u64(struct xs_writer *writer, uint64_t value);

/* ---- reading ---- */

struct xs_reader {
    const char *at, *end;
    bool damaged;
};

/* Takes the next record: its type, and a reader for its payload. False: there is none, or it is damaged. */
bool xs_record_next(struct xs_reader *reader, uint32_t *type, struct xs_reader *payload);

/* True if all has been read and nothing was missing. */
bool xs_reader_done(const struct xs_reader *reader);

const void *xs_take_bytes(struct xs_reader *reader, size_t len); /* NULL if there aren't as many */
const char *xs_take_string(struct xs_reader *reader);            /* "" if none ends */
uint8_t xs_take_u8(struct xs_reader *reader);
uint16_t xs_take_u16(struct xs_reader *reader);
uint32_t xs_take_u32(struct xs_reader *reader);
uint64_t xs_take_u64(struct xs_reader *reader);
static inline size_t xs_reader_left(const struct xs_reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

#endif

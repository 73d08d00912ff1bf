// SPDX-License-Identifier: MIT
/* Writing and reading of records; see records.h. */
#include "records.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_SIZE (2 * sizeof(uint32_t))

/* ---- writing ---- */

void xs_writer_free(struct xs_writer *writer)
{
    free(writer->bytes);
    *writer = (struct xs_writer){0};
}

static bool make_room(struct xs_writer *writer, size_t len)
{
    size_t size = writer->size ? writer->size : 256;
    char *bytes;

    if (len <= writer->size - writer->len)
        return true;
    while (size - writer->len < len)
        size *= 2;
    bytes = realloc(writer->bytes, size);
    if (!bytes)
        return false;
    writer->bytes = bytes;
    writer->size = size;
    return true;
}

void xs_put_bytes(struct xs_writer *writer, const void *bytes, size_t len)
{
    if (!writer->failed && !make_room(writer, len)) {
        xs_writer_free(writer);
        writer->failed = true;
    }
    if (writer->failed || !len)
        return;
    memcpy(writer->bytes + writer->len, bytes, len);
    writer->len += len;
}

void xs_put_string(struct xs_writer *writer, const char *string)
{
    xs_put_bytes(writer, string, strlen(string) + 1);
}

static void put_number(struct xs_writer *writer, uint64_t value, size_t size)
{
    uint8_t bytes[sizeof(value)];

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    xs_put_bytes(writer, bytes, size);
}

void xs_put_u8(struct xs_writer *writer, uint8_t value)
{
    put_number(writer, value, sizeof(value));
}

void xs_put_u16(struct xs_writer *writer, uint16_t value)
{
    put_number(writer, value, sizeof(value));
}

void xs_put_u32(struct xs_writer *writer, uint32_t value)
{
    put_number(writer, value, sizeof(value));
}

void xs_put_u64(struct xs_writer *writer, uint64_t value)
{
    put_number(writer, value, sizeof(value));
}

void xs_record_begin(struct xs_writer *writer, enum xs_record_type type)
{
    writer->record = writer->len;
    xs_put_u32(writer, type);
    xs_put_u32(writer, 0);
}

void xs_record_end(struct xs_writer *writer)
{
    size_t end = writer->len;

    if (writer->failed)
        return;
    writer->len = writer->record + sizeof(uint32_t);
    xs_put_u32(writer, (uint32_t)(end - writer->record - HEADER_SIZE));
    writer->len = end;
}

/* ---- reading ---- */

const void *xs_take_bytes(struct xs_reader *reader, size_t len)
{
    const char *bytes = reader->at;

    if (len > xs_reader_left(reader)) {
        reader->damaged = true;
        reader->at = reader->end;
        return NULL;
    }
    reader->at += len;
    return bytes;
}

const char *xs_take_string(struct xs_reader *reader)
{
    const char *string = xs_take_bytes(reader, strnlen(reader->at, xs_reader_left(reader)) + 1);

    return string ? string : "";
}

static uint64_t take_number(struct xs_reader *reader, size_t size)
{
    const uint8_t *bytes = xs_take_bytes(reader, size);
    uint64_t value = 0;

    for (size_t i = 0; bytes && i < size; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

uint8_t xs_take_u8(struct xs_reader *reader)
{
    return (uint8_t)take_number(reader, sizeof(uint8_t));
}

uint16_t xs_take_u16(struct xs_reader *reader)
{
    return (uint16_t)take_number(reader, sizeof(uint16_t));
}

uint32_t xs_take_u32(struct xs_reader *reader)
{
    return (uint32_t)take_number(reader, sizeof(uint32_t));
}

uint64_t xs_take_u64(struct xs_reader *reader)
{
    return take_number(reader, sizeof(uint64_t));
}

bool xs_record_next(struct xs_reader *reader, uint32_t *type, struct xs_reader *payload)
{
    const char *bytes;
    uint32_t len;

    if (!xs_reader_left(reader))
        return false;
    *type = xs_take_u32(reader);
    len = xs_take_u32(reader);
    bytes = xs_take_bytes(reader, len);
    *payload = (struct xs_reader){.at = bytes, .end = bytes ? bytes + len : NULL};
    return bytes != NULL;
}

bool xs_reader_done(const struct xs_reader *reader)
{
    return !reader->damaged && reader->at == reader->end;
}

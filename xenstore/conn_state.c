// SPDX-License-Identifier: MIT
/* A connection as records, and back; see <xenstore/state.h>. */
#include <errno.h>
#include <string.h>

#include "conn.h"
#include "domain.h"
#include "state.h"
#include "transaction.h"
#include "watch.h"

/* ---- saving ---- */

static void put_watch(struct xs_writer *writer, const struct xs_watch *watch)
{
    xs_record_begin(writer, XS_RECORD_WATCH);
    xs_put_u8(writer, watch->relative);
    xs_put_u32(writer, watch->depth);
    xs_put_string(writer, xs_watch_path(watch));
    xs_put_string(writer, watch->token);
    xs_record_end(writer);
}

static void put_number(struct xs_writer *writer, enum xs_record_type type, uint32_t number)
{
    xs_record_begin(writer, type);
    xs_put_u32(writer, number);
    xs_record_end(writer);
}

static void put_conn(struct xs_writer *writer, const struct xs_conn *conn)
{
    xs_record_begin(writer, XS_RECORD_CONN);
    xs_put_u32(writer, conn->last_tx_id);
    xs_put_u32(writer, conn->error);
    xs_record_end(writer);
}

static void put_request(struct xs_writer *writer, const struct xs_conn *conn)
{
    xs_record_begin(writer, XS_RECORD_REQUEST);
    xs_put_bytes(writer, conn->request.bytes, conn->taken);
    xs_record_end(writer);
}

static void put_output(struct xs_writer *writer, const struct xs_msg *msg, size_t delivered)
{
    xs_record_begin(writer, XS_RECORD_OUTPUT);
    xs_put_u8(writer, msg->is_event);
    xs_put_u32(writer, (uint32_t)delivered);
    xs_put_bytes(writer, msg->bytes, msg->size);
    xs_record_end(writer);
}

int xs_conn_save(const struct xs_conn *conn, xs_state_write *write, void *ctx)
{
    struct xs_writer writer = {0};
    const struct xs_transaction *transaction;
    const struct xs_watch *watch;
    const struct xs_msg *msg;
    int error;

    put_conn(&writer, conn);
    LIST_FOREACH(watch, &conn->watches, in_conn)
    put_watch(&writer, watch);
    LIST_FOREACH(transaction, &conn->transactions, in_conn)
    put_number(&writer, XS_RECORD_TRANSACTION, transaction->id);
    put_request(&writer, conn);
    TAILQ_FOREACH(msg, &conn->output, next)
    put_output(&writer, msg, msg == TAILQ_FIRST(&conn->output) ? conn->delivered : 0);
    error = xs_state_flush(&writer, 0, write, ctx);
    xs_writer_free(&writer);
    return error;
}

/* ---- restoring ---- */

static int take_watch(struct xs_conn *conn, struct xs_reader *in)
{
    struct xs_watch_request watch;
    char prefix[XS_PATH_PREFIX_SIZE], checked[XS_PATH_SIZE];
    size_t len = xs_path_domain_prefix(conn->domain->domid, prefix);
    const char *path;
    bool special;

    watch.relative = xs_take_u8(in);
    watch.depth = xs_take_u32(in);
    watch.path = path = xs_take_string(in);
    watch.token = xs_take_string(in);
    special = xs_special_of_watch(path) != XS_SPECIAL_COUNT;
    if (in->damaged || (!special && (*path != '/' || !xs_path_absolute(path, 0, checked))) ||
        (watch.relative && strncmp(path, prefix, len)))
        return EINVAL;
    return xs_watch_restore(conn, &watch);
}

static int take_request(struct xs_conn *conn, struct xs_reader *in)
{
    size_t len = xs_reader_left(in);
    const void *bytes = xs_take_bytes(in, len);

    if (len > sizeof(conn->request.header) + XENSTORE_PAYLOAD_MAX)
        return EINVAL;
    memcpy(conn->request.bytes, bytes, len);
    if (len >= sizeof(conn->request.header) &&
        (conn->request.header.len > XENSTORE_PAYLOAD_MAX ||
         len - sizeof(conn->request.header) >= conn->request.header.len))
        return EINVAL; /* too long, or complete */
    conn->taken = len;
    return 0;
}

static int take_output(struct xs_conn *conn, struct xs_reader *in)
{
    bool is_event = xs_take_u8(in);
    uint32_t delivered = xs_take_u32(in);
    size_t len = xs_reader_left(in);
    const void *bytes = xs_take_bytes(in, len);

    if (in->damaged || len < sizeof(struct xsd_sockmsg) ||
        len > sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX || delivered >= len ||
        (delivered && conn->pending))
        return EINVAL;
    return xs_conn_requeue(conn, bytes, len, delivered, is_event) ? 0 : ENOMEM;
}

static void take_conn(struct xs_conn *conn, struct xs_reader *in)
{
    conn->last_tx_id = xs_take_u32(in);
    conn->error = xs_take_u32(in);
}

static int take(struct xs_conn *conn, uint32_t type, struct xs_reader *in)
{
    int error = 0;

    switch (type) {
    case XS_RECORD_CONN: take_conn(conn, in); break;
    case XS_RECORD_WATCH: error = take_watch(conn, in); break;
    case XS_RECORD_TRANSACTION: error = xs_transaction_restore(conn, xs_take_u32(in)); break;
    case XS_RECORD_REQUEST: error = take_request(conn, in); break;
    case XS_RECORD_OUTPUT: error = take_output(conn, in); break;
    default: error = EINVAL; break;
    }
    return error || xs_reader_done(in) ? error : EINVAL;
}

int xs_conn_restore(struct xs_conn *conn, const void *records, size_t len)
{
    struct xs_reader reader = {.at = records, .end = (const char *)records + len}, payload;
    uint32_t type;
    int error = 0;

    while (!error && xs_record_next(&reader, &type, &payload))
        error = take(conn, type, &payload);
    return error || xs_reader_done(&reader) ? error : EINVAL;
}

// SPDX-License-Identifier: MIT
/* Connections: requests coming in piece by piece, replies and events waiting to go out. */
#include "conn.h"

#include <stdlib.h>
#include <string.h>

#include "domain.h"
#include "internal.h"
#include "quota.h"
#include "rate.h"
#include "transaction.h"
#include "watch.h"
#include "wire.h"

/* ---- messages ---- */

static struct xs_msg *msg_new(struct xs_conn *conn, size_t payload)
{
    struct xs_msg *msg = malloc(sizeof(*msg) + sizeof(struct xsd_sockmsg) + payload);

    if (!msg)
        return NULL;
    memset(msg, 0, sizeof(*msg));
    msg->conn = conn;
    msg->size = (uint32_t)(sizeof(struct xsd_sockmsg) + payload);
    conn->domain->usage[XS_QUOTA_MEMORY] += msg->size;
    return msg;
}

void xs_msg_free(struct xs_msg *msg)
{
    msg->conn->domain->usage[XS_QUOTA_MEMORY] -= msg->size;
    free(msg);
}

struct xs_msg *xs_msg_event(struct xs_conn *conn, const char *path, const char *token)
{
    size_t path_size = strlen(path) + 1, token_size = strlen(token) + 1;
    struct xsd_sockmsg header = {.type = XS_WATCH_EVENT, .len = (uint32_t)(path_size + token_size)};
    struct xs_msg *msg = msg_new(conn, header.len);

    if (!msg)
        return NULL;
    msg->is_event = true;
    memcpy(msg->bytes, &header, sizeof(header));
    memcpy(msg->bytes + sizeof(header), path, path_size);
    memcpy(msg->bytes + sizeof(header) + path_size, token, token_size);
    return msg;
}

/* ---- output ---- */

static void enqueue(struct xs_conn *conn, struct xs_msg *msg)
{
    TAILQ_INSERT_TAIL(&conn->output, msg, next);
    conn->pending += msg->size;
    if (!msg->is_event)
        conn->replies++;
    if (conn->wakeup)
        conn->wakeup(conn->data);
}

static void dequeue(struct xs_conn *conn)
{
    struct xs_msg *msg = TAILQ_FIRST(&conn->output);

    TAILQ_REMOVE(&conn->output, msg, next);
    if (!msg->is_event)
        conn->replies--;
    else if (!conn->delivered)
        xs_hash_remove(&conn->events, &msg->pending);
    conn->pending -= msg->size - conn->delivered;
    conn->delivered = 0;
    xs_msg_free(msg);
}

static void drop_output(struct xs_conn *conn)
{
    while (!TAILQ_EMPTY(&conn->output))
        dequeue(conn);
}

static bool is_pending(const struct xs_conn *conn, const struct xs_msg *event, uint64_t hash)
{
    const struct xs_hash_entry *entry = xs_hash_first(&conn->events, hash);

    for (; entry; entry = xs_hash_next(entry)) {
        const struct xs_msg *other = xs_container_of(entry, struct xs_msg, pending);

        if (other->size == event->size && !memcmp(other->bytes, event->bytes, event->size))
            return true;
    }
    return false;
}

/* Has the client let too much pile up to be sent `size` bytes more? */
static bool is_overdue(const struct xs_conn *conn, uint32_t size, const char *path)
{
    size_t pending = conn->pending + size;

    return (conn->events_max && pending > conn->events_max) ||
           !xs_quota_admits(conn, XS_QUOTA_MEMORY, pending, path);
}

static uint64_t event_hash(const struct xs_msg *event)
{
    return xs_hash_mix(xs_hash_bytes(event->conn->store->seed, event->bytes, event->size));
}

void xs_conn_send_event(struct xs_msg *event)
{
    struct xs_conn *conn = event->conn;
    uint64_t hash = event_hash(event);
    const char *path = event->bytes + sizeof(struct xsd_sockmsg);

    if (conn->error || is_pending(conn, event, hash)) {
        xs_msg_free(event);
    } else if (is_overdue(conn, event->size, path)) {
        xs_msg_free(event);
        xs_conn_fail(conn, XENSTORE_ERROR_COMM, "it doesn't fetch its watch events");
    } else {
        conn->domain->activity.events++;
        xs_hash_insert(&conn->events, &event->pending, hash);
        enqueue(conn, event);
    }
}

bool xs_conn_reply(struct xs_conn *conn, uint32_t type, const void *payload, size_t len)
{
    struct xsd_sockmsg header = conn->request.header;
    struct xs_msg *msg;

    if (conn->error)
        return true;
    if (len <= XS_SHORT_REPLY) {
        msg = conn->spare;
        conn->spare = NULL;
        msg->conn->domain->usage[XS_QUOTA_MEMORY] -= XS_SHORT_REPLY - (uint32_t)len;
        msg->size = (uint32_t)(sizeof(header) + len);
    } else {
        msg = msg_new(conn, len);
        if (!msg)
            return false;
    }
    header.type = type;
    header.len = (uint32_t)len;
    memcpy(msg->bytes, &header, sizeof(header));
    memcpy(msg->bytes + sizeof(header), payload, len);
    enqueue(conn, msg);
    return true;
}

bool xs_conn_requeue(struct xs_conn *conn, const void *bytes, size_t len, size_t delivered, bool is_event)
{
    struct xs_msg *msg = msg_new(conn, len - sizeof(struct xsd_sockmsg));

    if (!msg)
        return false;
    memcpy(msg->bytes, bytes, len);
    msg->is_event = is_event;
    if (is_event && !delivered)
        xs_hash_insert(&conn->events, &msg->pending, event_hash(msg));
    enqueue(conn, msg);
    conn->delivered += delivered;
    conn->pending -= delivered;
    return true;
}

const void *xs_conn_output(struct xs_conn *conn, size_t *len)
{
    const struct xs_msg *msg = TAILQ_FIRST(&conn->output);

    if (!msg)
        return NULL;
    *len = msg->size - conn->delivered;
    return msg->bytes + conn->delivered;
}

void xs_conn_output_done(struct xs_conn *conn, size_t len)
{
    struct xs_msg *msg = TAILQ_FIRST(&conn->output);

    if (!len)
        return;
    /* From its first byte on, an event is on its way: a later change must be told anew. */
    if (msg->is_event && !conn->delivered)
        xs_hash_remove(&conn->events, &msg->pending);
    conn->delivered += len;
    conn->pending -= len;
    if (conn->delivered == msg->size)
        dequeue(conn);
}

struct xs_msg *xs_conn_take_reply(struct xs_conn *conn)
{
    /* Events may wait in any number, but most came before the reply. */
    struct xs_msg *msg = TAILQ_LAST(&conn->output, xs_msg_list);

    while (msg && msg->is_event)
        msg = TAILQ_PREV(msg, xs_msg_list, next);
    if (!msg)
        return NULL;
    TAILQ_REMOVE(&conn->output, msg, next);
    conn->replies--;
    conn->pending -= msg->size;
    return msg;
}

struct xs_msg *xs_conn_take_event(struct xs_conn *conn)
{
    struct xs_msg *msg = TAILQ_FIRST(&conn->output);

    if (!msg || !msg->is_event)
        return NULL;
    TAILQ_REMOVE(&conn->output, msg, next);
    xs_hash_remove(&conn->events, &msg->pending);
    conn->pending -= msg->size;
    return msg;
}

size_t xs_conn_pending(const struct xs_conn *conn)
{
    return conn->pending;
}

/* ---- input ---- */

bool xs_conn_wants_input(const struct xs_conn *conn)
{
    uint32_t limit = xs_quota_limit(conn->store, conn->domain, XS_QUOTA_OUTSTANDING);

    if (conn->error || xs_rate_delay(conn))
        return false;
    return conn->privileged || !limit || conn->replies < limit;
}

uint32_t xs_conn_delay(const struct xs_conn *conn)
{
    return conn->error ? 0 : xs_rate_delay(conn);
}

uint32_t xs_conn_features(const struct xs_conn *conn)
{
    return conn->privileged ? XS_FEATURES : conn->domain->state.features;
}

/* A request is begun only when its short reply is sure: an operation that took place can be acknowledged. */
static bool have_spare(struct xs_conn *conn)
{
    if (!conn->spare)
        conn->spare = msg_new(conn, XS_SHORT_REPLY);
    return conn->spare != NULL;
}

/* Bytes that are missing from the header, or else from the payload it announces. */
static size_t missing(const struct xs_conn *conn)
{
    size_t size = sizeof(conn->request.header);

    if (conn->taken >= size)
        size += conn->request.header.len;
    return size - conn->taken;
}

size_t xs_conn_input(struct xs_conn *conn, const void *bytes, size_t len)
{
    size_t used = 0;

    while (used < len && xs_conn_wants_input(conn) && have_spare(conn)) {
        size_t part = missing(conn);

        if (part > len - used)
            part = len - used;
        memcpy(conn->request.bytes + conn->taken, (const char *)bytes + used, part);
        conn->taken += part;
        used += part;

        if (conn->taken == sizeof(conn->request.header) && conn->request.header.len > XENSTORE_PAYLOAD_MAX) {
            xs_conn_fail(conn, XENSTORE_ERROR_PROTO, "it announced a request longer than 4096 bytes");
            break;
        }
        if (missing(conn))
            continue;
        conn->request.bytes[conn->taken] = '\0';
        xs_wire_handle(conn, conn->request.bytes + sizeof(conn->request.header), conn->request.header.len);
        conn->taken = 0;
    }
    return used;
}

/* ---- beginning and end ---- */

struct xs_conn *xs_conn_open(struct xs_store *store, const struct xs_conn_config *config)
{
    struct xs_domain *domain = xs_domain_get(store, config->domid);
    struct xs_conn *conn = domain ? calloc(1, sizeof(*conn)) : NULL;

    if (!conn)
        return NULL;
    conn->store = store;
    conn->domain = domain;
    conn->privileged = config->privileged;
    conn->domain_ring = config->domain_ring;
    conn->events_max = config->events_max;
    conn->wakeup = config->wakeup;
    conn->data = config->data;
    TAILQ_INIT(&conn->output);
    LIST_INIT(&conn->watches);
    LIST_INIT(&conn->transactions);
    xs_hash_init(&conn->events);
    LIST_INSERT_HEAD(&store->conns, conn, in_store);
    if (conn->domain_ring)
        domain->conn = conn;
    return conn;
}

void xs_conn_reset(struct xs_conn *conn)
{
    xs_watch_remove_all(conn);
    xs_transaction_drop_all(conn);
    drop_output(conn);
    conn->taken = 0;
    conn->error = XENSTORE_ERROR_NONE;
}

void xs_conn_close(struct xs_conn *conn)
{
    xs_conn_reset(conn);
    if (conn->spare)
        xs_msg_free(conn->spare);
    if (conn->domain_ring)
        conn->domain->conn = NULL;
    xs_hash_free(&conn->events);
    LIST_REMOVE(conn, in_store);
    free(conn);
}

void xs_conn_fail(struct xs_conn *conn, uint32_t error, const char *why)
{
    uint64_t failures = ++conn->domain->failures;

    /* Watches and transactions stay until the reset: the request at hand may be working with them. */
    conn->error = error;
    drop_output(conn);
    /* A client that reconnects only to fail again must not fill the log. */
    if (!(failures & (failures - 1)))
        xs_log(conn->store, conn->domain->domid, "its connection is closed: %s", why);
    if (conn->wakeup)
        conn->wakeup(conn->data);
}

uint32_t xs_conn_error(const struct xs_conn *conn)
{
    return conn->error;
}

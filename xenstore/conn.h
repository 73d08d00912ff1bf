// SPDX-License-Identifier: MIT
/* Connections from the inside: who a client is, what it is in the middle of, what waits for it. */
#ifndef XS_CONN_H
#define XS_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/queue.h>

#include <xenstore/conn.h>

#include "hash.h"
#include "path.h"

struct xs_transaction;
struct xs_watch;

/* A reply or watch event: what goes over the wire, and its place in a queue. */
struct xs_msg {
    TAILQ_ENTRY(xs_msg) next;
    struct xs_conn *conn;
    struct xs_hash_entry pending; /* in conn->events: only events, until their first byte is delivered */
    uint32_t size;                /* of bytes */
    bool is_event;
    char bytes[]; /* struct xsd_sockmsg and payload */
};
TAILQ_HEAD(xs_msg_list, xs_msg);

/* A reply whose payload is no longer than this never fails for lack of memory. */
#define XS_SHORT_REPLY 16

struct xs_conn {
    LIST_ENTRY(xs_conn) in_store;
    struct xs_store *store;
    struct xs_domain *domain;
    bool privileged;
    bool domain_ring;
    size_t events_max; /* see struct xs_conn_config */
    void (*wakeup)(void *data);
    void *data;
    uint32_t error; /* XENSTORE_ERROR_* */

    /* The request that is coming in. One byte more, so that its last string ends whatever the client sent. */
    size_t taken; /* bytes of header and payload that are here */
    union {
        struct xsd_sockmsg header;
        char bytes[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX + 1];
    } request;

    struct xs_msg *spare;      /* for a short reply */
    struct xs_msg_list output; /* not delivered yet */
    size_t delivered;          /* bytes of the first one that are */
    size_t pending;            /* bytes of all that aren't */
    uint32_t replies;          /* in output */
    struct xs_hash events;     /* of output, to find duplicates */

    LIST_HEAD(, xs_watch) watches;
    LIST_HEAD(, xs_transaction) transactions;
    uint32_t last_tx_id;
    uint32_t conflicts; /* transactions in a row that met somebody's change */
};

/* An event for a watch, not queued yet. NULL: out of memory. */
struct xs_msg *xs_msg_event(struct xs_conn *conn, const char *path, const char *token);
void xs_msg_free(struct xs_msg *msg);

/* Queues an event (consumed), unless the same one waits already. A client that let too many pile up is cut
 * off. */
void xs_conn_send_event(struct xs_msg *event);

/* Queues the answer to the request at hand. A long one may fail: false, out of memory. */
bool xs_conn_reply(struct xs_conn *conn, uint32_t type, const void *payload, size_t len);

/*
 * Queues a message as it was before a restart, `delivered` bytes of it: it has a header and no more payload
 * than the protocol allows. False: out of memory.
 */
bool xs_conn_requeue(struct xs_conn *conn, const void *bytes, size_t len, size_t delivered, bool is_event);

/*
 * For a client in the same program, which takes each reply before it asks again: the reply, or the oldest
 * event, removed from the output. The client frees it. NULL: there is none.
 */
struct xs_msg *xs_conn_take_reply(struct xs_conn *conn);
struct xs_msg *xs_conn_take_event(struct xs_conn *conn);

/* XENSTORE_SERVER_FEATURE_* that the client may use. */
uint32_t xs_conn_features(const struct xs_conn *conn);

/* Ends the connection: its transport sees the error, its output is dropped. */
void xs_conn_fail(struct xs_conn *conn, uint32_t error, const char *why);

#endif

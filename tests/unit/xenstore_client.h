// SPDX-License-Identifier: MIT
/*
 * A store and its clients for tests. Payloads are written with '|' for NUL, so that a whole exchange reads as
 * one line:
 *
 *     assert_string_equal(ask(c, XS_WRITE, 0, "/a|value"), "OK|");
 *     assert_string_equal(ask(c, XS_READ, 0, "/b|"), "ENOENT");
 */
#ifndef XENSTORE_CLIENT_H
#define XENSTORE_CLIENT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xs_wire.h>

#include <xenstore/conn.h>
#include <xenstore/store.h>
#include <xenstore/wire_newer.h>

#define CLIENTS_MAX 16

struct client {
    struct xs_conn *conn;
    unsigned int wakeups;
    uint32_t req_id;
};

struct world {
    struct xs_store *store;
    struct client clients[CLIENTS_MAX];
    unsigned int client_count;
    struct client *tool; /* privileged, domain 0 */

    /* What the hooks saw. */
    char quota[64]; /* the last report: "name domid limit path" */
    unsigned int quota_reports;
    char log[200];
    unsigned int introduced, released;
    int introduce_result;
};

static inline void see_quota(void *ctx, const struct xs_quota_report *report)
{
    struct world *w = ctx;

    snprintf(w->quota, sizeof(w->quota), "%s %u %u %s", report->name, report->domid, report->limit,
             report->path);
    w->quota_reports++;
}

static inline void see_log(void *ctx, uint16_t domid, const char *what)
{
    struct world *w = ctx;

    snprintf(w->log, sizeof(w->log), "%u: %s", domid, what);
}

static inline void count_wakeup(void *data)
{
    ((struct client *)data)->wakeups++;
}

static inline struct client *connect_client(struct world *w, uint16_t domid, bool privileged,
                                            bool domain_ring)
{
    struct client *c = &w->clients[w->client_count++];
    struct xs_conn_config config = {
        .domid = domid,
        .privileged = privileged,
        .domain_ring = domain_ring,
        .wakeup = count_wakeup,
        .data = c,
    };

    assert_true(w->client_count <= CLIENTS_MAX);
    c->conn = xs_conn_open(w->store, &config);
    assert_non_null(c->conn);
    return c;
}

/* A guest: its connection, without the toolstack's introduction. */
static inline struct client *guest(struct world *w, uint16_t domid)
{
    return connect_client(w, domid, false, true);
}

static inline int see_introduce(void *ctx, uint16_t domid, uint64_t gfn, uint32_t port)
{
    struct world *w = ctx;

    (void)domid, (void)gfn, (void)port;
    w->introduced++;
    return w->introduce_result;
}

static inline void see_release(void *ctx, uint16_t domid)
{
    struct world *w = ctx;

    (void)domid;
    w->released++;
}

static inline int make_world(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct xs_hooks hooks = {
        .ctx = w,
        .quota_exceeded = see_quota,
        .log = see_log,
        .introduce = see_introduce,
        .release = see_release,
    };

    w->store = xs_store_create(&hooks, 0x5eed);
    assert_non_null(w->store);
    w->tool = connect_client(w, 0, true, false);
    *state = w;
    return 0;
}

static inline int end_world(void **state)
{
    struct world *w = *state;

    for (unsigned int i = 0; i < w->client_count; i++) {
        if (w->clients[i].conn)
            xs_conn_close(w->clients[i].conn);
    }
    xs_store_destroy(w->store);
    free(w);
    return 0;
}

static inline void disconnect(struct client *c)
{
    xs_conn_close(c->conn);
    c->conn = NULL;
}

/* Takes the next message out of a connection; its payload with '|' for NUL. False: there is none. */
static inline bool next_message(struct client *c, struct xsd_sockmsg *header, char *text)
{
    size_t len;
    const char *bytes = xs_conn_output(c->conn, &len);

    if (!bytes)
        return false;
    assert_true(len >= sizeof(*header));
    memcpy(header, bytes, sizeof(*header));
    assert_int_equal(len, sizeof(*header) + header->len);
    for (size_t i = 0; i < header->len; i++)
        text[i] = bytes[sizeof(*header) + i] ? bytes[sizeof(*header) + i] : '|';
    text[header->len] = '\0';
    xs_conn_output_done(c->conn, len);
    return true;
}

static inline void send_request(struct client *c, uint32_t type, uint32_t tx, const char *text)
{
    char message[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
    size_t len = strlen(text);
    struct xsd_sockmsg header = {type, ++c->req_id, tx, (uint32_t)len};

    memcpy(message, &header, sizeof(header));
    for (size_t i = 0; i < len; i++)
        message[sizeof(header) + i] = text[i] == '|' ? '\0' : text[i];
    assert_int_equal(xs_conn_input(c->conn, message, sizeof(header) + len), sizeof(header) + len);
}

#define TEXTS 8 /* results that stay valid */

static inline char *text_buffer(void)
{
    static char texts[TEXTS][XENSTORE_PAYLOAD_MAX + 1];
    static unsigned int turn;

    return texts[turn++ % TEXTS];
}

/* The answer: its payload, or the name of the error. Events in front of it stay out of the way only if there
 * are none. */
static inline const char *ask(struct client *c, uint32_t type, uint32_t tx, const char *text)
{
    char *answer = text_buffer();
    struct xsd_sockmsg header;

    send_request(c, type, tx, text);
    assert_true(next_message(c, &header, answer));
    assert_int_equal(header.req_id, c->req_id);
    assert_int_equal(header.tx_id, tx);
    if (header.type == XS_ERROR)
        answer[header.len - 1] = '\0'; /* the '|' */
    else
        assert_int_equal(header.type, type);
    return answer;
}

/* The next message if it is an event, "" if nothing waits. */
static inline const char *event(struct client *c)
{
    char *text = text_buffer();
    struct xsd_sockmsg header;

    if (!next_message(c, &header, text))
        return "";
    assert_int_equal(header.type, XS_WATCH_EVENT);
    assert_int_equal(header.req_id, 0);
    assert_int_equal(header.tx_id, 0);
    return text;
}

static inline uint32_t start(struct client *c)
{
    return (uint32_t)strtoul(ask(c, XS_TRANSACTION_START, 0, "|"), NULL, 10);
}

/* Watches a path and takes the first event. */
static inline void watch(struct client *c, const char *path, const char *token)
{
    char text[256];

    snprintf(text, sizeof(text), "%s|%s|", path, token);
    assert_string_equal(ask(c, XS_WATCH, 0, text), "OK|");
    assert_string_equal(event(c), text);
}

#define OK(call)            assert_string_equal(call, "OK|")
#define ANSWERS(call, text) assert_string_equal(call, text)

#endif

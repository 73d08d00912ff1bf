// SPDX-License-Identifier: MIT
/*
 * Hostile bytes on three connections: the toolstack's and two guests'. The input is a list of actions: raw
 * bytes or well-formed requests in pieces of any size, output that is fetched or not, restarts in the middle
 * of everything. Each whole request has one answer with its number, what comes out is well-formed, and
 * nothing is left behind.
 */
#include <stdint.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xs_wire.h>

#include <xenstore/conn.h>
#include <xenstore/state.h>
#include <xenstore/wire_newer.h>

#define CLIENTS     3
#define MESSAGE_MAX (sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX)

struct input {
    const uint8_t *at, *end;
};

struct client {
    struct xs_conn *conn;
    size_t len; /* of the message that is being fetched */
    char message[MESSAGE_MAX];
};

static struct xs_store *store;
static struct client clients[CLIENTS];

#define require(condition)                                                    \
    do {                                                                      \
        if (!(condition)) {                                                   \
            fprintf(stderr, "line %d: not true: %s\n", __LINE__, #condition); \
            abort();                                                          \
        }                                                                     \
    } while (0)

static uint8_t next(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static void open_client(unsigned int i)
{
    struct xs_conn_config config = {
        .domid = (uint16_t)i, .privileged = !i, .domain_ring = i, .events_max = 20000};

    clients[i].conn = xs_conn_open(store, &config);
    clients[i].len = 0;
    require(clients[i].conn != NULL);
}

/* ---- what comes out ---- */

static void check_message(const struct client *c)
{
    struct xsd_sockmsg header;
    const char *payload = c->message + sizeof(header);

    memcpy(&header, c->message, sizeof(header));
    require(header.type < XS_WIRE_OPERATIONS);
    if (header.type == XS_ERROR)
        require(header.len && !payload[header.len - 1] && payload[0] == 'E');
    if (header.type == XS_WATCH_EVENT)
        require(header.len && !payload[header.len - 1] && !header.req_id && !header.tx_id);
}

/* Fetches up to `max` bytes, in whatever pieces they come. */
static void fetch(struct client *c, size_t max)
{
    const char *bytes;
    size_t len;

    while (max && (bytes = xs_conn_output(c->conn, &len))) {
        struct xsd_sockmsg header;

        len = len < max ? len : max;
        require(c->len + len <= MESSAGE_MAX);
        memcpy(c->message + c->len, bytes, len);
        c->len += len;
        max -= len;
        xs_conn_output_done(c->conn, len);
        if (c->len < sizeof(header))
            continue;
        memcpy(&header, c->message, sizeof(header));
        require(header.len <= XENSTORE_PAYLOAD_MAX);
        if (c->len == sizeof(header) + header.len) {
            check_message(c);
            c->len = 0;
        }
    }
}

/* ---- what goes in ---- */

static void reopen_if_broken(unsigned int i)
{
    if (!xs_conn_error(clients[i].conn))
        return;
    xs_conn_close(clients[i].conn);
    open_client(i);
}

static void send(unsigned int i, const void *bytes, size_t len)
{
    size_t taken = 0;

    while (taken < len && !xs_conn_error(clients[i].conn)) {
        size_t now = xs_conn_input(clients[i].conn, (const char *)bytes + taken, len - taken);

        require(now <= len - taken);
        if (!now)
            fetch(&clients[i], SIZE_MAX);
        taken += now;
    }
    reopen_if_broken(i);
}

static void raw_bytes(unsigned int i, struct input *in)
{
    char bytes[256];
    size_t len = next(in);

    for (size_t n = 0; n < len; n++)
        bytes[n] = (char)next(in);
    send(i, bytes, len);
}

/* An honest header; the payload is taken from the input, ',' standing for NUL. */
static void request(unsigned int i, struct input *in)
{
    char message[sizeof(struct xsd_sockmsg) + UINT8_MAX];
    struct xsd_sockmsg header = {.type = next(in) % (XS_WIRE_OPERATIONS + 1), .req_id = 7};

    header.tx_id = next(in) % 4;
    header.len = next(in);
    memcpy(message, &header, sizeof(header));
    for (uint32_t n = 0; n < header.len; n++) {
        char c = (char)next(in);

        message[sizeof(header) + n] = c == ',' ? '\0' : c;
    }
    send(i, message, sizeof(header) + header.len);
}

/* ---- restarts ---- */

static void restart(void)
{
    struct xs_conn *renewed[CLIENTS];
    struct xs_store *other;

    require(!xs_store_renew(store, &other));
    for (unsigned int i = 0; i < CLIENTS; i++)
        require(!xs_conn_renew(clients[i].conn, other, &renewed[i]));
    for (unsigned int i = 0; i < CLIENTS; i++) {
        require(xs_conn_pending(renewed[i]) == xs_conn_pending(clients[i].conn));
        xs_conn_close(clients[i].conn);
        clients[i].conn = renewed[i];
    }
    for (uint16_t domid = 0; domid < CLIENTS; domid++) {
        require(xs_store_usage(store, domid, XS_QUOTA_NODES) == xs_store_usage(other, domid, XS_QUOTA_NODES));
        require(xs_store_usage(other, domid, XS_QUOTA_TRANSACTIONS) <= 10 || !domid);
    }
    xs_store_replace(store, other);
    store = other;
}

/* ---- actions ---- */

static void act(struct input *in)
{
    uint8_t action = next(in);
    unsigned int i = (action >> 4) % CLIENTS;

    switch (action % 8) {
    case 0: raw_bytes(i, in); break;
    case 1:
    case 2:
    case 3: request(i, in); break;
    case 4: fetch(&clients[i], SIZE_MAX); break;
    case 5: fetch(&clients[i], next(in)); break;
    case 6: restart(); break;
    case 7:
        xs_conn_reset(clients[i].conn);
        clients[i].len = 0;
        break;
    }
    for (i = 0; i < CLIENTS; i++)
        reopen_if_broken(i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct xs_hooks hooks;
    struct input in = {data, data + size};

    store = xs_store_create(&hooks, 1);
    require(store != NULL);
    xs_store_set_quota(store, XS_QUOTA_MEMORY, 100000);
    for (unsigned int i = 0; i < CLIENTS; i++)
        open_client(i);
    while (in.at < in.end)
        act(&in);
    for (unsigned int i = 0; i < CLIENTS; i++)
        xs_conn_close(clients[i].conn);
    for (uint16_t domid = 0; domid < CLIENTS; domid++) {
        require(!xs_store_usage(store, domid, XS_QUOTA_WATCHES));
        require(!xs_store_usage(store, domid, XS_QUOTA_TRANSACTIONS));
        require(!xs_store_domain_dead(store, domid));
    }
    xs_store_destroy(store);
    return 0;
}

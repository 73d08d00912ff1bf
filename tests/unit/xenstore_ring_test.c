// SPDX-License-Identifier: MIT
/* The shared-page transport against a well-behaved guest, a slow one, and one that writes what it likes into
 * the page (invariant 9). */
#include "xenstore_client.h"

#include <xenstore/ring.h>
#include <xenstore/state.h>

#include "random.h"

struct bench {
    struct world *w;
    struct client *g;
    struct xenstore_domain_interface page;
    struct xs_ring ring;
    unsigned int notified;
};

static void count_notify(void *data)
{
    ((struct bench *)data)->notified++;
}

static int make_bench(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));

    make_world((void **)&b->w);
    b->g = guest(b->w, 5);
    OK(ask(b->w->tool, XS_MKDIR, 0, "/local/domain/5|"));
    OK(ask(b->w->tool, XS_SET_PERMS, 0, "/local/domain/5|n5|"));
    xs_ring_attach(&b->ring, &b->page, b->g->conn, count_notify, b);
    *state = b;
    return 0;
}

static int end_bench(void **state)
{
    struct bench *b = *state;

    end_world((void **)&b->w);
    free(b);
    return 0;
}

/* ---- the guest's side ---- */

static void put(struct bench *b, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        b->page.req[MASK_XENSTORE_IDX(b->page.req_prod++)] = ((const char *)bytes)[i];
}

static size_t get(struct bench *b, void *bytes, size_t len)
{
    size_t i = 0;

    while (i < len && b->page.rsp_cons != b->page.rsp_prod)
        ((char *)bytes)[i++] = b->page.rsp[MASK_XENSTORE_IDX(b->page.rsp_cons++)];
    return i;
}

static void put_request(struct bench *b, uint32_t type, uint32_t req_id, const char *text)
{
    size_t len = strlen(text);
    struct xsd_sockmsg header = {type, req_id, 0, (uint32_t)len};
    char payload[512];

    for (size_t i = 0; i < len; i++)
        payload[i] = text[i] == '|' ? '\0' : text[i];
    put(b, &header, sizeof(header));
    put(b, payload, len);
}

static const char *get_reply(struct bench *b, struct xsd_sockmsg *header)
{
    char *text = text_buffer();

    assert_int_equal(get(b, header, sizeof(*header)), sizeof(*header));
    assert_int_equal(get(b, text, header->len), header->len);
    for (size_t i = 0; i < header->len; i++)
        text[i] = text[i] ? text[i] : '|';
    text[header->len] = '\0';
    return text;
}

/* ---- tests ---- */

static void a_fresh_ring_announces_features(void **state)
{
    struct bench *b = *state;

    assert_int_equal(b->page.server_features, XENSTORE_SERVER_FEATURE_RECONNECTION |
                                                  XENSTORE_SERVER_FEATURE_ERROR |
                                                  XENSTORE_WIRE_FEATURE_WATCHDEPTH);
    assert_int_equal(b->page.connection, XENSTORE_CONNECTED);
    assert_false(xs_ring_run(&b->ring));
    assert_int_equal(b->notified, 0);
}

/* It may have found a page that somebody else had used, even before the store has. */
static void a_reconnect_that_waits_at_the_introduction_is_served(void **state)
{
    struct bench *b = *state;
    struct xsd_sockmsg header;

    b->page.req_prod = 17;
    b->page.rsp_prod = 5000;
    b->page.connection = XENSTORE_RECONNECT;
    xs_ring_attach(&b->ring, &b->page, b->g->conn, count_notify, b);
    assert_int_equal(b->page.connection, XENSTORE_RECONNECT);
    xs_ring_run(&b->ring);
    assert_int_equal(b->page.connection, XENSTORE_CONNECTED);
    assert_int_equal(b->page.error, XENSTORE_ERROR_NONE);
    assert_int_equal(b->page.req_prod, 0);
    assert_int_equal(b->page.rsp_prod, 0);
    assert_int_equal(b->notified, 1);
    put_request(b, XS_MKDIR, 1, "a|");
    xs_ring_run(&b->ring);
    OK(get_reply(b, &header));
}

/* Nor read: evtchn_port of later headers is there. */
static void what_is_behind_the_fields_is_left_alone(void **state)
{
    struct {
        struct xenstore_domain_interface page;
        uint32_t behind;
    } shared = {.page = {.connection = XENSTORE_CONNECTED}, .behind = 0xdeadbeef};
    struct bench *b = *state;

    assert_int_equal(sizeof(shared.page), 2076);
    xs_ring_attach(&b->ring, &shared.page, b->g->conn, count_notify, b);
    shared.page.connection = XENSTORE_RECONNECT;
    xs_ring_run(&b->ring);
    shared.page.req_prod = XENSTORE_RING_SIZE + 1;
    xs_ring_run(&b->ring);
    assert_int_equal(shared.page.error, XENSTORE_ERROR_RINGIDX);
    assert_int_equal(shared.page.connection, XENSTORE_CONNECTED);
    assert_int_equal(shared.behind, 0xdeadbeef);
}

static void requests_and_replies_wrap(void **state)
{
    struct bench *b = *state;
    struct xsd_sockmsg header;

    for (uint32_t i = 1; i < 500; i++) {
        char text[64], value[16];

        snprintf(text, sizeof(text), "a/b|%u", i);
        snprintf(value, sizeof(value), "%u", i);
        put_request(b, XS_WRITE, i, text);
        put_request(b, XS_READ, i + 1000, "a/b|");
        while (xs_ring_run(&b->ring))
            ;
        OK(get_reply(b, &header));
        assert_int_equal(header.req_id, i);
        ANSWERS(get_reply(b, &header), value);
        assert_int_equal(header.req_id, i + 1000);
    }
    assert_true(b->page.req_prod > 10 * XENSTORE_RING_SIZE);
    assert_int_equal(b->page.req_cons, b->page.req_prod);
    assert_true(b->notified >= 499);
}

static void indices_wrap_around_32_bits(void **state)
{
    struct bench *b = *state;
    struct xsd_sockmsg header;

    b->page.req_cons = b->page.req_prod = 0xfffffff0;
    b->page.rsp_cons = b->page.rsp_prod = 0xfffffffe;
    xs_ring_attach(&b->ring, &b->page, b->g->conn, count_notify, b);
    put_request(b, XS_WRITE, 1, "x|0123456789");
    xs_ring_run(&b->ring);
    OK(get_reply(b, &header));
    assert_int_equal(b->page.error, XENSTORE_ERROR_NONE);
}

static void partial_headers_wait(void **state)
{
    struct bench *b = *state;
    struct xsd_sockmsg header = {XS_GET_DOMAIN_PATH, 9, 0, 2};

    for (size_t i = 0; i < sizeof(header); i++) {
        put(b, (char *)&header + i, 1);
        xs_ring_run(&b->ring);
        assert_int_equal(b->page.rsp_prod, 0);
    }
    put(b, "5", 2);
    xs_ring_run(&b->ring);
    ANSWERS(get_reply(b, &header), "/local/domain/5|");
}

static void a_full_response_ring_waits_for_the_guest(void **state)
{
    struct bench *b = *state;
    char value[1500], text[2000];
    struct xsd_sockmsg header;
    size_t got;

    memset(value, 'v', sizeof(value));
    value[sizeof(value) - 1] = '\0';
    snprintf(text, sizeof(text), "/local/domain/5/long|%s", value);
    OK(ask(b->w->tool, XS_WRITE, 0, text));
    put_request(b, XS_READ, 1, "long|");
    put_request(b, XS_READ, 2, "long|");
    while (xs_ring_run(&b->ring))
        ;
    assert_int_equal(b->page.rsp_prod, XENSTORE_RING_SIZE);
    OK(ask(b->w->tool, XS_MKDIR, 0, "/others/go/on|"));
    for (uint32_t id = 1; id <= 2; id++) {
        for (got = 0; got < sizeof(header) + strlen(value);) {
            size_t len = get(b, text + got, sizeof(header) + strlen(value) - got);

            got += len;
            xs_ring_run(&b->ring);
            assert_int_not_equal(len, 0);
        }
        memcpy(&header, text, sizeof(header));
        assert_int_equal(header.req_id, id);
        assert_memory_equal(text + sizeof(header), value, strlen(value));
    }
    assert_int_equal(xs_conn_pending(b->g->conn), 0);
}

static void a_guest_that_never_reads_is_held_back(void **state)
{
    struct bench *b = *state;
    unsigned int requests = 0;

    while (XENSTORE_RING_SIZE - (b->page.req_prod - b->page.req_cons) >= 18) {
        put_request(b, XS_GET_DOMAIN_PATH, requests++, "5|");
        while (xs_ring_run(&b->ring))
            ;
        assert_true(requests < 1000);
    }
    assert_true(xs_conn_pending(b->g->conn) <= 20 * 64);
    assert_int_equal(b->page.error, XENSTORE_ERROR_NONE);
}

static void a_run_is_bounded(void **state)
{
    struct bench *b = *state;
    unsigned int runs = 1;

    /* While the guest keeps producing, a run comes back and says that there is more. */
    for (unsigned int i = 0; i < 100; i++) {
        struct xsd_sockmsg header;

        put_request(b, XS_GET_DOMAIN_PATH, i, "5|");
        runs += xs_ring_run(&b->ring);
        while (b->page.rsp_cons != b->page.rsp_prod)
            get_reply(b, &header);
    }
    assert_true(runs < 200);
}

static void wild_indices_break_only_this_ring(void **state)
{
    struct bench *b = *state;
    struct xsd_sockmsg header;

    b->page.req_prod = XENSTORE_RING_SIZE + 1;
    xs_ring_run(&b->ring);
    assert_int_equal(b->page.error, XENSTORE_ERROR_RINGIDX);
    assert_int_equal(b->notified, 1);
    b->page.req_prod = 0;
    put_request(b, XS_GET_DOMAIN_PATH, 1, "5|");
    assert_false(xs_ring_run(&b->ring));
    assert_int_equal(b->page.rsp_prod, 0);

    b->page.connection = XENSTORE_RECONNECT;
    xs_ring_run(&b->ring);
    assert_int_equal(b->page.connection, XENSTORE_CONNECTED);
    assert_int_equal(b->page.error, XENSTORE_ERROR_NONE);
    b->page.rsp_cons = 7;
    put_request(b, XS_GET_DOMAIN_PATH, 1, "5|");
    xs_ring_run(&b->ring);
    assert_int_equal(b->page.error, XENSTORE_ERROR_RINGIDX);
    OK(ask(b->w->tool, XS_MKDIR, 0, "/x|"));

    b->page.connection = XENSTORE_RECONNECT;
    xs_ring_run(&b->ring);
    put_request(b, XS_GET_DOMAIN_PATH, 1, "5|");
    xs_ring_run(&b->ring);
    ANSWERS(get_reply(b, &header), "/local/domain/5|");
}

static void our_own_indices_are_not_the_guests_to_change(void **state)
{
    struct bench *b = *state;
    struct xsd_sockmsg header;

    put_request(b, XS_GET_DOMAIN_PATH, 1, "5|");
    xs_ring_run(&b->ring);
    get_reply(b, &header);
    b->page.req_cons = 12345;
    b->page.rsp_prod = 54321;
    put_request(b, XS_GET_DOMAIN_PATH, 2, "5|");
    xs_ring_run(&b->ring);
    assert_int_equal(b->page.req_cons, b->page.req_prod);
    ANSWERS(get_reply(b, &header), "/local/domain/5|");
    assert_int_equal(header.req_id, 2);
}

static void a_too_long_request_is_a_protocol_error(void **state)
{
    struct bench *b = *state;
    struct xsd_sockmsg header = {XS_READ, 1, 0, 5000};

    put(b, &header, sizeof(header));
    xs_ring_run(&b->ring);
    assert_int_equal(b->page.error, XENSTORE_ERROR_PROTO);
}

static void reconnecting_drops_watches_transactions_and_output(void **state)
{
    struct bench *b = *state;
    struct xsd_sockmsg header;

    put_request(b, XS_WATCH, 1, "a|t|");
    put_request(b, XS_TRANSACTION_START, 2, "|");
    put(b, "half a header", 5);
    xs_ring_run(&b->ring);
    b->page.connection = XENSTORE_RECONNECT;
    xs_ring_run(&b->ring);
    assert_int_equal(b->page.connection, XENSTORE_CONNECTED);
    assert_int_equal(b->page.req_prod | b->page.req_cons | b->page.rsp_prod | b->page.rsp_cons, 0);
    assert_int_equal(xs_store_usage(b->w->store, 5, XS_QUOTA_WATCHES), 0);
    assert_int_equal(xs_store_usage(b->w->store, 5, XS_QUOTA_TRANSACTIONS), 0);
    put_request(b, XS_WATCH, 3, "a|t|");
    xs_ring_run(&b->ring);
    OK(get_reply(b, &header));
    ANSWERS(get_reply(b, &header), "a|t|");
    assert_int_equal(header.type, XS_WATCH_EVENT);
}

/* ---- restarts ---- */

static void restart(struct bench *b)
{
    struct world *w = b->w;
    struct xs_conn *renewed[CLIENTS_MAX];
    struct xs_store *other;

    assert_int_equal(xs_store_renew(w->store, &other), 0);
    for (unsigned int i = 0; i < w->client_count; i++)
        assert_int_equal(xs_conn_renew(w->clients[i].conn, other, &renewed[i]), 0);
    for (unsigned int i = 0; i < w->client_count; i++) {
        xs_conn_close(w->clients[i].conn);
        w->clients[i].conn = renewed[i];
    }
    b->ring.conn = b->g->conn;
    xs_store_replace(w->store, other);
    w->store = other;
}

/* The guest's streams of bytes, which go into the ring and come out of it in pieces of any size. */
struct streams {
    char out[8192], in[8192];
    size_t out_len, in_len;
};

static void say(struct streams *s, uint32_t type, uint32_t req_id, const char *text)
{
    size_t len = strlen(text);
    struct xsd_sockmsg header = {type, req_id, 0, (uint32_t)len};

    assert_true(s->out_len + sizeof(header) + len <= sizeof(s->out));
    memcpy(s->out + s->out_len, &header, sizeof(header));
    s->out_len += sizeof(header);
    for (size_t i = 0; i < len; i++)
        s->out[s->out_len++] = text[i] == '|' ? '\0' : text[i];
}

/* Moves some bytes each way. */
static void pump(struct bench *b, struct streams *s)
{
    size_t room = XENSTORE_RING_SIZE - (b->page.req_prod - b->page.req_cons);
    size_t len = random_below(64);

    len = len < room ? len : room;
    len = len < s->out_len ? len : s->out_len;
    put(b, s->out, len);
    s->out_len -= len;
    memmove(s->out, s->out + len, s->out_len);
    len = random_below(64);
    s->in_len += get(b, s->in + s->in_len, len < sizeof(s->in) - s->in_len ? len : sizeof(s->in) - s->in_len);
}

/* The next whole message; false: it isn't here yet. */
static bool hear(struct streams *s, struct xsd_sockmsg *header, char *text)
{
    size_t size;

    if (s->in_len < sizeof(*header))
        return false;
    memcpy(header, s->in, sizeof(*header));
    size = sizeof(*header) + header->len;
    if (s->in_len < size)
        return false;
    memcpy(text, s->in + sizeof(*header), header->len);
    text[header->len] = '\0';
    s->in_len -= size;
    memmove(s->in, s->in + size, s->in_len);
    return true;
}

static void restarts_lose_nothing_at_any_moment(void **state)
{
    struct bench *b = *state;
    struct streams *s = calloc(1, sizeof(*s));
    uint32_t asked = 1, answered = 0;
    char text[XENSTORE_PAYLOAD_MAX + 1], long_value[700];

    memset(long_value, 'x', sizeof(long_value) - 1);
    long_value[sizeof(long_value) - 1] = '\0';
    say(s, XS_WATCH, asked, "a|t|");
    for (unsigned int i = 0; answered < 20000; i++) {
        struct xsd_sockmsg header;

        if (s->out_len < 4000) {
            snprintf(text, sizeof(text), "a|%u %s", asked + 1, random_below(4) ? "" : long_value);
            say(s, XS_WRITE, ++asked, text);
            say(s, XS_READ, ++asked, "a|");
        }
        pump(b, s);
        if (random_below(2))
            xs_ring_run(&b->ring);
        if (!random_below(8))
            restart(b);
        while (hear(s, &header, text)) {
            if (header.type == XS_WATCH_EVENT) {
                assert_string_equal(text, "a");
                continue;
            }
            assert_int_not_equal(header.type, XS_ERROR);
            assert_int_equal(header.req_id, ++answered);
            if (header.type == XS_READ)
                assert_int_equal(strtoul(text, NULL, 10), header.req_id - 1);
        }
        assert_true(i < 2000000);
    }
    assert_int_equal(b->page.error, XENSTORE_ERROR_NONE);
    free(s);
}

#define INVARIANT(number, test)                              \
    {                                                        \
#number " " #test, test, make_bench, end_bench, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        INVARIANT(9, a_fresh_ring_announces_features),
        INVARIANT(9, a_reconnect_that_waits_at_the_introduction_is_served),
        INVARIANT(9, what_is_behind_the_fields_is_left_alone),
        INVARIANT(9, requests_and_replies_wrap),
        INVARIANT(9, indices_wrap_around_32_bits),
        INVARIANT(9, partial_headers_wait),
        INVARIANT(9, a_full_response_ring_waits_for_the_guest),
        INVARIANT(9, a_guest_that_never_reads_is_held_back),
        INVARIANT(9, a_run_is_bounded),
        INVARIANT(9, wild_indices_break_only_this_ring),
        INVARIANT(9, our_own_indices_are_not_the_guests_to_change),
        INVARIANT(9, a_too_long_request_is_a_protocol_error),
        INVARIANT(12, restarts_lose_nothing_at_any_moment),
        INVARIANT(5, reconnecting_drops_watches_transactions_and_output),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

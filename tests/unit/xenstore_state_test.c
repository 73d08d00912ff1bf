// SPDX-License-Identifier: MIT
/*
 * State that outlives the program: what the journal was told, applied to a new store, makes it the same; so
 * does what was saved; a connection goes on where it was; a journal that refuses leaves everything as it was;
 * damaged records are refused.
 */
#include "xenstore_client.h"

#include <xenstore/local.h>
#include <xenstore/state.h>

#include "random.h"

struct bytes {
    char *at;
    size_t len;
};

static int append(void *ctx, const void *records, size_t len)
{
    struct bytes *bytes = ctx;

    bytes->at = realloc(bytes->at, bytes->len + len);
    assert_non_null(bytes->at);
    memcpy(bytes->at + bytes->len, records, len);
    bytes->len += len;
    return 0;
}

/* ---- a store with a journal ---- */

struct journalled {
    struct world world;
    struct bytes journal;
    int refusal; /* what the journal answers, if not 0 */
    unsigned int refused;
};

static int keep(void *ctx, const void *records, size_t len)
{
    struct journalled *j = ctx;

    if (!j->refusal)
        return append(&j->journal, records, len);
    j->refused++;
    return j->refusal;
}

static int begin(void **state)
{
    struct journalled *j = calloc(1, sizeof(*j));
    struct xs_hooks hooks = {.ctx = j, .introduce = see_introduce, .release = see_release, .journal = keep};

    j->world.store = xs_store_create(&hooks, 0x5eed);
    assert_non_null(j->world.store);
    j->world.tool = connect_client(&j->world, 0, true, false);
    *state = j;
    return 0;
}

static int finish(void **state)
{
    struct journalled *j = *state;
    struct world *w = &j->world;

    for (unsigned int i = 0; i < w->client_count; i++) {
        if (w->clients[i].conn)
            xs_conn_close(w->clients[i].conn);
    }
    xs_store_destroy(w->store);
    free(j->journal.at);
    free(j);
    return 0;
}

static struct xs_store *new_store(void)
{
    static const struct xs_hooks no_hooks;
    struct xs_store *store = xs_store_create(&no_hooks, 7);

    assert_non_null(store);
    return store;
}

/* What two stores with the same state save is the same, but for the generation in the first record. */
static struct bytes saved(struct xs_store *store)
{
    struct bytes bytes = {0};

    assert_int_equal(xs_store_save(store, append, &bytes), 0);
    memset(bytes.at + 12, 0, 8);
    return bytes;
}

static void assert_same(struct xs_store *a, struct xs_store *b)
{
    struct bytes of_a = saved(a), of_b = saved(b);

    assert_int_equal(of_a.len, of_b.len);
    assert_memory_equal(of_a.at, of_b.at, of_a.len);
    for (uint16_t domid = 0; domid < 8; domid++)
        assert_int_equal(xs_store_usage(a, domid, XS_QUOTA_NODES), xs_store_usage(b, domid, XS_QUOTA_NODES));
    free(of_a.at);
    free(of_b.at);
}

/* The store as its journal tells it, and as it is saved, both read into new stores. */
static void assert_survives(struct journalled *j)
{
    struct xs_store *replayed = new_store(), *restored = new_store();
    struct bytes state = {0};

    assert_int_equal(xs_store_apply(replayed, j->journal.at, j->journal.len), 0);
    assert_same(j->world.store, replayed);
    assert_int_equal(xs_store_save(j->world.store, append, &state), 0);
    assert_int_equal(xs_store_apply(restored, state.at, state.len), 0);
    assert_same(j->world.store, restored);
    free(state.at);
    xs_store_destroy(replayed);
    xs_store_destroy(restored);
}

/* ---- stores ---- */

static void a_new_store_survives(void **state)
{
    assert_survives(*state);
}

static void what_every_new_store_has_may_be_gone(void **state)
{
    struct journalled *j = *state;

    OK(ask(j->world.tool, XS_RM, 0, "/tool|"));
    assert_survives(j);
}

static void nodes_and_permissions_survive(void **state)
{
    struct journalled *j = *state;
    struct client *t = j->world.tool, *g;

    OK(ask(t, XS_WRITE, 0, "/a/b/c|value"));
    OK(ask(t, XS_MKDIR, 0, "/a/d|"));
    OK(ask(t, XS_SET_PERMS, 0, "/a/d|n5|r6|b7|"));
    OK(ask(t, XS_WRITE, 0, "/a|with|a NUL"));
    OK(ask(t, XS_SET_PERMS, 0, "/|r0|"));
    OK(ask(t, XS_WRITE, 0, "/gone/too|1"));
    OK(ask(t, XS_RM, 0, "/gone|"));
    OK(ask(t, XS_SET_PERMS, 0, "@releaseDomain|n0|r5|"));
    g = guest(&j->world, 5);
    OK(ask(g, XS_WRITE, 0, "/a/d/e/f|the guest's"));
    assert_survives(j);
}

static void transactions_survive_whole_or_not_at_all(void **state)
{
    struct journalled *j = *state;
    struct client *t = j->world.tool;
    uint32_t tx = start(t);
    size_t before;

    OK(ask(t, XS_WRITE, tx, "/t/a/b|1"));
    OK(ask(t, XS_RM, tx, "/t/a/b|"));
    OK(ask(t, XS_MKDIR, tx, "/t/c|"));
    OK(ask(t, XS_SET_PERMS, tx, "/t/c|n3|"));
    OK(ask(t, XS_WRITE, tx, "/t/c/d|2"));
    OK(ask(t, XS_RM, tx, "/t/c|"));
    OK(ask(t, XS_WRITE, tx, "/t/c|3"));
    OK(ask(t, XS_WRITE, tx, "/t/c|4"));
    before = j->journal.len;
    OK(ask(t, XS_TRANSACTION_END, tx, "T|"));
    assert_true(j->journal.len > before);
    assert_survives(j);

    before = j->journal.len;
    tx = start(t);
    OK(ask(t, XS_WRITE, tx, "/t/c|5"));
    OK(ask(t, XS_TRANSACTION_END, tx, "F|"));
    tx = start(t);
    ANSWERS(ask(t, XS_READ, tx, "/t/c|"), "4");
    OK(ask(t, XS_TRANSACTION_END, tx, "T|"));
    assert_int_equal(j->journal.len, before);
}

static void domains_survive(void **state)
{
    struct journalled *j = *state;
    struct client *t = j->world.tool;

    OK(ask(t, XS_INTRODUCE, 0, "5|1|1|"));
    OK(ask(t, XS_INTRODUCE, 0, "6|1|1|"));
    xs_store_domain_shut_down(j->world.store, 6);
    assert_survives(j);
    OK(ask(t, XS_RESUME, 0, "6|"));
    assert_survives(j);
}

static void what_the_administrator_set_survives(void **state)
{
    struct journalled *j = *state;
    struct client *t = j->world.tool;
    struct xs_store *later = new_store();
    struct world w = {.store = later};
    struct client *c = connect_client(&w, 0, true, false), *stub = guest(&w, 6);

    OK(ask(t, XS_WIRE_SET_QUOTA, 0, "nodes|77|"));
    OK(ask(t, XS_WIRE_SET_FEATURE, 0, "5|3|"));
    OK(ask(t, XS_INTRODUCE, 0, "5|1|1|"));
    OK(ask(t, XS_INTRODUCE, 0, "6|1|1|"));
    OK(ask(t, XS_WIRE_SET_QUOTA, 0, "5|watches|9|"));
    OK(ask(t, XS_SET_TARGET, 0, "6|5|"));
    OK(ask(t, XS_WRITE, 0, "/of5|1"));
    OK(ask(t, XS_SET_PERMS, 0, "/of5|n5|"));
    assert_survives(j);
    assert_int_equal(xs_store_apply(later, j->journal.at, j->journal.len), 0);
    ANSWERS(ask(c, XS_WIRE_GET_QUOTA, 0, "nodes|"), "77|");
    ANSWERS(ask(c, XS_WIRE_GET_QUOTA, 0, "5|watches|"), "9|");
    ANSWERS(ask(c, XS_WIRE_GET_QUOTA, 0, "watches|"), "128|");
    ANSWERS(ask(c, XS_WIRE_GET_FEATURE, 0, "5|"), "3|");
    ANSWERS(ask(stub, XS_READ, 0, "/of5|"), "1");
    disconnect(stub);
    disconnect(c);
    xs_store_destroy(later);
}

static void the_dead_stay_dead(void **state)
{
    struct journalled *j = *state;
    struct client *t = j->world.tool, *reborn;
    struct xs_store *later = new_store();
    struct world w = {.store = later};

    OK(ask(t, XS_INTRODUCE, 0, "5|1|1|"));
    OK(ask(t, XS_WRITE, 0, "/shared|secret"));
    OK(ask(t, XS_SET_PERMS, 0, "/shared|n0|r5|r6|"));
    OK(ask(t, XS_WRITE, 0, "/home|1"));
    OK(ask(t, XS_SET_PERMS, 0, "/home|n5|"));
    OK(ask(t, XS_RELEASE, 0, "5|"));
    OK(ask(t, XS_WRITE, 0, "/again|1"));
    OK(ask(t, XS_SET_PERMS, 0, "/again|n0|r5|"));
    OK(ask(t, XS_WRITE, 0, "/shared/below|1")); /* inherits a list with void entries */
    assert_survives(j);

    assert_int_equal(xs_store_apply(later, j->journal.at, j->journal.len), 0);
    reborn = guest(&w, 5);
    ANSWERS(ask(reborn, XS_READ, 0, "/shared|"), "EACCES");
    ANSWERS(ask(reborn, XS_READ, 0, "/shared/below|"), "EACCES");
    ANSWERS(ask(reborn, XS_READ, 0, "/again|"), "1");
    disconnect(reborn);
    xs_store_destroy(later);
}

static void a_restored_lists_generation_is_new(void **state)
{
    struct journalled *j = *state;
    struct client *t = j->world.tool;
    struct bytes bytes = {0};
    struct world w = {.store = new_store()};
    struct client *c = connect_client(&w, 0, true, false);
    uint64_t before, after;

    OK(ask(t, XS_MKDIR, 0, "/list/a|"));
    before = strtoull(ask(t, XS_DIRECTORY_PART, 0, "/list|0|"), NULL, 10);
    assert_int_equal(xs_store_save(j->world.store, append, &bytes), 0);
    assert_int_equal(xs_store_apply(w.store, bytes.at, bytes.len), 0);
    after = strtoull(ask(c, XS_DIRECTORY_PART, 0, "/list|0|"), NULL, 10);
    assert_true(after > before + 1000000);
    free(bytes.at);
    disconnect(c);
    xs_store_destroy(w.store);
}

/* One random operation on a small tree, in a transaction or not. */
static void random_step(struct world *w, uint32_t *tx)
{
    static const uint32_t types[] = {XS_WRITE, XS_WRITE, XS_MKDIR, XS_RM, XS_SET_PERMS};
    struct client *c = &w->clients[random_below(w->client_count)];
    uint32_t type = types[random_below(5)], *in = &tx[c - w->clients];
    char text[64], path[16];
    unsigned int depth = 1 + random_below(3), len = 0;

    for (unsigned int i = 0; i < depth; i++)
        len += (unsigned int)sprintf(path + len, "/%c", (int)('a' + random_below(3)));
    if (type == XS_SET_PERMS)
        snprintf(text, sizeof(text), "%s|b%lu|r%lu|", path, random_below(7), random_below(7));
    else
        snprintf(text, sizeof(text), type == XS_WRITE ? "%s|%lu" : "%s|", path, random_below(100));
    ask(c, type, random_below(2) ? *in : 0, text);
    if (random_below(8))
        return;
    if (*in)
        ask(c, XS_TRANSACTION_END, *in, random_below(4) ? "T|" : "F|");
    *in = *in ? 0 : start(c);
}

static void random_histories_survive(void **state)
{
    struct journalled *j = *state;
    uint32_t tx[CLIENTS_MAX] = {0};
    char text[16];

    OK(ask(j->world.tool, XS_SET_PERMS, 0, "/|b0|"));
    for (uint16_t domid = 1; domid < 4; domid++)
        guest(&j->world, domid);
    for (unsigned int i = 0; i < 20000; i++) {
        random_step(&j->world, tx);
        if (!random_below(100)) {
            bool introduces = random_below(2);

            snprintf(text, sizeof(text), introduces ? "%lu|1|1|" : "%lu|", 4 + random_below(3));
            ask(j->world.tool, introduces ? XS_INTRODUCE : XS_RELEASE, 0, text);
        }
        if (!(i % 1000))
            assert_survives(j);
    }
    assert_survives(j);
}

/* ---- a journal that refuses ---- */

static void see_local(void *seen, const char *path)
{
    snprintf(seen, 64, "%s", path);
}

static void move(struct journalled *j);

static void clients_in_the_same_program_go_over(void **state)
{
    struct journalled *j = *state;
    struct xs_local *local = xs_local_open(j->world.store, NULL, NULL);
    struct xs_local_watch *watch;
    char seen[64] = "", *value;
    uint32_t tx;

    assert_int_equal(xs_local_watch(local, "/a", see_local, seen, &watch), 0);
    assert_int_equal(xs_local_dispatch(local), 1);
    assert_int_equal(xs_local_write(local, 0, "/a/b", "1", 1), 0);
    assert_int_equal(xs_local_tx_start(local, &tx), 0);
    move(j);
    assert_int_equal(xs_local_dispatch(local), 1); /* the event that waited */
    assert_string_equal(seen, "/a/b");
    assert_int_equal(xs_local_tx_commit(local, tx), -EAGAIN);
    OK(ask(j->world.tool, XS_WRITE, 0, "/a/c|1"));
    assert_int_equal(xs_local_dispatch(local), 1);
    assert_string_equal(seen, "/a/c");
    assert_int_equal(xs_local_read(local, 0, "/a/b", &value, NULL), 0);
    free(value);
    xs_local_unwatch(local, watch);
    xs_local_close(local);
}

static void nothing_happens_that_the_journal_refuses(void **state)
{
    static const struct {
        uint32_t type;
        const char *text;
    } changes[] = {
        {XS_WRITE, "/a|2"},
        {XS_WRITE, "/new/node|"},
        {XS_MKDIR, "/dir|"},
        {XS_RM, "/a|"},
        {XS_SET_PERMS, "/a|n3|"},
        {XS_SET_PERMS, "@introduceDomain|r0|"},
        {XS_INTRODUCE, "7|1|1|"},
        {XS_RELEASE, "5|"},
        {XS_RESUME, "5|"},
        {XS_MKDIR, "/a/below|"},
        {XS_WRITE, "/a/below|22"},
        {XS_WIRE_SET_QUOTA, "nodes|5|"},
        {XS_WIRE_SET_QUOTA, "5|nodes|5|"},
        {XS_WIRE_SET_FEATURE, "8|1|"},
    };
    struct journalled *j = *state;
    struct client *t = j->world.tool;
    struct client *watcher = connect_client(&j->world, 0, true, false);
    struct bytes before;
    uint32_t tx;

    OK(ask(t, XS_WRITE, 0, "/a|1"));
    OK(ask(t, XS_INTRODUCE, 0, "5|1|1|"));
    OK(ask(t, XS_WRITE, 0, "/local/domain/5/x|1"));
    OK(ask(t, XS_SET_PERMS, 0, "/local/domain/5/x|n5|"));
    watch(watcher, "/", "root");
    watch(watcher, "@introduceDomain", "in");
    watch(watcher, "@releaseDomain", "out");
    before = saved(j->world.store);
    j->refusal = ENOSPC;
    j->refused = 0;
    for (unsigned int i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct bytes after;

        ANSWERS(ask(t, changes[i].type, 0, changes[i].text), "ENOSPC");
        assert_int_equal(j->refused, i + 1);
        after = saved(j->world.store);
        assert_int_equal(after.len, before.len);
        assert_memory_equal(after.at, before.at, before.len);
        free(after.at);
    }
    free(before.at);
    tx = start(t);
    OK(ask(t, XS_WRITE, tx, "/a|3"));
    ANSWERS(ask(t, XS_TRANSACTION_END, tx, "T|"), "ENOSPC");
    tx = start(t);
    OK(ask(t, XS_WRITE, tx, "/b|3"));
    j->refusal = 0;
    OK(ask(t, XS_WRITE, 0, "/c|3"));
    j->refusal = EIO;
    ANSWERS(ask(t, XS_TRANSACTION_END, tx, "T|"), "EIO");
    assert_int_equal(xs_store_domain_shut_down(j->world.store, 5), EIO);
    assert_string_equal(event(watcher), "/c|root|");
    assert_string_equal(event(watcher), "");
    assert_int_equal(j->world.introduced, 2);
    assert_int_equal(j->world.released, 1); /* 7, which was connected already */
    assert_survives(j);
}

/* ---- connections ---- */

/* A restart: the clients' connections, and whatever is local, go over to a store with the same state. */
static void move(struct journalled *j)
{
    struct world *w = &j->world;
    struct xs_conn *renewed[CLIENTS_MAX];
    struct xs_store *other;

    assert_int_equal(xs_store_renew(w->store, &other), 0);
    for (unsigned int i = 0; i < w->client_count; i++)
        assert_int_equal(xs_conn_renew(w->clients[i].conn, other, &renewed[i]), 0);
    for (unsigned int i = 0; i < w->client_count; i++) {
        xs_conn_close(w->clients[i].conn);
        w->clients[i].conn = renewed[i];
    }
    xs_store_replace(w->store, other);
    w->store = other;
}

static void watches_survive(void **state)
{
    struct journalled *j = *state;
    struct client *t = j->world.tool, *c = connect_client(&j->world, 0, true, false);

    watch(c, "/a", "absolute");
    watch(c, "rel", "relative");
    watch(c, "@introduceDomain", "special");
    OK(ask(c, XS_WATCH, 0, "/a|shallow|0|"));
    ANSWERS(event(c), "/a|shallow|");
    OK(ask(c, XS_WATCH, 0, "@releaseDomain/5|five|"));
    ANSWERS(event(c), "@releaseDomain/5|five|");
    move(j);
    assert_string_equal(event(c), "");
    OK(ask(t, XS_WRITE, 0, "/a/b|1"));
    OK(ask(t, XS_WRITE, 0, "/local/domain/0/rel/x|1"));
    OK(ask(t, XS_INTRODUCE, 0, "5|1|1|"));
    assert_string_equal(event(c), "/a/b|absolute|");
    assert_string_equal(event(c), "rel/x|relative|");
    assert_string_equal(event(c), "@introduceDomain|special|");
    OK(ask(c, XS_UNWATCH, 0, "/a|absolute|"));
    ANSWERS(ask(c, XS_WATCH, 0, "rel|relative|"), "EEXIST");
}

static void output_goes_on_in_the_middle_of_a_message(void **state)
{
    struct journalled *j = *state;
    struct client *t = j->world.tool, *c = connect_client(&j->world, 0, true, false);
    char first[10], text[64];
    struct xsd_sockmsg header;
    const char *bytes;
    size_t len;

    watch(c, "/a", "t");
    OK(ask(t, XS_WRITE, 0, "/a|1"));
    OK(ask(t, XS_WRITE, 0, "/a/b|1"));
    send_request(c, XS_READ, 0, "/a|");
    memcpy(first, xs_conn_output(c->conn, &len), sizeof(first));
    xs_conn_output_done(c->conn, sizeof(first));
    move(j);
    /* The event on its way counts as told, the one that waits isn't queued twice. */
    OK(ask(t, XS_WRITE, 0, "/a/b|2"));
    OK(ask(t, XS_WRITE, 0, "/a|2"));
    bytes = xs_conn_output(c->conn, &len);
    memcpy(&header, first, sizeof(first));
    memcpy((char *)&header + sizeof(first), bytes, sizeof(header) - sizeof(first));
    assert_int_equal(header.type, XS_WATCH_EVENT);
    assert_int_equal(len + sizeof(first), sizeof(header) + header.len);
    assert_memory_equal(bytes + sizeof(header) - sizeof(first), "/a\0t", 5);
    xs_conn_output_done(c->conn, len);
    assert_string_equal(event(c), "/a/b|t|");
    assert_true(next_message(c, &header, text));
    assert_string_equal(text, "1");
    assert_string_equal(event(c), "/a|t|");
    assert_string_equal(event(c), "");
    assert_int_equal(xs_conn_pending(c->conn), 0);
}

static void a_request_may_come_in_before_and_after(void **state)
{
    const char request[] = "/a\0value";
    struct xsd_sockmsg header = {.type = XS_WRITE, .req_id = 5, .len = sizeof(request) - 1};
    struct journalled *j = *state;
    struct client *c = j->world.tool;
    char text[64];

    xs_conn_input(c->conn, &header, sizeof(header));
    xs_conn_input(c->conn, request, 4);
    move(j);
    xs_conn_input(c->conn, request + 4, sizeof(request) - 5);
    assert_true(next_message(c, &header, text));
    assert_int_equal(header.req_id, 5);
    ANSWERS(ask(c, XS_READ, 0, "/a|"), "value");
}

static void transactions_conflict_across_a_restart(void **state)
{
    struct journalled *j = *state;
    struct client *t = j->world.tool;
    uint32_t tx = start(t), other;

    OK(ask(t, XS_WRITE, tx, "/a|1"));
    move(j);
    other = start(t);
    assert_int_not_equal(other, tx);
    OK(ask(t, XS_WRITE, tx, "/b|1"));
    ANSWERS(ask(t, XS_TRANSACTION_END, tx, "T|"), "EAGAIN");
    ANSWERS(ask(t, XS_TRANSACTION_END, tx, "T|"), "ENOENT");
    OK(ask(t, XS_WRITE, other, "/c|1"));
    OK(ask(t, XS_TRANSACTION_END, other, "T|"));
    ANSWERS(ask(t, XS_READ, 0, "/b|"), "ENOENT");
}

/* ---- damage ---- */

static struct bytes example(struct journalled *j)
{
    struct client *t = j->world.tool;
    struct bytes bytes = {0};

    OK(ask(t, XS_INTRODUCE, 0, "5|1|1|"));
    OK(ask(t, XS_WRITE, 0, "/a/b|value"));
    OK(ask(t, XS_SET_PERMS, 0, "/a|n5|r6|"));
    assert_int_equal(xs_store_save(j->world.store, append, &bytes), 0);
    return bytes;
}

/* Applies a copy of exactly this size, so that a sanitizer sees each byte too many that is read. */
static int apply_copy(const char *bytes, size_t len)
{
    struct xs_store *store = new_store();
    char *copy = malloc(len);
    int error;

    memcpy(copy, bytes, len);
    error = xs_store_apply(store, copy, len);
    free(copy);
    xs_store_destroy(store);
    return error;
}

static void records_cut_short_are_refused(void **state)
{
    struct bytes bytes = example(*state);
    unsigned int whole = 0;

    for (size_t len = 1; len < bytes.len; len++) {
        int error = apply_copy(bytes.at, len);

        whole += !error; /* cut between two records */
        assert_true(!error || error == EINVAL);
    }
    assert_in_range(whole, 5, 20);
    free(bytes.at);
}

static void damaged_records_do_no_harm(void **state)
{
    struct bytes bytes = example(*state);

    for (size_t i = 0; i < bytes.len; i++) {
        for (unsigned int bit = 0; bit < 8; bit++) {
            bytes.at[i] ^= (char)(1u << bit);
            apply_copy(bytes.at, bytes.len);
            bytes.at[i] ^= (char)(1u << bit);
        }
    }
    assert_int_equal(apply_copy(bytes.at, bytes.len), 0);
    free(bytes.at);
}

static void connections_cut_short_or_damaged_do_no_harm(void **state)
{
    struct journalled *j = *state;
    struct client *c = connect_client(&j->world, 0, true, false);
    struct xs_conn_config config = {.privileged = true};
    struct bytes bytes = {0};

    watch(c, "/a", "t");
    watch(c, "rel", "t");
    start(c);
    OK(ask(j->world.tool, XS_WRITE, 0, "/a|1"));
    xs_conn_input(c->conn, "half a header and a bit more", 18);
    assert_int_equal(xs_conn_save(c->conn, append, &bytes), 0);
    for (size_t i = 0; i < 8 * bytes.len; i++) {
        struct xs_conn *conn = xs_conn_open(j->world.store, &config);
        char *copy = malloc(bytes.len);
        size_t len;

        memcpy(copy, bytes.at, bytes.len);
        copy[i / 8] ^= (char)(1u << i % 8);
        xs_conn_restore(conn, copy, bytes.len);
        xs_conn_input(conn, "0123456789abcdef", 16);
        xs_conn_output(conn, &len);
        xs_conn_reset(conn);
        xs_conn_restore(conn, copy, i / 8);
        free(copy);
        xs_conn_close(conn);
    }
    free(bytes.at);
}

/* Invariant 12. */
#define TEST(name)                             \
    {                                          \
        "12 " #name, name, begin, finish, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_store_survives),
        TEST(what_every_new_store_has_may_be_gone),
        TEST(nodes_and_permissions_survive),
        TEST(transactions_survive_whole_or_not_at_all),
        TEST(domains_survive),
        TEST(what_the_administrator_set_survives),
        TEST(clients_in_the_same_program_go_over),
        TEST(the_dead_stay_dead),
        TEST(a_restored_lists_generation_is_new),
        TEST(random_histories_survive),
        TEST(nothing_happens_that_the_journal_refuses),
        TEST(watches_survive),
        TEST(output_goes_on_in_the_middle_of_a_message),
        TEST(a_request_may_come_in_before_and_after),
        TEST(transactions_conflict_across_a_restart),
        TEST(records_cut_short_are_refused),
        TEST(damaged_records_do_no_harm),
        TEST(connections_cut_short_or_damaged_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/*
 * Every allocation failed in turn: each operation of a long scenario is tried again and again, its first
 * allocation failing, then its second, and so on until it needs no more. A failed try must leave the store
 * exactly as it was. Linked with malloc, calloc and realloc wrapped.
 */
#include "xenstore_client.h"

#include <xenstore/local.h>
#include <xenstore/state.h>

#include "../../xenstore/internal.h"

static long allocations_left = -1; /* before they fail; negative: they never do */
static bool failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);

static bool fails(void)
{
    if (allocations_left < 0 || allocations_left-- > 0)
        return false;
    allocations_left = 0;
    failed = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

/* ---- the store as text ---- */

static char *dump_end;

static void dump(struct client *c, const char *path)
{
    char text[128], names[512];

    snprintf(text, sizeof(text), "%s|", path);
    dump_end += sprintf(dump_end, "%s=%s ", path, ask(c, XS_READ, 0, text));
    dump_end += sprintf(dump_end, "%s\n", ask(c, XS_GET_PERMS, 0, text));
    strcpy(names, ask(c, XS_DIRECTORY, 0, text));
    for (char *rest, *name = strtok_r(names, "|", &rest); name; name = strtok_r(NULL, "|", &rest)) {
        snprintf(text, sizeof(text), "%s/%s", strcmp(path, "/") ? path : "", name);
        dump(c, text);
    }
}

static void snapshot(struct world *w, struct client *eye, char *out)
{
    dump_end = out;
    dump(eye, "/");
    for (unsigned int domid = 0; domid < 7; domid++) {
        dump_end += sprintf(dump_end, "%u ", xs_store_usage(w->store, (uint16_t)domid, XS_QUOTA_NODES));
        dump_end += sprintf(dump_end, "%u ", xs_store_usage(w->store, (uint16_t)domid, XS_QUOTA_WATCHES));
    }
}

/* ---- the scenario ---- */

struct line {
    char who; /* T toolstack, G guest 5 */
    uint32_t type;
    bool in_transaction;
    const char *text;
};

static const struct line scenario[] = {
    {'T', XS_MKDIR, false, "/local/domain/5|"},
    {'T', XS_SET_PERMS, false, "/local/domain/5|n5|r0|"},
    {'T', XS_INTRODUCE, false, "5|1|1|"},
    {'T', XS_WATCH, false, "@releaseDomain|t|"},
    {'T', XS_WATCH, false, "/local/domain/5|t|"},
    {'T', XS_WATCH, false, "@releaseDomain/5|t|"},
    {'T', XS_WATCH, false, "@introduceDomain|deep|1|"},
    {'T', XS_WIRE_SET_QUOTA, false, "5|nodes|500|"},
    {'T', XS_WIRE_SET_QUOTA, false, "watches|64|"},
    {'T', XS_WIRE_GET_QUOTA, false, ""},
    {'T', XS_WIRE_SET_FEATURE, false, "6|3|"},
    {'T', XS_CONTROL, false, "quota|5|"},
    {'T', XS_CONTROL, false, "check|"},
    {'T', XS_INTRODUCE, false, "6|1|1|"},
    {'T', XS_SET_TARGET, false, "6|5|"},
    {'G', XS_WATCH, false, "device|a rather long token, so that nothing of it is short|"},
    {'G', XS_WRITE, false, "device/vbd/0/state|1"},
    {'G', XS_WRITE, false, "device/vbd/1/state|1"},
    {'G', XS_WRITE, false, "device/vbd/2/state|1"},
    {'G', XS_WRITE, false, "device/vbd/1/state|a longer value than what a short reply can hold"},
    {'G', XS_READ, false, "device/vbd/1/state|"},
    {'G', XS_DIRECTORY, false, "device/vbd|"},
    {'G', XS_DIRECTORY_PART, false, "device/vbd|0|"},
    {'G', XS_GET_PERMS, false, "device/vbd|"},
    {'G', XS_GET_DOMAIN_PATH, false, "5|"},
    {'G', XS_SET_PERMS, false, "device/vbd/1|n5|b6|"},
    {'G', XS_TRANSACTION_START, false, "|"},
    {'G', XS_READ, true, "device/vbd/1/state|"},
    {'G', XS_WRITE, true, "device/vbd/1/state|2"},
    {'G', XS_WRITE, true, "device/vif/0/state|1"},
    {'G', XS_RM, true, "device/vbd/0|"},
    {'G', XS_SET_PERMS, true, "device/vif/0|n5|r6|"},
    {'T', XS_WRITE, false, "/unrelated|1"},
    {'G', XS_TRANSACTION_END, true, "T|"},
    {'T', XS_RM, false, "/local/domain/5/device/vbd|"},
    {'T', XS_RELEASE, false, "5|"},
};

static const char *try(struct client *c, const struct line *line, uint32_t tx)
{
    char message[sizeof(struct xsd_sockmsg) + 256];
    char *text = text_buffer();
    size_t len = strlen(line->text);
    struct xsd_sockmsg header = {line->type, 1, line->in_transaction ? tx : 0, (uint32_t)len};
    size_t taken;

    memcpy(message, &header, sizeof(header));
    for (size_t i = 0; i < len; i++)
        message[sizeof(header) + i] = line->text[i] == '|' ? '\0' : line->text[i];
    taken = xs_conn_input(c->conn, message, sizeof(header) + len);
    if (!taken)
        return "ENOMEM";
    assert_int_equal(taken, sizeof(header) + len);
    while (next_message(c, &header, text) && header.type == XS_WATCH_EVENT)
        ;
    if (header.type == XS_ERROR)
        text[header.len - 1] = '\0';
    return text;
}

static void drain(struct client *c)
{
    while (strcmp(event(c), ""))
        ;
}

/* A journal that always agrees; what it is told takes memory, too. */
static int agree(void *ctx, const void *records, size_t len)
{
    (void)ctx, (void)records, (void)len;
    return 0;
}

static int make_journalled_world(void **state)
{
    int rc = make_world(state);
    struct world *w = *state;

    w->store->hooks.journal = agree;
    return rc;
}

static void failed_operations_change_nothing(void **state)
{
    static char before[16384], after[16384];
    struct world *w = *state;
    struct client *eye = connect_client(w, 0, true, false), *g = guest(w, 5);
    uint32_t tx = 0;
    size_t tx_started = 0;
    long end_tried = 0; /* allocations of the commit that were failed so far */

    for (size_t i = 0; i < sizeof(scenario) / sizeof(scenario[0]); i++) {
        const struct line *line = &scenario[i];
        struct client *c = line->who == 'T' ? w->tool : g;

        for (long n = line->type == XS_TRANSACTION_END ? end_tried++ : 0;; n++) {
            const char *answer;

            snapshot(w, eye, before);
            failed = false;
            allocations_left = n;
            answer = try(c, line, tx);
            allocations_left = -1;
            drain(w->tool);
            drain(g);
            if (line->type == XS_TRANSACTION_START && strcmp(answer, "ENOMEM")) {
                tx = (uint32_t)strtoul(answer, NULL, 10);
                tx_started = i;
            }
            if (strcmp(answer, "ENOMEM")) {
                assert_int_not_equal(answer[0], 'E'); /* no other error */
                if (!failed)
                    break;
                continue; /* it could do without */
            }
            assert_true(failed);
            snapshot(w, eye, after);
            assert_string_equal(after, before);
            if (line->type == XS_TRANSACTION_END) {
                i = tx_started - 1; /* the commit dropped it: begin again */
                break;
            }
        }
    }
}

/* ---- restarts ---- */

static int append(void *ctx, const void *records, size_t len)
{
    char **end = ctx;

    memcpy(*end, records, len);
    *end += len;
    return 0;
}

/* A store with a client of each kind, in the middle of everything. */
static struct xs_local *make_busy(struct world *w, struct client *g)
{
    struct xs_local *local = xs_local_open(w->store, NULL, NULL);
    size_t len;

    assert_non_null(local);
    OK(ask(w->tool, XS_MKDIR, 0, "/local/domain/5|"));
    OK(ask(w->tool, XS_SET_PERMS, 0, "/local/domain/5|n5|r0|r6|"));
    OK(ask(w->tool, XS_INTRODUCE, 0, "5|1|1|"));
    OK(ask(w->tool, XS_WIRE_SET_QUOTA, 0, "5|nodes|500|"));
    watch(g, "a", "t");
    start(g);
    send_request(g, XS_WRITE, 0, "a/b|1");
    send_request(g, XS_READ, 0, "a/b|");
    assert_non_null(xs_conn_output(g->conn, &len));
    xs_conn_output_done(g->conn, 5);
    return local;
}

/* Moves the connection, then back: both directions must work, or nothing happens. */
static int try_to_restart(struct world *w, struct client *g)
{
    struct xs_conn *tool, *guest_conn;
    struct xs_store *other;
    int error = xs_store_renew(w->store, &other);

    if (error)
        return error;
    error = xs_conn_renew(w->tool->conn, other, &tool);
    if (!error) {
        error = xs_conn_renew(g->conn, other, &guest_conn);
        if (error)
            xs_conn_close(tool);
    }
    if (error) {
        xs_store_stay(w->store, other);
        return error;
    }
    xs_conn_close(w->tool->conn);
    xs_conn_close(g->conn);
    w->tool->conn = tool;
    g->conn = guest_conn;
    xs_store_replace(w->store, other);
    w->store = other;
    return 0;
}

static void a_restart_that_fails_changes_nothing(void **state)
{
    static char before[16384], after[16384];
    struct world *w = *state;
    struct client *g = guest(w, 5);
    struct xs_local *local = make_busy(w, g);
    int error = ENOMEM;

    for (long n = 0; error; n++) {
        char *end_before = before, *end_after = after;

        assert_int_equal(xs_store_save(w->store, append, &end_before), 0);
        assert_int_equal(xs_conn_save(g->conn, append, &end_before), 0);
        failed = false;
        allocations_left = n;
        error = try_to_restart(w, g);
        allocations_left = -1;
        assert_true(!error || (error == ENOMEM && failed));
        assert_int_equal(xs_store_save(w->store, append, &end_after), 0);
        assert_int_equal(xs_conn_save(g->conn, append, &end_after), 0);
        if (!error)
            break; /* its generation is another now */
        assert_int_equal(end_after - after, end_before - before);
        assert_memory_equal(after, before, end_before - before);
    }
    xs_local_close(local);
}

static void opening_fails_cleanly(void **state)
{
    const struct xs_hooks hooks = {0};

    (void)state;
    for (long n = 0;; n++) {
        struct xs_store *store;
        struct xs_local *local;

        allocations_left = n;
        store = xs_store_create(&hooks, 1);
        local = store ? xs_local_open(store, NULL, NULL) : NULL;
        allocations_left = -1;
        if (local)
            xs_local_close(local);
        if (store)
            xs_store_destroy(store);
        if (local)
            break;
        assert_true(n < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(failed_operations_change_nothing, make_world, end_world),
        cmocka_unit_test_setup_teardown(failed_operations_change_nothing, make_journalled_world, end_world),
        cmocka_unit_test_setup_teardown(a_restart_that_fails_changes_nothing, make_world, end_world),
        cmocka_unit_test(opening_fails_cleanly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

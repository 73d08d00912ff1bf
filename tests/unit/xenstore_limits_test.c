// SPDX-License-Identifier: MIT
/*
 * What a client may not do: every quota, with its report to the administrator; malformed requests; output
 * that is never fetched.
 */
#include "xenstore_client.h"

static struct client *housed_guest(struct world *w)
{
    OK(ask(w->tool, XS_MKDIR, 0, "/local/domain/5|"));
    OK(ask(w->tool, XS_SET_PERMS, 0, "/local/domain/5|n5|"));
    return guest(w, 5);
}

/* ---- quotas ---- */

static void defaults_are_those_of_the_stock_store(void **state)
{
    struct world *w = *state;

    assert_int_equal(xs_store_quota(w->store, XS_QUOTA_NODES), 1000);
    assert_int_equal(xs_store_quota(w->store, XS_QUOTA_WATCHES), 128);
    assert_int_equal(xs_store_quota(w->store, XS_QUOTA_OUTSTANDING), 20);
    assert_int_equal(xs_store_quota(w->store, XS_QUOTA_MEMORY), 2560 * 1024);
    assert_int_equal(xs_store_quota(w->store, XS_QUOTA_MEMORY_SOFT), 2048 * 1024);
    assert_int_equal(xs_store_quota(w->store, XS_QUOTA_TRANSACTIONS), 10);
    assert_int_equal(xs_store_quota(w->store, XS_QUOTA_TRANSACTION_NODES), 1024);
    assert_int_equal(xs_store_quota(w->store, XS_QUOTA_PERMISSIONS), 5);
    assert_int_equal(xs_store_quota(w->store, XS_QUOTA_NODE_SIZE), 2048);
}

static void nodes(void **state)
{
    struct world *w = *state;
    struct client *g = housed_guest(w);
    uint32_t tx;

    xs_store_set_quota(w->store, XS_QUOTA_NODES, 5);
    OK(ask(g, XS_WRITE, 0, "a/b/c|1"));
    ANSWERS(ask(g, XS_WRITE, 0, "d/e|1"), "ENOSPC");
    assert_string_equal(w->quota, "nodes 5 5 /local/domain/5/d/e");
    OK(ask(g, XS_WRITE, 0, "a/b/c|2"));
    OK(ask(g, XS_WRITE, 0, "d|1"));
    ANSWERS(ask(g, XS_MKDIR, 0, "e|"), "ENOSPC");
    /* A transaction counts what it has created, and frees what it has removed. */
    tx = start(g);
    ANSWERS(ask(g, XS_MKDIR, tx, "e|"), "ENOSPC");
    OK(ask(g, XS_RM, tx, "d|"));
    OK(ask(g, XS_MKDIR, tx, "e|"));
    ANSWERS(ask(g, XS_MKDIR, tx, "f|"), "ENOSPC");
    OK(ask(g, XS_TRANSACTION_END, tx, "T|"));
    assert_int_equal(xs_store_usage(w->store, 5, XS_QUOTA_NODES), 5);
    /* The toolstack has no quota, and what it does there is the domain's charge. */
    OK(ask(w->tool, XS_WRITE, 0, "/local/domain/5/g|1"));
    assert_int_equal(xs_store_usage(w->store, 5, XS_QUOTA_NODES), 6);
    OK(ask(g, XS_RM, 0, "a|"));
    OK(ask(g, XS_MKDIR, 0, "h|"));
}

static void watches(void **state)
{
    struct world *w = *state;
    struct client *g = guest(w, 5);

    xs_store_set_quota(w->store, XS_QUOTA_WATCHES, 2);
    watch(g, "a", "1");
    watch(g, "a", "2");
    ANSWERS(ask(g, XS_WATCH, 0, "b|3|"), "E2BIG");
    assert_string_equal(w->quota, "watches 5 2 /local/domain/5/b");
    OK(ask(g, XS_UNWATCH, 0, "a|1|"));
    watch(g, "b", "3");
}

static void transactions(void **state)
{
    struct world *w = *state;
    struct client *g = guest(w, 5);
    uint32_t first = start(g);

    xs_store_set_quota(w->store, XS_QUOTA_TRANSACTIONS, 2);
    start(g);
    ANSWERS(ask(g, XS_TRANSACTION_START, 0, "|"), "ENOSPC");
    assert_string_equal(w->quota, "transactions 5 2 ");
    OK(ask(g, XS_TRANSACTION_END, first, "F|"));
    start(g);
}

static void nodes_of_one_transaction(void **state)
{
    struct world *w = *state;
    struct client *g = housed_guest(w);
    uint32_t tx = start(g);

    xs_store_set_quota(w->store, XS_QUOTA_TRANSACTION_NODES, 2);
    OK(ask(g, XS_WRITE, tx, "a|1"));
    ANSWERS(ask(g, XS_READ, tx, "b|"), "ENOENT");
    ANSWERS(ask(g, XS_READ, tx, "c|"), "ENOSPC");
    OK(ask(g, XS_WRITE, tx, "a|2"));
    OK(ask(g, XS_TRANSACTION_END, tx, "T|"));
}

static void permissions(void **state)
{
    struct world *w = *state;
    struct client *g = housed_guest(w);

    OK(ask(g, XS_WRITE, 0, "a|1"));
    OK(ask(g, XS_SET_PERMS, 0, "a|n5|r1|r2|r3|r4|"));
    ANSWERS(ask(g, XS_SET_PERMS, 0, "a|n5|r1|r2|r3|r4|r6|"), "ENOSPC");
    assert_string_equal(w->quota, "permissions 5 5 /local/domain/5/a");
    OK(ask(w->tool, XS_SET_PERMS, 0, "/local/domain/5/a|n5|r1|r2|r3|r4|r6|"));
}

static void node_size(void **state)
{
    struct world *w = *state;
    struct client *g = housed_guest(w);
    char text[2100] = "a|";

    memset(text + 2, 'x', 2048);
    ANSWERS(ask(g, XS_WRITE, 0, text), "ENOSPC");
    assert_string_equal(w->quota, "node-size 5 2048 /local/domain/5/a");
    text[2000] = '\0';
    OK(ask(g, XS_WRITE, 0, text));
}

static void memory(void **state)
{
    struct world *w = *state;
    struct client *g = housed_guest(w);
    const char *answer;
    char text[1100];
    unsigned int i = 0;
    uint32_t tx, before;

    xs_store_set_quota(w->store, XS_QUOTA_MEMORY, 100000);
    xs_store_set_quota(w->store, XS_QUOTA_MEMORY_SOFT, 50000);
    do {
        int len = snprintf(text, sizeof(text), "%u|", i++);

        memset(text + len, 'x', 1000);
        text[len + 1000] = '\0';
        answer = ask(g, XS_WRITE, 0, text);
        if (i == 60)
            assert_string_equal(strtok(w->quota, " "), "soft-memory");
    } while (!strcmp(answer, "OK|"));
    ANSWERS(answer, "ENOMEM");
    assert_in_range(i, 80, 100);
    assert_string_equal(strtok(w->quota, " "), "memory");
    xs_store_set_quota(w->store, XS_QUOTA_MEMORY, xs_store_usage(w->store, 5, XS_QUOTA_MEMORY));
    ANSWERS(ask(g, XS_WATCH, 0, "x|t|"), "ENOMEM");
    xs_store_set_quota(w->store, XS_QUOTA_MEMORY, 100000);

    /* A transaction's snapshot and record count as long as they are there. */
    OK(ask(g, XS_RM, 0, "0|"));
    OK(ask(g, XS_RM, 0, "1|"));
    OK(ask(g, XS_RM, 0, "2|"));
    before = xs_store_usage(w->store, 5, XS_QUOTA_MEMORY);
    tx = start(g);
    for (i = 0; i < 100; i++) {
        answer = ask(g, XS_WRITE, tx, "x|value");
        if (strcmp(answer, "OK|"))
            break;
    }
    ANSWERS(answer, "ENOMEM");
    OK(ask(g, XS_TRANSACTION_END, tx, "F|"));
    assert_int_equal(xs_store_usage(w->store, 5, XS_QUOTA_MEMORY), before);
}

static void reports_come_at_powers_of_two(void **state)
{
    struct world *w = *state;
    struct client *g = guest(w, 5);

    xs_store_set_quota(w->store, XS_QUOTA_WATCHES, 1);
    watch(g, "a", "t");
    for (unsigned int i = 0; i < 1000; i++)
        ANSWERS(ask(g, XS_WATCH, 0, "a|u|"), "E2BIG");
    assert_int_equal(w->quota_reports, 10);
}

/* ---- output nobody fetches ---- */

static void unread_replies_hold_back_requests(void **state)
{
    struct world *w = *state;
    struct client *g = guest(w, 5);
    struct xsd_sockmsg header = {.type = XS_GET_DOMAIN_PATH, .len = 2};
    char message[sizeof(header) + 2], text[64];
    unsigned int i = 0;

    memcpy(message, &header, sizeof(header));
    memcpy(message + sizeof(header), "5", 2);
    while (xs_conn_input(g->conn, message, sizeof(message)) == sizeof(message))
        i++;
    assert_int_equal(i, 20);
    assert_false(xs_conn_wants_input(g->conn));
    assert_int_equal(xs_conn_input(g->conn, message, 1), 0);
    assert_true(next_message(g, &header, text));
    assert_true(xs_conn_wants_input(g->conn));
    assert_int_equal(xs_conn_error(g->conn), XENSTORE_ERROR_NONE);
}

static void unread_events_end_the_connection_not_the_writer(void **state)
{
    struct world *w = *state;
    struct client *g = guest(w, 5);
    char text[64];
    unsigned int i;

    OK(ask(w->tool, XS_MKDIR, 0, "/public|"));
    OK(ask(w->tool, XS_SET_PERMS, 0, "/public|r0|"));
    xs_store_set_quota(w->store, XS_QUOTA_MEMORY, 10000);
    watch(g, "/public", "t");
    for (i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "/public/%u|1", i);
        OK(ask(w->tool, XS_WRITE, 0, text));
        assert_true(xs_conn_pending(g->conn) <= 10000);
    }
    assert_int_equal(xs_conn_error(g->conn), XENSTORE_ERROR_COMM);
    assert_int_equal(xs_conn_pending(g->conn), 0);
    assert_string_equal(w->log, "5: its connection is closed: it doesn't fetch its watch events");
    xs_conn_reset(g->conn);
    assert_int_equal(xs_conn_error(g->conn), XENSTORE_ERROR_NONE);
    ANSWERS(ask(g, XS_READ, 0, "/public/1|"), "1");
}

/* ---- malformed requests ---- */

static void a_transport_may_limit_the_events_of_a_privileged_client(void **state)
{
    struct world *w = *state;
    struct xs_conn_config config = {.privileged = true, .events_max = 4096};
    struct xs_conn *deaf = xs_conn_open(w->store, &config);
    const char request[] = "/\0token";
    struct xsd_sockmsg header = {.type = XS_WATCH, .len = sizeof(request)};
    char text[32];
    unsigned int events = 0;

    xs_conn_input(deaf, &header, sizeof(header));
    assert_int_equal(xs_conn_input(deaf, request, sizeof(request)), sizeof(request));
    for (; events < 1000 && !xs_conn_error(deaf); events++) {
        snprintf(text, sizeof(text), "/node/%u|", events);
        OK(ask(w->tool, XS_MKDIR, 0, text));
        assert_true(xs_conn_pending(deaf) <= 4096);
    }
    assert_in_range(events, 2, 999);
    assert_int_equal(xs_conn_error(deaf), XENSTORE_ERROR_COMM);
    xs_conn_close(deaf);
}

static void announcing_too_long_a_request_ends_the_connection(void **state)
{
    struct world *w = *state;
    struct client *g = guest(w, 5);
    struct xsd_sockmsg header = {.type = XS_READ, .len = XENSTORE_PAYLOAD_MAX + 1};

    xs_conn_input(g->conn, &header, sizeof(header));
    assert_int_equal(xs_conn_error(g->conn), XENSTORE_ERROR_PROTO);
    assert_int_equal(xs_conn_input(g->conn, &header, sizeof(header)), 0);
    assert_int_not_equal(g->wakeups, 0);
    OK(ask(w->tool, XS_MKDIR, 0, "/a|"));
}

static void requests_may_come_byte_by_byte_and_together(void **state)
{
    struct world *w = *state;
    struct client *g = guest(w, 5);
    struct xsd_sockmsg header = {.type = XS_GET_DOMAIN_PATH, .req_id = 77, .len = 2};
    char message[2 * (sizeof(header) + 2)], text[64];

    for (unsigned int i = 0; i < 2; i++) {
        memcpy(message + i * sizeof(message) / 2, &header, sizeof(header));
        memcpy(message + i * sizeof(message) / 2 + sizeof(header), "5", 2);
    }
    assert_int_equal(xs_conn_input(g->conn, message, sizeof(message)), sizeof(message));
    for (unsigned int i = 0; i < sizeof(message); i++)
        assert_int_equal(xs_conn_input(g->conn, message + i, 1), 1);
    for (unsigned int i = 0; i < 4; i++) {
        assert_true(next_message(g, &header, text));
        assert_int_equal(header.req_id, 77);
        assert_string_equal(text, "/local/domain/5|");
    }
    assert_false(next_message(g, &header, text));
}

static void paths_are_checked(void **state)
{
    struct world *w = *state;
    char text[XENSTORE_PAYLOAD_MAX + 1];
    static const char *const bad[] = {"|",     "//|",    "/a/|", "/a//b|",           "/a b|",  "/a:b|",
                                      "/a.b|", "a//b|",  "a/|",  "@other|",          "/\x80|", "/a",
                                      "",      "/a|/b|", "/a||", "@introduceDomain|"};

    for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ANSWERS(ask(w->tool, XS_READ, 0, bad[i]), "EINVAL");
    OK(ask(w->tool, XS_WRITE, 0, "/Az09-_@|1"));

    memset(text, 'a', sizeof(text));
    text[0] = '/';
    strcpy(text + XENSTORE_ABS_PATH_MAX, "|");
    ANSWERS(ask(w->tool, XS_READ, 0, text), "ENOENT");
    strcpy(text + XENSTORE_ABS_PATH_MAX, "a|");
    ANSWERS(ask(w->tool, XS_READ, 0, text), "EINVAL");
    text[0] = 'a';
    strcpy(text + XENSTORE_REL_PATH_MAX, "|");
    ANSWERS(ask(w->tool, XS_READ, 0, text), "ENOENT");
    strcpy(text + XENSTORE_REL_PATH_MAX, "a|");
    ANSWERS(ask(w->tool, XS_READ, 0, text), "EINVAL");
}

static void the_deepest_path_works(void **state)
{
    struct world *w = *state;
    struct client *g = guest(w, 5);
    char text[XENSTORE_ABS_PATH_MAX + 4];

    for (unsigned int i = 0; i < XENSTORE_ABS_PATH_MAX; i += 2)
        memcpy(text + i, "/a", 2);
    strcpy(text + XENSTORE_ABS_PATH_MAX, "|1");
    watch(w->tool, "/other", "t");
    OK(ask(w->tool, XS_WRITE, 0, text));
    strcpy(text + XENSTORE_ABS_PATH_MAX, "|");
    ANSWERS(ask(w->tool, XS_READ, 0, text), "1");
    ANSWERS(ask(g, XS_READ, 0, text), "EACCES");
    OK(ask(w->tool, XS_SET_PERMS, 0, "/a/a|n5|"));
    OK(ask(w->tool, XS_INTRODUCE, 0, "5|1|1|"));
    assert_int_equal(xs_store_domain_dead(w->store, 5), 0);
    ANSWERS(ask(w->tool, XS_DIRECTORY, 0, "/a|"), "");
}

static void unknown_and_privileged_operations_are_refused(void **state)
{
    struct world *w = *state;
    struct client *g = guest(w, 5);

    ANSWERS(ask(w->tool, XS_WATCH_EVENT, 0, "/a|"), "ENOSYS");
    ANSWERS(ask(w->tool, XS_ERROR, 0, "/a|"), "ENOSYS");
    ANSWERS(ask(w->tool, 20, 0, "/a|"), "ENOSYS");
    ANSWERS(ask(w->tool, XS_WIRE_OPERATIONS, 0, ""), "ENOSYS");
    ANSWERS(ask(w->tool, 0xffffffff, 0, ""), "ENOSYS");
    ANSWERS(ask(g, XS_INTRODUCE, 0, "5|1|1|"), "EACCES");
    ANSWERS(ask(g, XS_RELEASE, 0, "5|"), "EACCES");
    ANSWERS(ask(g, XS_RESUME, 0, "5|"), "EACCES");
    ANSWERS(ask(g, XS_SET_TARGET, 0, "5|6|"), "EACCES");
    ANSWERS(ask(g, XS_CONTROL, 0, "help|"), "EACCES");
    ANSWERS(ask(g, XS_WIRE_SET_FEATURE, 0, "5|0|"), "EACCES");
    ANSWERS(ask(g, XS_WIRE_GET_QUOTA, 0, "nodes|"), "EACCES");
    ANSWERS(ask(g, XS_WIRE_SET_QUOTA, 0, "nodes|1|"), "EACCES");
    ANSWERS(ask(g, XS_IS_DOMAIN_INTRODUCED, 0, "5|"), "EACCES");
    ANSWERS(ask(g, XS_GET_DOMAIN_PATH, 0, "6|"), "/local/domain/6|");
}

static void numbers_are_checked(void **state)
{
    struct world *w = *state;
    static const char *const bad[] = {"|1|1|",           "x|1|1|",
                                      "5|x|1|",          "5|1|x|",
                                      "5|1|0|",          "5|1|",
                                      "32752|1|1|",      "-1|1|1|",
                                      "5|--1|1|",        "5|18446744073709551616|1|",
                                      "5|1|4294967296|", "5x|1|1|"};

    for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ANSWERS(ask(w->tool, XS_INTRODUCE, 0, bad[i]), "EINVAL");
    assert_int_equal(w->introduced, 0);
    OK(ask(w->tool, XS_INTRODUCE, 0, "5|-1|1|extra"));
    assert_int_equal(w->introduced, 1);
    w->introduce_result = ENOMEM;
    ANSWERS(ask(w->tool, XS_INTRODUCE, 0, "6|1|1|"), "ENOMEM");
    ANSWERS(ask(w->tool, XS_IS_DOMAIN_INTRODUCED, 0, "6|"), "F|");
    ANSWERS(ask(w->tool, XS_GET_DOMAIN_PATH, 0, "70000|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_DIRECTORY_PART, 0, "/|x|"), "EINVAL");
}

static void no_domain_releases_itself(void **state)
{
    struct world *w = *state;
    struct client *manager = connect_client(w, 9, true, true);

    OK(ask(w->tool, XS_INTRODUCE, 0, "9|1|1|"));
    ANSWERS(ask(manager, XS_RELEASE, 0, "9|"), "EINVAL");
    OK(ask(manager, XS_INTRODUCE, 0, "8|1|1|"));
    OK(ask(manager, XS_RELEASE, 0, "8|"));
}

static void introducing_again_resets_the_connection(void **state)
{
    struct world *w = *state;
    struct client *g = guest(w, 5);

    OK(ask(w->tool, XS_INTRODUCE, 0, "5|1|1|"));
    watch(g, "a", "t");
    start(g);
    OK(ask(w->tool, XS_INTRODUCE, 0, "5|1|2|"));
    assert_int_equal(w->introduced, 2);
    assert_int_equal(xs_store_usage(w->store, 5, XS_QUOTA_WATCHES), 0);
    assert_int_equal(xs_store_usage(w->store, 5, XS_QUOTA_TRANSACTIONS), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_world, end_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(defaults_are_those_of_the_stock_store),
        TEST(nodes),
        TEST(watches),
        TEST(transactions),
        TEST(nodes_of_one_transaction),
        TEST(permissions),
        TEST(node_size),
        TEST(memory),
        TEST(reports_come_at_powers_of_two),
        TEST(unread_replies_hold_back_requests),
        TEST(unread_events_end_the_connection_not_the_writer),
        TEST(a_transport_may_limit_the_events_of_a_privileged_client),
        TEST(announcing_too_long_a_request_ends_the_connection),
        TEST(requests_may_come_byte_by_byte_and_together),
        TEST(paths_are_checked),
        TEST(the_deepest_path_works),
        TEST(unknown_and_privileged_operations_are_refused),
        TEST(numbers_are_checked),
        TEST(no_domain_releases_itself),
        TEST(introducing_again_resets_the_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

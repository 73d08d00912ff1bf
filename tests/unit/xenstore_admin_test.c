// SPDX-License-Identifier: MIT
/*
 * What the administrator sets: features and quotas of one domain and of all, write rates, targets, CONTROL;
 * and watches that look only so deep.
 */
#include "xenstore_client.h"

#include "../../xenstore/domain.h"
#include "../../xenstore/internal.h"

/* Domain 5, introduced, with a directory of its own. */
static struct client *housed_guest(struct world *w)
{
    OK(ask(w->tool, XS_MKDIR, 0, "/local/domain/5|"));
    OK(ask(w->tool, XS_SET_PERMS, 0, "/local/domain/5|n5|"));
    OK(ask(w->tool, XS_INTRODUCE, 0, "5|1|1|"));
    return guest(w, 5);
}

/* ---- features ---- */

static void features_are_set_before_introduction(void **state)
{
    struct world *w = *state;
    struct client *g;

    ANSWERS(ask(w->tool, XS_WIRE_GET_FEATURE, 0, ""), "7|");
    ANSWERS(ask(w->tool, XS_WIRE_GET_FEATURE, 0, "5|"), "7|");
    OK(ask(w->tool, XS_WIRE_SET_FEATURE, 0, "5|3|"));
    ANSWERS(ask(w->tool, XS_WIRE_GET_FEATURE, 0, "5|"), "3|");
    g = housed_guest(w);
    ANSWERS(ask(g, XS_WIRE_GET_FEATURE, 0, ""), "3|");
    ANSWERS(ask(w->tool, XS_WIRE_SET_FEATURE, 0, "5|7|"), "EBUSY");
    assert_int_equal(xs_store_domain_dead(w->store, 5), 0);
    ANSWERS(ask(w->tool, XS_WIRE_GET_FEATURE, 0, "5|"), "7|");
}

static void features_that_are_not_there_are_refused(void **state)
{
    struct world *w = *state;
    struct client *g = guest(w, 5);

    ANSWERS(ask(w->tool, XS_WIRE_SET_FEATURE, 0, "5|8|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_WIRE_SET_FEATURE, 0, "5|x|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_WIRE_SET_FEATURE, 0, "99999|1|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_WIRE_SET_FEATURE, 0, "5|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_WIRE_GET_FEATURE, 0, "x|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_WIRE_GET_FEATURE, 0, "5|6|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_WIRE_GET_FEATURE, 0, "unended"), "EINVAL");
    ANSWERS(ask(g, XS_WIRE_GET_FEATURE, 0, "5|"), "EACCES");
}

/* ---- quotas ---- */

static void quotas_are_listed_read_and_set(void **state)
{
    struct world *w = *state;

    ANSWERS(
        ask(w->tool, XS_WIRE_GET_QUOTA, 0, ""),
        "nodes watches transactions outstanding transaction-nodes permissions node-size memory soft-memory "
        "write-rate|");
    ANSWERS(ask(w->tool, XS_WIRE_GET_QUOTA, 0, "nodes|"), "1000|");
    OK(ask(w->tool, XS_WIRE_SET_QUOTA, 0, "nodes|7|"));
    ANSWERS(ask(w->tool, XS_WIRE_GET_QUOTA, 0, "nodes|"), "7|");
    assert_int_equal(xs_store_quota(w->store, XS_QUOTA_NODES), 7);
    ANSWERS(ask(w->tool, XS_WIRE_GET_QUOTA, 0, "noodles|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_WIRE_GET_QUOTA, 0, "5|nodes|1|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_WIRE_GET_QUOTA, 0, "x|nodes|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_WIRE_GET_QUOTA, 0, "9|nodes|"), "ENOENT");
    ANSWERS(ask(w->tool, XS_WIRE_SET_QUOTA, 0, "nodes|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_WIRE_SET_QUOTA, 0, "noodles|1|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_WIRE_SET_QUOTA, 0, "nodes|-1|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_WIRE_SET_QUOTA, 0, "nodes|4294967296|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_WIRE_SET_QUOTA, 0, "5|nodes|1|2|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_WIRE_SET_QUOTA, 0, "9|nodes|1|"), "ENOENT");
}

static void a_domain_may_have_a_limit_of_its_own(void **state)
{
    struct world *w = *state;
    struct client *g = housed_guest(w);

    OK(ask(w->tool, XS_WIRE_SET_QUOTA, 0, "watches|1|"));
    watch(g, "a", "1");
    ANSWERS(ask(g, XS_WATCH, 0, "a|2|"), "E2BIG");
    assert_string_equal(w->quota, "watches 5 1 /local/domain/5/a");
    OK(ask(w->tool, XS_WIRE_SET_QUOTA, 0, "5|watches|2|"));
    ANSWERS(ask(w->tool, XS_WIRE_GET_QUOTA, 0, "5|watches|"), "2|");
    ANSWERS(ask(w->tool, XS_WIRE_GET_QUOTA, 0, "watches|"), "1|");
    watch(g, "a", "2");
    ANSWERS(ask(g, XS_WATCH, 0, "a|3|"), "E2BIG");
    assert_int_equal(xs_store_domain_dead(w->store, 5), 0);
    ANSWERS(ask(w->tool, XS_WIRE_GET_QUOTA, 0, "5|watches|"), "1|");
}

static void a_limit_of_0_is_none(void **state)
{
    struct world *w = *state;
    struct client *g = housed_guest(w);

    for (const char **name = (const char *[]){"watches", "nodes", "outstanding", NULL}; *name; name++) {
        char text[32];

        snprintf(text, sizeof(text), "%s|0|", *name);
        OK(ask(w->tool, XS_WIRE_SET_QUOTA, 0, text));
    }
    for (unsigned int i = 0; i < 2000; i++) {
        char text[32];

        snprintf(text, sizeof(text), "n%u|1", i);
        OK(ask(g, XS_WRITE, 0, text));
        snprintf(text, sizeof(text), "n%u|t|", i);
        OK(ask(g, XS_WATCH, 0, text));
        ANSWERS(event(g), text);
    }
    for (unsigned int i = 0; i < 100; i++)
        send_request(g, XS_READ, 0, "n0|");
    assert_true(xs_conn_wants_input(g->conn));
}

/* ---- write rates ---- */

static void who_writes_too_fast_waits_alone(void **state)
{
    struct world *w = *state;
    struct client *g = housed_guest(w), *other = guest(w, 6);
    uint64_t now = 1000000;
    unsigned int written = 0;

    xs_store_set_time(w->store, now);
    OK(ask(w->tool, XS_WIRE_SET_QUOTA, 0, "write-rate|100|"));
    while (!xs_conn_delay(g->conn)) {
        OK(ask(g, XS_WRITE, 0, "a|1"));
        written++;
    }
    assert_int_equal(written, 100); /* a second's worth at once */
    assert_string_equal(w->quota, "write-rate 5 100 /local/domain/5/a");
    assert_false(xs_conn_wants_input(g->conn));
    assert_int_equal(xs_conn_delay(other->conn), 0);
    assert_int_equal(xs_conn_delay(w->tool->conn), 0);
    OK(ask(w->tool, XS_WRITE, 0, "/unhindered|1"));

    /* Then as many as the rate says. */
    for (unsigned int s = 0; s < 5; s++) {
        for (unsigned int ms = 0; ms < 1000; ms++) {
            xs_store_set_time(w->store, ++now);
            while (!xs_conn_delay(g->conn)) {
                OK(ask(g, XS_WRITE, 0, "a|1"));
                written++;
            }
        }
    }
    assert_in_range(written, 598, 602);
    assert_in_range(xs_conn_delay(g->conn), 1, 20);
    xs_store_set_time(w->store, now + xs_conn_delay(g->conn));
    OK(ask(g, XS_WRITE, 0, "a|1"));
}

static void credit_does_not_pile_up(void **state)
{
    struct world *w = *state;
    struct client *g = housed_guest(w);
    unsigned int written = 0;

    xs_store_set_time(w->store, 1);
    OK(ask(w->tool, XS_WIRE_SET_QUOTA, 0, "5|write-rate|10|"));
    OK(ask(g, XS_WRITE, 0, "a|1"));
    xs_store_set_time(w->store, 1000000);
    while (!xs_conn_delay(g->conn)) {
        OK(ask(g, XS_MKDIR, 0, "a|"));
        written++;
    }
    assert_int_equal(written, 10);
    OK(ask(w->tool, XS_WIRE_SET_QUOTA, 0, "5|write-rate|0|"));
    assert_int_equal(xs_conn_delay(g->conn), 0);
}

/* Each ms one writes what the other reads in transactions of 100 ms; who fares how in 10 s? */
static void a_slow_transaction_is_not_starved(void **state)
{
    struct world *w = *state;
    struct client *busy = guest(w, 5), *slow = guest(w, 6);
    unsigned int writes = 0, commits = 0;
    uint32_t tx = 0;

    OK(ask(w->tool, XS_WRITE, 0, "/x|0"));
    OK(ask(w->tool, XS_SET_PERMS, 0, "/x|b0|"));
    for (uint64_t now = 1; now <= 10000; now++) {
        xs_store_set_time(w->store, now);
        if (!xs_conn_delay(busy->conn)) {
            OK(ask(busy, XS_WRITE, 0, "/x|1"));
            writes++;
        }
        if (now % 100 == 1) {
            tx = start(slow);
            ANSWERS(ask(slow, XS_READ, tx, "/x|"), writes ? "1" : "0");
        } else if (now % 100 == 0) {
            OK(ask(slow, XS_WRITE, tx, "/x|1"));
            commits += !strcmp(ask(slow, XS_TRANSACTION_END, tx, "T|"), "OK|");
        }
    }
    assert_true(commits >= 10);
    assert_true(writes >= 3000);
}

static void malformed_requests_are_logged_once_per_kind(void **state)
{
    static const struct {
        uint32_t type, tx;
        const char *text, *answer, *log;
    } cases[] = {
        {99, 0, "", "ENOSYS", "5: a request has an operation that there is not (ENOSYS; told once)"},
        {XS_READ, 9, "/a|", "ENOENT", "5: a request has a transaction that is not open (ENOENT; told once)"},
        {XS_READ, 0, "unended", "EINVAL",
         "5: a request has more or fewer strings than the operation takes (EINVAL; told once)"},
        {XS_READ, 0, "/a//b|", "EINVAL", "5: a request has a malformed path (EINVAL; told once)"},
        {XS_SET_PERMS, 0, "/a|x|", "EINVAL", "5: a request has malformed permissions (EINVAL; told once)"},
    };
    struct world *w = *state;
    struct client *g = guest(w, 5);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (unsigned int times = 0; times < 3; times++) {
            ANSWERS(ask(g, cases[i].type, cases[i].tx, cases[i].text), cases[i].answer);
            assert_string_equal(w->log, times ? "" : cases[i].log);
            w->log[0] = '\0';
        }
    }
    OK(ask(w->tool, XS_INTRODUCE, 0, "5|1|1|"));
    OK(ask(w->tool, XS_RELEASE, 0, "5|"));
    ANSWERS(ask(g, XS_READ, 0, "/a//b|"), "EINVAL"); /* another domain now */
    assert_string_equal(w->log, cases[3].log);
}

/* ---- targets ---- */

static void who_serves_a_domain_may_do_what_that_may(void **state)
{
    struct world *w = *state;
    struct client *stub = guest(w, 6);

    housed_guest(w);
    OK(ask(w->tool, XS_WRITE, 0, "/local/domain/5/x|1"));
    OK(ask(w->tool, XS_WRITE, 0, "/shared|1"));
    OK(ask(w->tool, XS_SET_PERMS, 0, "/shared|n0|r5|"));
    ANSWERS(ask(stub, XS_READ, 0, "/local/domain/5/x|"), "EACCES");
    ANSWERS(ask(w->tool, XS_SET_TARGET, 0, "6|5|"), "ENOENT");
    OK(ask(w->tool, XS_INTRODUCE, 0, "6|1|1|"));
    ANSWERS(ask(w->tool, XS_SET_TARGET, 0, "6|7|"), "ENOENT");
    ANSWERS(ask(w->tool, XS_SET_TARGET, 0, "6|6|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_SET_TARGET, 0, "6|x|"), "EINVAL");
    OK(ask(w->tool, XS_SET_TARGET, 0, "6|5|"));
    ANSWERS(ask(stub, XS_READ, 0, "/local/domain/5/x|"), "1");
    ANSWERS(ask(stub, XS_READ, 0, "/shared|"), "1");
    ANSWERS(ask(stub, XS_WRITE, 0, "/shared|2"), "EACCES");
    OK(ask(stub, XS_WRITE, 0, "/local/domain/5/y|1"));
    /* Not beyond that domain's death. */
    assert_int_equal(xs_store_domain_dead(w->store, 5), 0);
    OK(ask(w->tool, XS_INTRODUCE, 0, "5|1|1|"));
    OK(ask(w->tool, XS_WRITE, 0, "/local/domain/5/x|1"));
    OK(ask(w->tool, XS_SET_PERMS, 0, "/local/domain/5/x|n5|"));
    ANSWERS(ask(stub, XS_READ, 0, "/local/domain/5/x|"), "EACCES");
}

/* ---- CONTROL ---- */

static void control_shows_and_sets_quotas(void **state)
{
    struct world *w = *state;

    housed_guest(w);
    OK(ask(w->tool, XS_WATCH, 0, "/a|t|"));
    event(w->tool);
    assert_non_null(strstr(ask(w->tool, XS_CONTROL, 0, "help|"), "quota"));
    assert_non_null(strstr(ask(w->tool, XS_CONTROL, 0, "quota|"), "nodes                      1000\n"));
    ANSWERS(ask(w->tool, XS_CONTROL, 0, "quota|set|nodes|12|"), "OK|");
    assert_non_null(
        strstr(ask(w->tool, XS_CONTROL, 0, "quota|5|"), "nodes                        12          1\n"));
    ANSWERS(ask(w->tool, XS_CONTROL, 0, "quota|set|noodles|12|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_CONTROL, 0, "quota|9|"), "ENOENT");
    ANSWERS(ask(w->tool, XS_CONTROL, 0, "quota|5|6|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_CONTROL, 0, "print|hello|"), "OK|");
    assert_string_equal(w->log, "0: says: hello");
    ANSWERS(ask(w->tool, XS_CONTROL, 0, "print|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_CONTROL, 0, "explode|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_CONTROL, 0, ""), "EINVAL");
    ANSWERS(ask(w->tool, XS_CONTROL, 0, "a|b|c|d|e|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_CONTROL, 0, "print|2|3|4|5|6|7|8|9|"), "EINVAL");
}

static void control_knows_the_quota_that_only_warns(void **state)
{
    struct world *w = *state;

    ANSWERS(ask(w->tool, XS_CONTROL, 0, "quota-soft|"), "memory                  2097152\n|");
    OK(ask(w->tool, XS_CONTROL, 0, "quota-soft|set|memory|5|"));
    assert_int_equal(xs_store_quota(w->store, XS_QUOTA_MEMORY_SOFT), 5);
    ANSWERS(ask(w->tool, XS_CONTROL, 0, "quota-soft|set|nodes|5|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_CONTROL, 0, "quota-soft|set|memory|x|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_CONTROL, 0, "quota-soft|5|"), "EINVAL");
}

static void control_checks_who_is_charged_for_what(void **state)
{
    struct world *w = *state;
    struct client *g = housed_guest(w);

    watch(g, "a", "t");
    start(g);
    OK(ask(g, XS_WRITE, start(g), "in-a-transaction|1"));
    OK(ask(w->tool, XS_WRITE, 0, "/local/domain/5/a/b|1"));
    OK(ask(w->tool, XS_CONTROL, 0, "check|"));
    ANSWERS(event(g), "a/b|t|");
    OK(ask(w->tool, XS_CONTROL, 0, "check|")); /* it counts from 0 again */
    xs_domain_find(w->store, 5)->usage[XS_QUOTA_NODES]++;
    ANSWERS(ask(w->tool, XS_CONTROL, 0, "check|"), "domain 5 has 3 nodes and is charged for 4\n|");
    xs_domain_find(w->store, 5)->usage[XS_QUOTA_NODES]--;
    ANSWERS(ask(w->tool, XS_CONTROL, 0, "check|it|"), "EINVAL");
}

static void control_reports_what_takes_memory(void **state)
{
    struct world *w = *state;
    struct client *g = housed_guest(w);
    const char *report;

    watch(g, "a", "t");
    start(g);
    OK(ask(w->tool, XS_WRITE, 0, "/local/domain/5/a|1")); /* and its event waits */
    report = ask(w->tool, XS_CONTROL, 0, "memreport|");
    assert_non_null(strstr(report, "nodes                   7 "));
    assert_non_null(strstr(report, "watches                 1 "));
    assert_non_null(strstr(report, "transactions            1 "));
    assert_non_null(strstr(report, "connections             2 "));
    assert_non_null(strstr(report, "messages                1 "));
    assert_non_null(strstr(report, "charged to domains: "));
    ANSWERS(ask(w->tool, XS_CONTROL, 0, "memreport|/tmp/file|"), "EINVAL");
}

static int answer_control(void *ctx, const char *const *words, size_t count, char *answer, size_t size)
{
    (void)ctx;
    if (strcmp(words[0], "sing"))
        return EINVAL;
    if (count > 1)
        snprintf(answer, size, "%s: la la", words[1]);
    return 0;
}

static void control_may_have_commands_of_the_service(void **state)
{
    struct world *w = *state;

    w->store->hooks.control = answer_control;
    w->store->hooks.control_help = "sing [SONG]\n";
    OK(ask(w->tool, XS_CONTROL, 0, "sing|"));
    ANSWERS(ask(w->tool, XS_CONTROL, 0, "sing|softly|"), "softly: la la|");
    ANSWERS(ask(w->tool, XS_CONTROL, 0, "dance|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_CONTROL, 0, "help|"),
            "check\nhelp\nmemreport\nprint TEXT\nquota [DOMID | set NAME VALUE]\n"
            "quota-soft [set memory VALUE]\nsing [SONG]\n|");
    ANSWERS(ask(w->tool, XS_CONTROL, 0, "help|me|"), "EINVAL");
}

/* ---- who does what ---- */

static void activity_is_counted_for_each_domain(void **state)
{
    struct world *w = *state;
    struct client *g = housed_guest(w);
    struct xs_domain_info info;

    watch(g, "a", "t");
    OK(ask(g, XS_WRITE, 0, "b|1"));
    ANSWERS(ask(g, XS_READ, 0, "b|"), "1");
    OK(ask(w->tool, XS_WRITE, 0, "/local/domain/5/a|1"));
    assert_true(xs_store_next_domain(w->store, 0, &info));
    assert_int_equal(info.domid, 0);
    assert_false(info.introduced);
    assert_true(xs_store_next_domain(w->store, 1, &info));
    assert_int_equal(info.domid, 5);
    assert_true(info.introduced);
    assert_int_equal(info.activity.writes, 1);
    assert_int_equal(info.activity.reads, 2);
    assert_int_equal(info.activity.events, 2);
    assert_int_equal(info.usage[XS_QUOTA_NODES], 3);
    assert_int_equal(info.limits[XS_QUOTA_NODES], 1000);
    assert_false(xs_store_next_domain(w->store, 6, &info));
}

/* ---- how deep watches look ---- */

static void a_watch_may_be_limited_in_depth(void **state)
{
    struct world *w = *state;
    struct client *other = connect_client(w, 0, true, false), *g = housed_guest(w);

    OK(ask(other, XS_WATCH, 0, "/a|zero|0|"));
    ANSWERS(event(other), "/a|zero|");
    OK(ask(other, XS_WATCH, 0, "/a|one|1|"));
    ANSWERS(event(other), "/a|one|");
    OK(ask(other, XS_WATCH, 0, "/|root|2|"));
    ANSWERS(event(other), "/|root|");
    OK(ask(w->tool, XS_WRITE, 0, "/a|1"));
    ANSWERS(event(other), "/a|root|");
    ANSWERS(event(other), "/a|zero|");
    ANSWERS(event(other), "/a|one|");
    OK(ask(w->tool, XS_WRITE, 0, "/a/b|1"));
    ANSWERS(event(other), "/a/b|root|");
    ANSWERS(event(other), "/a/b|one|");
    OK(ask(w->tool, XS_WRITE, 0, "/a/b/c|1"));
    ANSWERS(event(other), "");
    OK(ask(w->tool, XS_RM, 0, "/a|"));
    ANSWERS(event(other), "/a|root|");
    ANSWERS(event(other), "/a|zero|");
    ANSWERS(event(other), "/a|one|");
    ANSWERS(event(other), "");

    OK(ask(g, XS_WATCH, 0, "r|t|1|"));
    ANSWERS(event(g), "r|t|");
    OK(ask(w->tool, XS_WRITE, 0, "/local/domain/5/r/s|1"));
    ANSWERS(event(g), "r/s|t|");
    OK(ask(w->tool, XS_WRITE, 0, "/local/domain/5/r/s/t|1"));
    ANSWERS(event(g), "");
}

static void a_depth_of_one_tells_which_domain_came_or_went(void **state)
{
    struct world *w = *state;
    struct client *other = connect_client(w, 0, true, false);

    OK(ask(other, XS_WATCH, 0, "@introduceDomain|in|1|"));
    ANSWERS(event(other), "@introduceDomain|in|");
    OK(ask(other, XS_WATCH, 0, "@releaseDomain|out|1|"));
    ANSWERS(event(other), "@releaseDomain|out|");
    OK(ask(other, XS_WATCH, 0, "@releaseDomain|plain|"));
    ANSWERS(event(other), "@releaseDomain|plain|");
    OK(ask(other, XS_WATCH, 0, "@releaseDomain/6|six|"));
    ANSWERS(event(other), "@releaseDomain/6|six|");
    OK(ask(w->tool, XS_INTRODUCE, 0, "5|1|1|"));
    ANSWERS(event(other), "@introduceDomain/5|in|");
    OK(ask(w->tool, XS_INTRODUCE, 0, "6|1|1|"));
    ANSWERS(event(other), "@introduceDomain/6|in|");
    OK(ask(w->tool, XS_RELEASE, 0, "5|"));
    ANSWERS(event(other), "@releaseDomain/5|out|");
    ANSWERS(event(other), "@releaseDomain|plain|");
    ANSWERS(event(other), "");
    assert_int_equal(xs_store_domain_shut_down(w->store, 6), 0);
    ANSWERS(event(other), "@releaseDomain/6|out|");
    ANSWERS(event(other), "@releaseDomain|plain|");
    ANSWERS(event(other), "@releaseDomain/6|six|");
    OK(ask(other, XS_UNWATCH, 0, "@releaseDomain/6|six|"));
}

static void wrong_depths_are_refused(void **state)
{
    struct world *w = *state;
    struct client *g;

    ANSWERS(ask(w->tool, XS_WATCH, 0, "/a|t|x|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_WATCH, 0, "/a|t|-1|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_WATCH, 0, "/a|t|1"), "EINVAL");
    ANSWERS(ask(w->tool, XS_WATCH, 0, "/a|t||"), "EINVAL");
    ANSWERS(ask(w->tool, XS_WATCH, 0, "/a|t|1|2|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_WATCH, 0, "@releaseDomain|t|0|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_WATCH, 0, "@releaseDomain|t|2|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_WATCH, 0, "@introduceDomain/5|t|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_WATCH, 0, "@releaseDomain/x|t|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_GET_PERMS, 0, "@releaseDomain/5|"), "EINVAL");
    OK(ask(w->tool, XS_WIRE_SET_FEATURE, 0, "5|3|"));
    g = housed_guest(w);
    ANSWERS(ask(g, XS_WATCH, 0, "a|t|1|"), "EINVAL");
    OK(ask(g, XS_WATCH, 0, "a|t|"));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, make_world, end_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(features_are_set_before_introduction),
        TEST(features_that_are_not_there_are_refused),
        TEST(quotas_are_listed_read_and_set),
        TEST(a_domain_may_have_a_limit_of_its_own),
        TEST(a_limit_of_0_is_none),
        TEST(who_writes_too_fast_waits_alone),
        TEST(credit_does_not_pile_up),
        TEST(a_slow_transaction_is_not_starved),
        TEST(malformed_requests_are_logged_once_per_kind),
        TEST(who_serves_a_domain_may_do_what_that_may),
        TEST(control_shows_and_sets_quotas),
        TEST(control_knows_the_quota_that_only_warns),
        TEST(control_checks_who_is_charged_for_what),
        TEST(control_reports_what_takes_memory),
        TEST(control_may_have_commands_of_the_service),
        TEST(activity_is_counted_for_each_domain),
        TEST(a_watch_may_be_limited_in_depth),
        TEST(a_depth_of_one_tells_which_domain_came_or_went),
        TEST(wrong_depths_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

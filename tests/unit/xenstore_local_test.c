// SPDX-License-Identifier: MIT
/* The client for code in the same program. */
#include "xenstore_client.h"

#include <xenstore/local.h>

struct seen {
    struct world *world;
    struct xs_local *local;
    struct xs_local_watch *watch;
    unsigned int wakeups, calls;
    char path[64];
};

static void wake(void *data)
{
    ((struct seen *)data)->wakeups++;
}

static void see(void *data, const char *path)
{
    struct seen *seen = data;

    seen->calls++;
    snprintf(seen->path, sizeof(seen->path), "%s", path);
}

static int open_local(void **state)
{
    struct seen *seen = calloc(1, sizeof(*seen));

    make_world((void **)&seen->world);
    seen->local = xs_local_open(seen->world->store, wake, seen);
    assert_non_null(seen->local);
    *state = seen;
    return 0;
}

static int close_local(void **state)
{
    struct seen *seen = *state;

    xs_local_close(seen->local);
    end_world((void **)&seen->world);
    free(seen);
    return 0;
}

static void nodes(void **state)
{
    struct xs_local *l = ((struct seen *)*state)->local;
    char *value;
    size_t len;

    assert_int_equal(xs_local_read(l, XS_TX_NONE, "/a", &value, &len), -ENOENT);
    assert_false(xs_local_exists(l, XS_TX_NONE, "/a"));
    assert_int_equal(xs_local_write(l, XS_TX_NONE, "/a/b", "x\0y", 3), 0);
    assert_int_equal(xs_local_read(l, XS_TX_NONE, "/a/b", &value, &len), 0);
    assert_int_equal(len, 3);
    assert_memory_equal(value, "x\0y", 4);
    free(value);
    assert_int_equal(xs_local_printf(l, XS_TX_NONE, "/a/c", "%u-%s", 7, "seven"), 0);
    assert_int_equal(xs_local_read(l, XS_TX_NONE, "/a/c", &value, NULL), 0);
    assert_string_equal(value, "7-seven");
    free(value);
    assert_int_equal(xs_local_mkdir(l, XS_TX_NONE, "/a/d"), 0);
    assert_true(xs_local_exists(l, XS_TX_NONE, "/a/d"));
    assert_int_equal(xs_local_rm(l, XS_TX_NONE, "/a"), 0);
    assert_int_equal(xs_local_rm(l, XS_TX_NONE, "/a/d"), -ENOENT);
    assert_int_equal(xs_local_write(l, XS_TX_NONE, "bad path", "", 0), -EINVAL);
}

static void too_long_for_the_wire(void **state)
{
    struct xs_local *l = ((struct seen *)*state)->local;
    static char text[XENSTORE_PAYLOAD_MAX + 2];
    char *value;

    memset(text, 'x', sizeof(text) - 1);
    assert_int_equal(xs_local_write(l, XS_TX_NONE, "/a", text, sizeof(text)), -E2BIG);
    assert_int_equal(xs_local_write(l, XS_TX_NONE, "/a", text, XENSTORE_PAYLOAD_MAX - 2), -E2BIG);
    assert_int_equal(xs_local_write(l, XS_TX_NONE, "/a", text, XENSTORE_PAYLOAD_MAX - 3), 0);
    assert_int_equal(xs_local_printf(l, XS_TX_NONE, "/a", "%s", text), -E2BIG);
    assert_int_equal(xs_local_read(l, XS_TX_NONE, text, &value, NULL), -E2BIG);
}

static void lists_of_any_length(void **state)
{
    struct xs_local *l = ((struct seen *)*state)->local;
    char path[64], **names;
    size_t count;

    assert_int_equal(xs_local_mkdir(l, XS_TX_NONE, "/d"), 0);
    assert_int_equal(xs_local_ls(l, XS_TX_NONE, "/d", &names, &count), 0);
    assert_int_equal(count, 0);
    free(names);
    for (unsigned int i = 0; i < 2000; i++) {
        snprintf(path, sizeof(path), "/d/name-%04u", i);
        assert_int_equal(xs_local_mkdir(l, XS_TX_NONE, path), 0);
    }
    assert_int_equal(xs_local_ls(l, XS_TX_NONE, "/d", &names, &count), 0);
    assert_int_equal(count, 2000);
    for (unsigned int i = 0; i < 2000; i++) {
        snprintf(path, sizeof(path), "name-%04u", i);
        assert_string_equal(names[i], path);
    }
    free(names);
    assert_int_equal(xs_local_ls(l, XS_TX_NONE, "/nowhere", &names, &count), -ENOENT);
}

static void permission_lists(void **state)
{
    struct xs_local *l = ((struct seen *)*state)->local;
    struct xs_perm set[] = {{0, 'n'}, {5, 'r'}, {7, 'b'}}, *got;
    size_t count;

    assert_int_equal(xs_local_mkdir(l, XS_TX_NONE, "/a"), 0);
    assert_int_equal(xs_local_set_perms(l, XS_TX_NONE, "/a", set, 3), 0);
    assert_int_equal(xs_local_get_perms(l, XS_TX_NONE, "/a", &got, &count), 0);
    assert_int_equal(count, 3);
    for (unsigned int i = 0; i < 3; i++) {
        assert_int_equal(got[i].domid, set[i].domid);
        assert_int_equal(got[i].access, set[i].access);
    }
    free(got);
    assert_int_equal(xs_local_set_perms(l, XS_TX_NONE, "/a", set, 0), -EINVAL);
}

static void transactions_commit_abort_and_conflict(void **state)
{
    struct world *w = ((struct seen *)*state)->world;
    struct xs_local *l = ((struct seen *)*state)->local;
    uint32_t tx;

    assert_int_equal(xs_local_tx_start(l, &tx), 0);
    assert_int_equal(xs_local_write(l, tx, "/a", "1", 1), 0);
    assert_false(xs_local_exists(l, XS_TX_NONE, "/a"));
    assert_int_equal(xs_local_tx_commit(l, tx), 0);
    assert_true(xs_local_exists(l, XS_TX_NONE, "/a"));

    assert_int_equal(xs_local_tx_start(l, &tx), 0);
    assert_int_equal(xs_local_rm(l, tx, "/a"), 0);
    xs_local_tx_abort(l, tx);
    assert_true(xs_local_exists(l, XS_TX_NONE, "/a"));

    assert_int_equal(xs_local_tx_start(l, &tx), 0);
    assert_true(xs_local_exists(l, tx, "/a"));
    OK(ask(w->tool, XS_WRITE, 0, "/a|2"));
    assert_int_equal(xs_local_tx_commit(l, tx), -EAGAIN);
}

static void watches_call_back_from_dispatch(void **state)
{
    struct seen *s = *state;
    struct world *w = s->world;

    assert_int_equal(xs_local_watch(s->local, "/a", see, s, &s->watch), 0);
    assert_int_equal(s->wakeups, 1);
    assert_int_equal(s->calls, 0);
    assert_int_equal(xs_local_dispatch(s->local), 1);
    assert_string_equal(s->path, "/a");
    OK(ask(w->tool, XS_WRITE, 0, "/a/b|1"));
    assert_int_equal(s->wakeups, 2);
    /* Requests in between leave the event where it is. */
    assert_true(xs_local_exists(s->local, XS_TX_NONE, "/a/b"));
    assert_int_equal(xs_local_dispatch(s->local), 1);
    assert_string_equal(s->path, "/a/b");
    assert_int_equal(xs_local_dispatch(s->local), 0);
    /* One's own writes count too; an event for a watch that is gone is nobody's. */
    assert_int_equal(xs_local_write(s->local, XS_TX_NONE, "/a", "2", 1), 0);
    xs_local_unwatch(s->local, s->watch);
    assert_int_equal(xs_local_dispatch(s->local), 0);
    assert_int_equal(s->calls, 2);
}

static void write_where_it_watches(void *data, const char *path)
{
    struct seen *s = data;

    s->calls++;
    assert_int_equal(xs_local_write(s->local, XS_TX_NONE, path, "again", 5), 0);
}

static void unwatch_itself(void *data, const char *path)
{
    struct seen *s = data;

    (void)path;
    s->calls++;
    xs_local_unwatch(s->local, s->watch);
}

static void callbacks_may_use_the_store(void **state)
{
    struct seen *s = *state;

    assert_int_equal(xs_local_watch(s->local, "/a", write_where_it_watches, s, &s->watch), 0);
    assert_int_equal(xs_local_dispatch(s->local), 1);
    assert_int_equal(xs_local_dispatch(s->local), 1);
    xs_local_unwatch(s->local, s->watch);
    xs_local_dispatch(s->local);
    s->calls = 0;
    assert_int_equal(xs_local_watch(s->local, "/b", unwatch_itself, s, &s->watch), 0);
    assert_int_equal(xs_local_dispatch(s->local), 1);
    assert_int_equal(xs_local_write(s->local, XS_TX_NONE, "/b", "1", 1), 0);
    assert_int_equal(xs_local_dispatch(s->local), 0);
    assert_int_equal(s->calls, 1);
}

static void domains_come_and_go(void **state)
{
    struct seen *s = *state;
    struct world *w = s->world;

    assert_int_equal(xs_local_watch(s->local, "@releaseDomain", see, s, &s->watch), 0);
    xs_local_dispatch(s->local);
    assert_int_equal(xs_local_introduce(s->local, 5, 0xfeffc, 1), 0);
    assert_true(xs_local_is_introduced(s->local, 5));
    assert_int_equal(xs_store_domain_shut_down(w->store, 5), 0);
    assert_int_equal(xs_local_dispatch(s->local), 1);
    assert_string_equal(s->path, "@releaseDomain");
    assert_int_equal(xs_local_resume(s->local, 5), 0);
    assert_int_equal(xs_local_release(s->local, 5), 0);
    assert_false(xs_local_is_introduced(s->local, 5));
    assert_int_equal(xs_local_release(s->local, 5), -ENOENT);
    w->introduce_result = EBUSY;
    assert_int_equal(xs_local_introduce(s->local, 6, 0xfeffc, 1), -EBUSY);
}

/* Invariant 14. */
static void removing_a_device_leaves_no_empty_parents(void **state)
{
    struct xs_local *l = ((struct seen *)*state)->local;

    assert_int_equal(xs_local_write(l, XS_TX_NONE, "/dom/keep", "1", 1), 0);
    assert_int_equal(xs_local_write(l, XS_TX_NONE, "/dom/backend/vbd/5/0/state", "6", 1), 0);
    assert_int_equal(xs_local_write(l, XS_TX_NONE, "/dom/backend/vbd/5/1/state", "4", 1), 0);
    assert_int_equal(xs_local_rm_and_empty_parents(l, XS_TX_NONE, "/dom/backend/vbd/5/0"), 0);
    assert_true(xs_local_exists(l, XS_TX_NONE, "/dom/backend/vbd/5/1"));
    assert_int_equal(xs_local_rm_and_empty_parents(l, XS_TX_NONE, "/dom/backend/vbd/5/1"), 0);
    assert_false(xs_local_exists(l, XS_TX_NONE, "/dom/backend"));
    assert_true(xs_local_exists(l, XS_TX_NONE, "/dom"));
    assert_int_equal(xs_local_rm_and_empty_parents(l, XS_TX_NONE, "/dom/keep"), 0);
    assert_false(xs_local_exists(l, XS_TX_NONE, "/dom"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_local, close_local)

static void quotas_of_all_and_of_one(void **state)
{
    struct seen *s = *state;
    struct xs_store *store = s->world->store;
    struct xs_domain_info info;

    assert_int_equal(xs_local_set_quota(s->local, -1, "nodes", 7), 0);
    assert_int_equal(xs_store_quota(store, XS_QUOTA_NODES), 7);
    assert_int_equal(xs_local_set_quota(s->local, 5, "nodes", 8), -ENOENT);
    assert_int_equal(xs_local_introduce(s->local, 5, 1, 1), 0);
    assert_int_equal(xs_local_set_quota(s->local, 5, "nodes", 8), 0);
    assert_true(xs_store_next_domain(store, 5, &info));
    assert_int_equal(info.limits[XS_QUOTA_NODES], 8);
    assert_int_equal(xs_local_set_quota(s->local, 5, "noodles", 8), -EINVAL);
    assert_int_equal(xs_local_set_quota(
                         s->local, 5, "a name that is longer than that of any quota there is, and by far", 8),
                     -EINVAL);
}

static void commands_of_control(void **state)
{
    struct seen *s = *state;
    char *words[] = {"quota", "set", "nodes", "9"}, *help = "help", *long_words[3] = {"print"};
    char text[3000];
    char *answer;

    assert_int_equal(xs_local_control(s->local, words, 4, &answer), 0);
    assert_string_equal(answer, "OK");
    free(answer);
    assert_int_equal(xs_store_quota(s->world->store, XS_QUOTA_NODES), 9);
    assert_int_equal(xs_local_control(s->local, &help, 1, &answer), 0);
    assert_non_null(strstr(answer, "memreport"));
    free(answer);
    assert_int_equal(xs_local_control(s->local, words, 2, &answer), -EINVAL);
    assert_int_equal(xs_local_control(s->local, words, 0, &answer), -EINVAL);
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    long_words[1] = long_words[2] = text;
    assert_int_equal(xs_local_control(s->local, long_words, 3, &answer), -E2BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nodes),
        TEST(commands_of_control),
        TEST(too_long_for_the_wire),
        TEST(lists_of_any_length),
        TEST(permission_lists),
        TEST(transactions_commit_abort_and_conflict),
        TEST(watches_call_back_from_dispatch),
        TEST(callbacks_may_use_the_store),
        TEST(domains_come_and_go),
        TEST(quotas_of_all_and_of_one),
        {"14 removing_a_device_leaves_no_empty_parents", removing_a_device_leaves_no_empty_parents,
         open_local, close_local, NULL},
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

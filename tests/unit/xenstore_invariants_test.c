// SPDX-License-Identifier: MIT
/*
 * The invariants of the stock store that guests and tools rely on, each test named after the one it checks
 * (docs/xenstore.md lists them with their numbers).
 */
#include "xenstore_client.h"

/* A directory for domain 5 as the toolstack makes it: owned by the domain. */
static void give_home(struct world *w, unsigned int domid)
{
    char text[128];

    snprintf(text, sizeof(text), "/local/domain/%u|", domid);
    OK(ask(w->tool, XS_MKDIR, 0, text));
    snprintf(text, sizeof(text), "/local/domain/%u|n%u|", domid, domid);
    OK(ask(w->tool, XS_SET_PERMS, 0, text));
}

static void introduce(struct world *w, unsigned int domid)
{
    char text[64];

    snprintf(text, sizeof(text), "%u|1|2|", domid);
    OK(ask(w->tool, XS_INTRODUCE, 0, text));
}

/* ---- 1 ---- */

static void watch_is_acknowledged_then_fires_once(void **state)
{
    struct world *w = *state;

    OK(ask(w->tool, XS_WATCH, 0, "/nowhere|tok|"));
    ANSWERS(event(w->tool), "/nowhere|tok|");
    ANSWERS(event(w->tool), "");
}

static void same_path_and_token_twice_is_EEXIST(void **state)
{
    struct world *w = *state;
    struct client *g = guest(w, 5);

    watch(w->tool, "/a", "t");
    ANSWERS(ask(w->tool, XS_WATCH, 0, "/a|t|"), "EEXIST");
    watch(w->tool, "/a", "u");
    watch(g, "/a", "t");
    OK(ask(w->tool, XS_UNWATCH, 0, "/a|t|"));
    ANSWERS(ask(w->tool, XS_UNWATCH, 0, "/a|t|"), "ENOENT");
    watch(w->tool, "/a", "t");
}

static void relative_watch_gives_relative_events(void **state)
{
    struct world *w = *state;
    struct client *g = guest(w, 5);

    give_home(w, 5);
    watch(g, "device", "t");
    OK(ask(w->tool, XS_WRITE, 0, "/local/domain/5/device/vbd/0/state|1"));
    ANSWERS(event(g), "device/vbd/0/state|t|");
    watch(g, "/local/domain/5/device", "abs");
    OK(ask(w->tool, XS_WRITE, 0, "/local/domain/5/device/x|1"));
    ANSWERS(event(g), "device/x|t|");
    ANSWERS(event(g), "/local/domain/5/device/x|abs|");
}

static void watch_fires_only_for_who_may_read(void **state)
{
    struct world *w = *state;
    struct client *g = guest(w, 5);

    OK(ask(w->tool, XS_WRITE, 0, "/secret|1"));
    watch(g, "/secret", "t");
    OK(ask(w->tool, XS_WRITE, 0, "/secret|2"));
    ANSWERS(event(g), "");
    OK(ask(w->tool, XS_SET_PERMS, 0, "/secret|n0|r5|"));
    ANSWERS(event(g), "/secret|t|");
    OK(ask(w->tool, XS_WRITE, 0, "/secret|3"));
    ANSWERS(event(g), "/secret|t|");
    /* Who loses the right is told once more. */
    OK(ask(w->tool, XS_SET_PERMS, 0, "/secret|n0|"));
    ANSWERS(event(g), "/secret|t|");
    OK(ask(w->tool, XS_WRITE, 0, "/secret|4"));
    ANSWERS(event(g), "");
}

/* ---- 2 ---- */

static void removing_a_parent_fires_watches_on_children(void **state)
{
    struct world *w = *state;

    OK(ask(w->tool, XS_WRITE, 0, "/a/b/c|1"));
    OK(ask(w->tool, XS_WRITE, 0, "/a/b/d|1"));
    watch(w->tool, "/a/b/c", "child");
    watch(w->tool, "/a/b/absent", "absent");
    send_request(w->tool, XS_RM, 0, "/a|");
    ANSWERS(event(w->tool), "/a/b/c|child|");
    struct xsd_sockmsg header;
    char text[64];
    assert_true(next_message(w->tool, &header, text));
    ANSWERS(text, "OK|");
    ANSWERS(event(w->tool), "");
}

static void removing_a_child_fires_watches_on_its_ancestors(void **state)
{
    struct world *w = *state;
    struct client *other = connect_client(w, 0, true, false);

    OK(ask(w->tool, XS_WRITE, 0, "/a/b/c|1"));
    watch(other, "/", "root");
    watch(other, "/a", "a");
    OK(ask(w->tool, XS_RM, 0, "/a/b|"));
    ANSWERS(event(other), "/a/b|root|");
    ANSWERS(event(other), "/a/b|a|");
    ANSWERS(event(other), "");
}

static void removing_an_absent_node_needs_its_parent(void **state)
{
    struct world *w = *state;

    OK(ask(w->tool, XS_MKDIR, 0, "/a|"));
    OK(ask(w->tool, XS_RM, 0, "/a/b|"));
    ANSWERS(ask(w->tool, XS_RM, 0, "/a/b/c|"), "ENOENT");
    ANSWERS(ask(w->tool, XS_RM, 0, "/|"), "EINVAL");
}

/* ---- 3 ---- */

static void watches_fire_at_commit_only(void **state)
{
    struct world *w = *state;
    struct client *other = connect_client(w, 0, true, false);
    uint32_t tx = start(w->tool);

    watch(other, "/a", "t");
    OK(ask(w->tool, XS_WRITE, tx, "/a/b|1"));
    OK(ask(w->tool, XS_WRITE, tx, "/a/c|1"));
    ANSWERS(event(other), "");
    OK(ask(w->tool, XS_TRANSACTION_END, tx, "T|"));
    ANSWERS(event(other), "/a/b|t|");
    ANSWERS(event(other), "/a/c|t|");
    ANSWERS(event(other), "");
}

static void aborted_transaction_fires_nothing(void **state)
{
    struct world *w = *state;
    struct client *other = connect_client(w, 0, true, false);
    uint32_t tx = start(w->tool);

    watch(other, "/a", "t");
    OK(ask(w->tool, XS_WRITE, tx, "/a/b|1"));
    OK(ask(w->tool, XS_TRANSACTION_END, tx, "F|"));
    ANSWERS(event(other), "");
    ANSWERS(ask(w->tool, XS_READ, 0, "/a/b|"), "ENOENT");
}

/* ---- 4 ---- */

static void conflicting_read_is_EAGAIN_without_effect(void **state)
{
    struct world *w = *state;
    struct client *other = connect_client(w, 0, true, false);
    uint32_t tx;

    OK(ask(w->tool, XS_WRITE, 0, "/a|1"));
    tx = start(w->tool);
    ANSWERS(ask(w->tool, XS_READ, tx, "/a|"), "1");
    OK(ask(w->tool, XS_WRITE, tx, "/b|1"));
    OK(ask(other, XS_WRITE, 0, "/a|2"));
    watch(other, "/", "t");
    ANSWERS(ask(w->tool, XS_READ, tx, "/a|"), "1");
    ANSWERS(ask(w->tool, XS_TRANSACTION_END, tx, "T|"), "EAGAIN");
    ANSWERS(event(other), "");
    ANSWERS(ask(other, XS_READ, 0, "/b|"), "ENOENT");
    ANSWERS(ask(w->tool, XS_TRANSACTION_END, tx, "T|"), "ENOENT");
}

static void blind_writes_do_not_conflict(void **state)
{
    struct world *w = *state;
    struct client *other = connect_client(w, 0, true, false);
    uint32_t tx;

    OK(ask(w->tool, XS_WRITE, 0, "/a|1"));
    tx = start(w->tool);
    OK(ask(w->tool, XS_WRITE, tx, "/a|mine"));
    ANSWERS(ask(w->tool, XS_READ, tx, "/a|"), "mine");
    OK(ask(w->tool, XS_WRITE, tx, "/d/mine|1"));
    OK(ask(other, XS_WRITE, 0, "/a|2"));
    OK(ask(other, XS_WRITE, 0, "/d/yours|1"));
    OK(ask(w->tool, XS_TRANSACTION_END, tx, "T|"));
    ANSWERS(ask(other, XS_READ, 0, "/a|"), "mine");
    ANSWERS(ask(other, XS_DIRECTORY, 0, "/d|"), "mine|yours|");
}

static void listing_and_absence_count_as_reads(void **state)
{
    struct world *w = *state;
    struct client *other = connect_client(w, 0, true, false);
    uint32_t tx;

    OK(ask(w->tool, XS_MKDIR, 0, "/d|"));
    tx = start(w->tool);
    ANSWERS(ask(w->tool, XS_DIRECTORY, tx, "/d|"), "");
    OK(ask(other, XS_WRITE, 0, "/d/x|1"));
    ANSWERS(ask(w->tool, XS_TRANSACTION_END, tx, "T|"), "EAGAIN");

    tx = start(w->tool);
    ANSWERS(ask(w->tool, XS_READ, tx, "/e|"), "ENOENT");
    OK(ask(other, XS_WRITE, 0, "/e|1"));
    ANSWERS(ask(w->tool, XS_TRANSACTION_END, tx, "T|"), "EAGAIN");

    /* RM of what isn't there, MKDIR of what is: both read. */
    tx = start(w->tool);
    OK(ask(w->tool, XS_RM, tx, "/f|"));
    OK(ask(other, XS_WRITE, 0, "/f|1"));
    ANSWERS(ask(w->tool, XS_TRANSACTION_END, tx, "T|"), "EAGAIN");
    tx = start(w->tool);
    OK(ask(w->tool, XS_MKDIR, tx, "/f|"));
    OK(ask(other, XS_RM, 0, "/f|"));
    ANSWERS(ask(w->tool, XS_TRANSACTION_END, tx, "T|"), "EAGAIN");
}

static void unrelated_changes_do_not_conflict(void **state)
{
    struct world *w = *state;
    struct client *other = connect_client(w, 0, true, false);
    uint32_t tx;

    OK(ask(w->tool, XS_WRITE, 0, "/a/x|1"));
    tx = start(w->tool);
    ANSWERS(ask(w->tool, XS_READ, tx, "/a|"), "");
    OK(ask(w->tool, XS_RM, tx, "/a/x|"));
    ANSWERS(ask(w->tool, XS_DIRECTORY, tx, "/a|"), "");
    OK(ask(other, XS_WRITE, 0, "/b|1"));
    OK(ask(other, XS_WRITE, 0, "/a/x|2"));
    OK(ask(w->tool, XS_TRANSACTION_END, tx, "T|"));
    ANSWERS(ask(w->tool, XS_READ, 0, "/a/x|"), "ENOENT");
    ANSWERS(ask(w->tool, XS_READ, 0, "/b|"), "1");
}

/* ---- 5 ---- */

static void transaction_ids_belong_to_their_connection(void **state)
{
    struct world *w = *state;
    struct client *other = connect_client(w, 0, true, false);
    uint32_t tx = start(w->tool);

    ANSWERS(ask(other, XS_READ, tx, "/|"), "ENOENT");
    ANSWERS(ask(other, XS_TRANSACTION_END, tx, "T|"), "ENOENT");
    ANSWERS(ask(w->tool, XS_TRANSACTION_START, tx, "|"), "EBUSY");
    ANSWERS(ask(w->tool, XS_TRANSACTION_END, tx, "X|"), "EINVAL");
    ANSWERS(ask(w->tool, XS_TRANSACTION_END, 0, "T|"), "ENOENT");
    OK(ask(w->tool, XS_TRANSACTION_END, tx, "T|"));
}

static void RESET_WATCHES_drops_watches_and_transactions(void **state)
{
    struct world *w = *state;
    struct client *g = guest(w, 5);
    uint32_t tx = start(g);

    watch(g, "x", "t");
    OK(ask(g, XS_RESET_WATCHES, 0, "|"));
    ANSWERS(ask(g, XS_READ, tx, "x|"), "ENOENT");
    ANSWERS(ask(g, XS_UNWATCH, 0, "x|t|"), "ENOENT");
    assert_int_equal(xs_store_usage(w->store, 5, XS_QUOTA_WATCHES), 0);
    assert_int_equal(xs_store_usage(w->store, 5, XS_QUOTA_TRANSACTIONS), 0);
}

/* ---- 6 ---- */

static void introduction_and_release_fire_for_the_toolstack_only(void **state)
{
    struct world *w = *state;
    struct client *other = connect_client(w, 0, true, false), *g = guest(w, 5);

    watch(other, "@introduceDomain", "in");
    watch(other, "@releaseDomain", "out");
    watch(g, "@releaseDomain", "out");
    ANSWERS(ask(g, XS_WATCH, 0, "@anything|t|"), "EINVAL");
    introduce(w, 5);
    ANSWERS(event(other), "@introduceDomain|in|");
    ANSWERS(ask(w->tool, XS_IS_DOMAIN_INTRODUCED, 0, "5|"), "T|");
    OK(ask(w->tool, XS_RELEASE, 0, "5|"));
    ANSWERS(event(other), "@releaseDomain|out|");
    ANSWERS(event(g), "");
    ANSWERS(ask(w->tool, XS_IS_DOMAIN_INTRODUCED, 0, "5|"), "F|");
    ANSWERS(ask(w->tool, XS_RELEASE, 0, "5|"), "ENOENT");
    assert_int_equal(w->introduced, 1);
    assert_int_equal(w->released, 1);
}

static void special_watches_can_be_delegated(void **state)
{
    struct world *w = *state;
    struct client *g = guest(w, 5);

    watch(g, "@introduceDomain", "in");
    ANSWERS(ask(g, XS_SET_PERMS, 0, "@introduceDomain|n0|r5|"), "EACCES");
    ANSWERS(ask(g, XS_GET_PERMS, 0, "@introduceDomain|"), "EACCES");
    OK(ask(w->tool, XS_SET_PERMS, 0, "@introduceDomain|n0|r5|"));
    ANSWERS(ask(g, XS_GET_PERMS, 0, "@introduceDomain|"), "n0|r5|");
    introduce(w, 7);
    ANSWERS(event(g), "@introduceDomain|in|");

    OK(ask(w->tool, XS_SET_PERMS, 0, "@introduceDomain|n5|"));
    OK(ask(g, XS_SET_PERMS, 0, "@introduceDomain|n5|r6|"));
    ANSWERS(ask(g, XS_SET_PERMS, 0, "@introduceDomain|n6|"), "EPERM");
    ANSWERS(ask(g, XS_SET_PERMS, 0, "@introduceDomain|x|"), "EINVAL");
    ANSWERS(ask(g, XS_SET_PERMS, 0, "@introduceDomain|n5|r1|r2|r3|r4|r6|"), "ENOSPC");
}

static void release_fires_at_shutdown_and_at_death_and_RESUME_rearms(void **state)
{
    struct world *w = *state;
    struct client *other = connect_client(w, 0, true, false);

    introduce(w, 5);
    watch(other, "@releaseDomain", "t");
    assert_int_equal(xs_store_domain_shut_down(w->store, 5), 0);
    ANSWERS(event(other), "@releaseDomain|t|");
    assert_int_equal(xs_store_domain_shut_down(w->store, 5), 0);
    ANSWERS(event(other), "");
    OK(ask(w->tool, XS_RESUME, 0, "5|"));
    assert_int_equal(xs_store_domain_shut_down(w->store, 5), 0);
    ANSWERS(event(other), "@releaseDomain|t|");
    assert_int_equal(xs_store_domain_dead(w->store, 5), 0);
    ANSWERS(event(other), "@releaseDomain|t|");
    assert_int_equal(xs_store_domain_dead(w->store, 5), 0);
    ANSWERS(event(other), "");
    ANSWERS(ask(w->tool, XS_RESUME, 0, "5|"), "ENOENT");
}

/* ---- 7 ---- */

static void death_removes_owned_nodes_and_tells_watchers(void **state)
{
    struct world *w = *state;
    struct client *other = connect_client(w, 0, true, false), *g = guest(w, 5);

    give_home(w, 5);
    give_home(w, 37); /* shares its owner bit with 5 */
    introduce(w, 5);
    OK(ask(g, XS_WRITE, 0, "data/x|1"));
    OK(ask(w->tool, XS_WRITE, 0, "/elsewhere/of5|1"));
    OK(ask(w->tool, XS_SET_PERMS, 0, "/elsewhere/of5|n5|"));
    watch(other, "/local/domain/5/data/x", "t");
    assert_int_equal(xs_store_domain_dead(w->store, 5), 0);
    ANSWERS(event(other), "/local/domain/5/data/x|t|");
    ANSWERS(ask(w->tool, XS_DIRECTORY, 0, "/local/domain|"), "37|");
    ANSWERS(ask(w->tool, XS_DIRECTORY, 0, "/elsewhere|"), "");
    assert_int_equal(xs_store_usage(w->store, 5, XS_QUOTA_NODES), 0);
    assert_int_equal(xs_store_usage(w->store, 37, XS_QUOTA_NODES), 1);
}

static void permissions_of_a_dead_domain_do_not_pass_to_the_next(void **state)
{
    struct world *w = *state;
    struct client *g = guest(w, 5);

    OK(ask(w->tool, XS_WRITE, 0, "/a|1"));
    OK(ask(w->tool, XS_SET_PERMS, 0, "/a|n0|r5|r6|"));
    introduce(w, 5);
    ANSWERS(ask(g, XS_READ, 0, "/a|"), "1");
    assert_int_equal(xs_store_domain_dead(w->store, 5), 0);
    disconnect(g);

    introduce(w, 5);
    g = guest(w, 5);
    ANSWERS(ask(g, XS_READ, 0, "/a|"), "EACCES");
    ANSWERS(ask(w->tool, XS_GET_PERMS, 0, "/a|"), "n0|r6|");
    OK(ask(w->tool, XS_WRITE, 0, "/a/child|1"));
    ANSWERS(ask(g, XS_READ, 0, "/a/child|"), "EACCES");
    OK(ask(w->tool, XS_SET_PERMS, 0, "/a|n0|r5|"));
    ANSWERS(ask(g, XS_READ, 0, "/a|"), "1");
}

static void void_permissions_do_not_revive_by_inheritance(void **state)
{
    struct world *w = *state;
    struct client *g = guest(w, 5), *writer = guest(w, 6);

    OK(ask(w->tool, XS_MKDIR, 0, "/a|"));
    OK(ask(w->tool, XS_SET_PERMS, 0, "/a|n0|b5|b6|"));
    introduce(w, 5);
    assert_int_equal(xs_store_domain_dead(w->store, 5), 0);
    introduce(w, 5);
    OK(ask(writer, XS_WRITE, 0, "/a/x|1"));
    ANSWERS(ask(w->tool, XS_GET_PERMS, 0, "/a/x|"), "n6|b6|");
    ANSWERS(ask(g, XS_READ, 0, "/a/x|"), "EACCES");
}

static void death_during_a_transaction_voids_what_it_granted(void **state)
{
    struct world *w = *state;
    struct client *g = guest(w, 5);
    uint32_t tx;

    OK(ask(w->tool, XS_MKDIR, 0, "/a|"));
    introduce(w, 5);
    tx = start(w->tool);
    OK(ask(w->tool, XS_SET_PERMS, tx, "/a|n0|r5|"));
    assert_int_equal(xs_store_domain_dead(w->store, 5), 0);
    introduce(w, 5);
    OK(ask(w->tool, XS_TRANSACTION_END, tx, "T|"));
    ANSWERS(ask(g, XS_READ, 0, "/a|"), "EACCES");

    tx = start(w->tool);
    OK(ask(w->tool, XS_SET_PERMS, tx, "/a|n5|"));
    assert_int_equal(xs_store_domain_dead(w->store, 5), 0);
    ANSWERS(ask(w->tool, XS_TRANSACTION_END, tx, "T|"), "EAGAIN");
}

/* ---- 8 ---- */

static void nodes_are_charged_to_their_owner(void **state)
{
    struct world *w = *state;
    struct client *g = guest(w, 5);

    give_home(w, 5);
    assert_int_equal(xs_store_usage(w->store, 5, XS_QUOTA_NODES), 1);
    OK(ask(g, XS_WRITE, 0, "a/b/c|1"));
    assert_int_equal(xs_store_usage(w->store, 5, XS_QUOTA_NODES), 4);
    ANSWERS(ask(w->tool, XS_GET_PERMS, 0, "/local/domain/5/a/b|"), "n5|");
    /* What the toolstack creates there inherits, and is charged to, the parent's owner. */
    OK(ask(w->tool, XS_WRITE, 0, "/local/domain/5/d|1"));
    assert_int_equal(xs_store_usage(w->store, 5, XS_QUOTA_NODES), 5);
    OK(ask(w->tool, XS_SET_PERMS, 0, "/local/domain/5/d|n0|b5|"));
    assert_int_equal(xs_store_usage(w->store, 5, XS_QUOTA_NODES), 4);
    /* An unprivileged client owns what it creates in another's directory. */
    OK(ask(g, XS_WRITE, 0, "d/e|1"));
    ANSWERS(ask(g, XS_GET_PERMS, 0, "d/e|"), "n5|b5|");
    assert_int_equal(xs_store_usage(w->store, 5, XS_QUOTA_NODES), 5);
    OK(ask(w->tool, XS_RM, 0, "/local/domain/5|"));
    assert_int_equal(xs_store_usage(w->store, 5, XS_QUOTA_NODES), 0);
}

static void only_the_toolstack_changes_an_owner(void **state)
{
    struct world *w = *state;
    struct client *g = guest(w, 5);

    give_home(w, 5);
    OK(ask(g, XS_WRITE, 0, "x|1"));
    ANSWERS(ask(g, XS_SET_PERMS, 0, "x|n6|"), "EPERM");
    OK(ask(g, XS_SET_PERMS, 0, "x|n5|r6|"));
    ANSWERS(ask(g, XS_SET_PERMS, 0, "x|q5|"), "EINVAL");
    ANSWERS(ask(g, XS_SET_PERMS, 0, "x|n|"), "EINVAL");
    ANSWERS(ask(g, XS_SET_PERMS, 0, "x||"), "EINVAL");
    ANSWERS(ask(g, XS_SET_PERMS, 0, "x|n70000|"), "EINVAL");
    ANSWERS(ask(g, XS_SET_PERMS, 0, "x|"), "EINVAL");
}

static void access_is_refused_without_telling_more(void **state)
{
    struct world *w = *state;
    struct client *g = guest(w, 5);

    OK(ask(w->tool, XS_WRITE, 0, "/private/x|1"));
    ANSWERS(ask(g, XS_READ, 0, "/private/x|"), "EACCES");
    ANSWERS(ask(g, XS_READ, 0, "/private/y|"), "EACCES");
    ANSWERS(ask(g, XS_WRITE, 0, "/private/x|2"), "EACCES");
    ANSWERS(ask(g, XS_MKDIR, 0, "/private/y|"), "EACCES");
    ANSWERS(ask(g, XS_RM, 0, "/private|"), "EACCES");
    ANSWERS(ask(g, XS_DIRECTORY, 0, "/|"), "EACCES");
    OK(ask(w->tool, XS_SET_PERMS, 0, "/private|r0|"));
    ANSWERS(ask(g, XS_READ, 0, "/private/y|"), "ENOENT");
    ANSWERS(ask(g, XS_WRITE, 0, "/private/y|1"), "EACCES");
    ANSWERS(ask(g, XS_SET_PERMS, 0, "/private|n5|"), "EACCES");
}

/* ---- 10 ---- */

static void long_directories_are_read_in_parts(void **state)
{
    struct world *w = *state;
    char text[64], all[40000] = "", generation[32] = "";
    size_t used = 0;
    unsigned int parts = 0;
    bool end = false;

    for (unsigned int i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "/d/child-number-%03u|1", i);
        OK(ask(w->tool, XS_WRITE, 0, text));
    }
    ANSWERS(ask(w->tool, XS_DIRECTORY, 0, "/d|"), "E2BIG");
    while (!end) {
        const char *part, *names;

        snprintf(text, sizeof(text), "/d|%zu|", used);
        part = ask(w->tool, XS_DIRECTORY_PART, 0, text);
        names = strchr(part, '|') + 1;
        if (!parts++)
            memcpy(generation, part, (size_t)(names - part));
        assert_memory_equal(part, generation, names - part);
        end = !strcmp(names, "|") || strstr(names, "||");
        strcpy(all + used, names);
        used += strlen(names) - end;
        /* A value written below changes no list. */
        OK(ask(w->tool, XS_WRITE, 0, "/d/child-number-500|2"));
    }
    assert_true(parts > 3);
    assert_int_equal(used, 1000 * strlen("child-number-000|"));
    for (unsigned int i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "child-number-%03u|", i);
        assert_memory_equal(all + i * strlen(text), text, strlen(text));
    }
    OK(ask(w->tool, XS_RM, 0, "/d/child-number-500|"));
    assert_string_not_equal(strtok((char *)ask(w->tool, XS_DIRECTORY_PART, 0, "/d|0|"), "|"),
                            strtok(generation, "|"));
    ANSWERS(strchr(ask(w->tool, XS_DIRECTORY_PART, 0, "/d/child-number-001|0|"), '|'), "||");
}

/* ---- 11 ---- */

static void writing_the_same_value_fires(void **state)
{
    struct world *w = *state;
    struct client *other = connect_client(w, 0, true, false);

    OK(ask(w->tool, XS_WRITE, 0, "/a|1"));
    watch(other, "/a", "t");
    OK(ask(w->tool, XS_WRITE, 0, "/a|1"));
    ANSWERS(event(other), "/a|t|");
    /* MKDIR of a node that exists changes nothing. */
    OK(ask(w->tool, XS_MKDIR, 0, "/a|"));
    ANSWERS(event(other), "");
}

static void values_are_binary(void **state)
{
    struct world *w = *state;

    OK(ask(w->tool, XS_WRITE, 0, "/a|with|zeros||"));
    ANSWERS(ask(w->tool, XS_READ, 0, "/a|"), "with|zeros||");
    OK(ask(w->tool, XS_WRITE, 0, "/a|"));
    ANSWERS(ask(w->tool, XS_READ, 0, "/a|"), "");
}

static void an_event_that_waits_is_not_repeated(void **state)
{
    struct world *w = *state;
    struct client *other = connect_client(w, 0, true, false);
    struct xsd_sockmsg header;
    size_t len;

    watch(other, "/a", "t");
    for (unsigned int i = 0; i < 1000; i++) {
        OK(ask(w->tool, XS_WRITE, 0, "/a/b|1"));
        OK(ask(w->tool, XS_WRITE, 0, "/a/c|1"));
    }
    ANSWERS(event(other), "/a/b|t|");
    ANSWERS(event(other), "/a/c|t|");
    ANSWERS(event(other), "");

    /* But one that is already on its way doesn't cover a later change. */
    OK(ask(w->tool, XS_WRITE, 0, "/a|1"));
    assert_non_null(xs_conn_output(other->conn, &len));
    xs_conn_output_done(other->conn, sizeof(header));
    OK(ask(w->tool, XS_WRITE, 0, "/a|2"));
    assert_non_null(xs_conn_output(other->conn, &len));
    xs_conn_output_done(other->conn, len);
    ANSWERS(event(other), "/a|t|");
}

/* ---- 13 ---- */

/* That a backend writes its keys before it switches state is of use only if others see it in that order. */
static void what_is_written_first_is_seen_first(void **state)
{
    struct world *w = *state;
    struct client *back = guest(w, 6), *front = guest(w, 5);
    uint32_t tx;

    OK(ask(w->tool, XS_MKDIR, 0, "/backend|"));
    OK(ask(w->tool, XS_SET_PERMS, 0, "/backend|n6|r5|"));
    OK(ask(w->tool, XS_WRITE, 0, "/backend/state|1"));
    OK(ask(w->tool, XS_SET_PERMS, 0, "/backend/state|n6|r5|"));
    watch(front, "/backend", "t");
    OK(ask(back, XS_WRITE, 0, "/backend/feature|1"));
    ANSWERS(event(front), "/backend/feature|t|");
    ANSWERS(ask(front, XS_READ, 0, "/backend/state|"), "1");
    OK(ask(back, XS_WRITE, 0, "/backend/other|1"));
    OK(ask(back, XS_WRITE, 0, "/backend/state|2"));
    ANSWERS(event(front), "/backend/other|t|");
    ANSWERS(event(front), "/backend/state|t|");
    ANSWERS(ask(front, XS_READ, 0, "/backend/state|"), "2");
    ANSWERS(ask(front, XS_READ, 0, "/backend/feature|"), "1");

    /* In a transaction, at once, and told in the order in which it was done. */
    tx = start(back);
    OK(ask(back, XS_WRITE, tx, "/backend/ring|1"));
    OK(ask(back, XS_WRITE, tx, "/backend/state|4"));
    ANSWERS(ask(front, XS_READ, 0, "/backend/ring|"), "ENOENT");
    OK(ask(back, XS_TRANSACTION_END, tx, "T|"));
    ANSWERS(event(front), "/backend/ring|t|");
    ANSWERS(event(front), "/backend/state|t|");
    ANSWERS(ask(front, XS_READ, 0, "/backend/ring|"), "1");
}

/* ---- 14 ---- */

static void nothing_is_left_of_a_domain(void **state)
{
    struct world *w = *state;
    struct client *g = guest(w, 5);
    uint32_t memory = xs_store_usage(w->store, 0, XS_QUOTA_MEMORY);

    give_home(w, 5);
    introduce(w, 5);
    watch(g, "x", "t");
    OK(ask(g, XS_WRITE, start(g), "a/b|1"));
    OK(ask(g, XS_WRITE, 0, "c/d|1"));
    assert_int_equal(xs_store_domain_dead(w->store, 5), 0);
    disconnect(g);
    OK(ask(w->tool, XS_RM, 0, "/local|"));
    assert_int_equal(xs_store_usage(w->store, 5, XS_QUOTA_MEMORY), 0);
    assert_int_equal(xs_store_usage(w->store, 5, XS_QUOTA_NODES), 0);
    assert_int_equal(xs_store_usage(w->store, 5, XS_QUOTA_WATCHES), 0);
    assert_int_equal(xs_store_usage(w->store, 0, XS_QUOTA_MEMORY), memory);
    ANSWERS(ask(w->tool, XS_DIRECTORY, 0, "/|"), "tool|");
}

#define INVARIANT(number, test)                              \
    {                                                        \
#number " " #test, test, make_world, end_world, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        INVARIANT(1, watch_is_acknowledged_then_fires_once),
        INVARIANT(1, same_path_and_token_twice_is_EEXIST),
        INVARIANT(1, relative_watch_gives_relative_events),
        INVARIANT(1, watch_fires_only_for_who_may_read),
        INVARIANT(2, removing_a_parent_fires_watches_on_children),
        INVARIANT(2, removing_a_child_fires_watches_on_its_ancestors),
        INVARIANT(2, removing_an_absent_node_needs_its_parent),
        INVARIANT(3, watches_fire_at_commit_only),
        INVARIANT(3, aborted_transaction_fires_nothing),
        INVARIANT(4, conflicting_read_is_EAGAIN_without_effect),
        INVARIANT(4, blind_writes_do_not_conflict),
        INVARIANT(4, listing_and_absence_count_as_reads),
        INVARIANT(4, unrelated_changes_do_not_conflict),
        INVARIANT(5, transaction_ids_belong_to_their_connection),
        INVARIANT(5, RESET_WATCHES_drops_watches_and_transactions),
        INVARIANT(6, introduction_and_release_fire_for_the_toolstack_only),
        INVARIANT(6, special_watches_can_be_delegated),
        INVARIANT(6, release_fires_at_shutdown_and_at_death_and_RESUME_rearms),
        INVARIANT(7, death_removes_owned_nodes_and_tells_watchers),
        INVARIANT(7, permissions_of_a_dead_domain_do_not_pass_to_the_next),
        INVARIANT(7, void_permissions_do_not_revive_by_inheritance),
        INVARIANT(7, death_during_a_transaction_voids_what_it_granted),
        INVARIANT(8, nodes_are_charged_to_their_owner),
        INVARIANT(8, only_the_toolstack_changes_an_owner),
        INVARIANT(8, access_is_refused_without_telling_more),
        INVARIANT(10, long_directories_are_read_in_parts),
        INVARIANT(11, writing_the_same_value_fires),
        INVARIANT(11, values_are_binary),
        INVARIANT(11, an_event_that_waits_is_not_repeated),
        INVARIANT(13, what_is_written_first_is_seen_first),
        INVARIANT(14, nothing_is_left_of_a_domain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

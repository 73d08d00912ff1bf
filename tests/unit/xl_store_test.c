// SPDX-License-Identifier: MIT
// Unit tests of a domain's XenStore nodes, on the real store engine.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dom0/store_entries.h>

static const uint8_t uuid[16] = {0x3d, 0x2a, 0x4c, 0x1e, 0x6f, 0x5b, 0x4a, 0x39,
                                 0x8c, 0x77, 1,    2,    3,    4,    5,    6};
#define UUID "3d2a4c1e-6f5b-4a39-8c77-010203040506"

static const struct store_entries entries = {
    .domid = 5,
    .name = "web",
    .uuid = uuid,
    .memory_kib = 262144,
    .maxmem_kib = 524288,
    .vcpus = 1,
    .store_port = 1,
    .console_port = 2,
    .store_gfn = 0xfeffc,
    .console_gfn = 0xfefff,
    .start_time = 1700000000,
};

struct fixture {
    struct xs_store *store;
    struct xs_local *xs;
};

static int set_up(void **state)
{
    static const struct xs_hooks hooks;
    struct fixture *f = calloc(1, sizeof(*f));
    struct error err;

    f->store = xs_store_create(&hooks, 1);
    f->xs = xs_local_open(f->store, NULL, NULL);
    *state = f;
    return store_entries_write_dom0(f->xs, &err);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    xs_local_close(f->xs);
    xs_store_destroy(f->store);
    free(f);
    return 0;
}

// Append every path below `path`, one per line.
static void dump(struct xs_local *xs, const char *path, char *out)
{
    char **names;
    size_t count;

    strcat(strcat(out, path), "\n");
    assert_int_equal(xs_local_ls(xs, XS_TX_NONE, path, &names, &count), 0);
    for (size_t i = 0; i < count; i++) {
        char child[256];

        snprintf(child, sizeof(child), "%s/%s", strcmp(path, "/") ? path : "", names[i]);
        dump(xs, child, out);
    }
    free(names);
}

static void assert_node(struct fixture *f, const char *path, const char *value, uint16_t owner, char others,
                        size_t perm_count)
{
    struct xs_perm *perms;
    size_t count;
    char *found;

    assert_int_equal(xs_local_read(f->xs, XS_TX_NONE, path, &found, NULL), 0);
    assert_string_equal(found, value);
    free(found);
    assert_int_equal(xs_local_get_perms(f->xs, XS_TX_NONE, path, &perms, &count), 0);
    assert_int_equal(count, perm_count);
    assert_int_equal(perms[0].domid, owner);
    assert_int_equal(perms[0].access, 'n');
    if (perm_count > 1) {
        assert_int_equal(perms[1].domid, 5);
        assert_int_equal(perms[1].access, others);
    }
    free(perms);
}

static void guests_find_what_they_look_for(void **state)
{
    struct fixture *f = *state;
    struct error err;

    assert_int_equal(store_entries_write(f->xs, &entries, &err), 0);
    assert_node(f, "/local/domain/5", "", 0, 'r', 2);
    assert_node(f, "/local/domain/5/name", "web", 0, 'r', 2);
    assert_node(f, "/local/domain/5/domid", "5", 0, 'r', 2);
    assert_node(f, "/local/domain/5/vm", "/vm/" UUID, 0, 'r', 2);
    assert_node(f, "/local/domain/5/cpu/0/availability", "online", 0, 'r', 2);
    assert_node(f, "/local/domain/5/memory/static-max", "524288", 0, 'r', 2);
    assert_node(f, "/local/domain/5/memory/target", "262144", 0, 'r', 2);
    assert_node(f, "/local/domain/5/store/port", "1", 0, 'r', 2);
    assert_node(f, "/local/domain/5/store/ring-ref", "1044476", 0, 'r', 2);
    assert_node(f, "/local/domain/5/console/port", "2", 0, 'r', 2);
    assert_node(f, "/local/domain/5/console/ring-ref", "1044479", 0, 'r', 2);
    assert_node(f, "/local/domain/5/console/type", "xenconsoled", 0, 'r', 2);
    assert_node(f, "/local/domain/5/control", "", 0, 'r', 2);
    assert_node(f, "/local/domain/5/control/shutdown", "", 5, 0, 1);
    assert_node(f, "/local/domain/5/control/feature-poweroff", "", 5, 0, 1);
    assert_node(f, "/local/domain/5/control/platform-feature-xs_reset_watches", "1", 0, 'r', 2);
    assert_node(f, "/local/domain/5/device/suspend/event-channel", "", 5, 0, 1);
    assert_node(f, "/local/domain/5/data", "", 5, 0, 1);
    assert_node(f, "/local/domain/0/backend/console/5/0/frontend", "/local/domain/5/console", 0, 'r', 2);
    assert_node(f, "/vm/" UUID "/name", "web", 0, 'r', 2);
    assert_node(f, "/libxl/5/type", "pvh", 0, 0, 1);
}

static void removal_leaves_the_store_as_before(void **state)
{
    struct fixture *f = *state;
    char before[8000] = "", after[8000] = "";
    struct error err;

    dump(f->xs, "/", before);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(store_entries_write(f->xs, &entries, &err), 0);
        assert_int_equal(xs_local_write(f->xs, XS_TX_NONE, "/local/domain/5/data/mine", "x", 1), 0);
        store_entries_remove(f->xs, 5, uuid);
    }
    dump(f->xs, "/", after);
    assert_string_equal(before, after);
}

static void removal_spares_other_domains(void **state)
{
    struct fixture *f = *state;
    struct store_entries other = entries;
    uint8_t other_uuid[16] = {1};
    struct error err;

    other.domid = 6;
    other.uuid = other_uuid;
    other.name = "db";
    assert_int_equal(store_entries_write(f->xs, &entries, &err), 0);
    assert_int_equal(store_entries_write(f->xs, &other, &err), 0);
    store_entries_remove(f->xs, 5, uuid);
    assert_true(xs_local_exists(f->xs, XS_TX_NONE, "/local/domain/6/console/port"));
    assert_true(xs_local_exists(f->xs, XS_TX_NONE, "/local/domain/0/backend/console/6/0/state"));
    assert_false(xs_local_exists(f->xs, XS_TX_NONE, "/local/domain/0/backend/console/5"));
    assert_false(xs_local_exists(f->xs, XS_TX_NONE, "/vm/" UUID));
}

static void renaming_moves_both_names(void **state)
{
    struct fixture *f = *state;
    static const uint8_t fresh[16] = {0xff};
    struct error err;
    char *name;

    assert_int_equal(store_entries_write(f->xs, &entries, &err), 0);
    assert_int_equal(store_entries_rename(f->xs, 5, "www", uuid, uuid, &err), 0);
    assert_node(f, "/vm/" UUID "/name", "www", 0, 'r', 2);
    name = store_domain_name(f->xs, 5);
    assert_string_equal(name, "www");
    free(name);
    assert_int_equal(store_entries_rename(f->xs, 5, "old", uuid, fresh, &err), 0);
    assert_node(f, "/local/domain/5/vm", "/vm/ff000000-0000-0000-0000-000000000000", 0, 'r', 2);
    assert_node(f, "/vm/ff000000-0000-0000-0000-000000000000/name", "old", 0, 'r', 2);
    assert_false(xs_local_exists(f->xs, XS_TX_NONE, "/vm/" UUID));
    assert_null(store_domain_name(f->xs, 9));
}

#define STORE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(guests_find_what_they_look_for),
        STORE_TEST(removal_leaves_the_store_as_before),
        STORE_TEST(removal_spares_other_domains),
        STORE_TEST(renaming_moves_both_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

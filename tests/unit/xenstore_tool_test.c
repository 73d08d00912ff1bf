// SPDX-License-Identifier: MIT
/* dom0's xenstore command: values and permissions as text, and its way through a subtree. */
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

#include "../../dom0-tools/xenstore/xenstore_commands.h"

static void values_are_shown_as_the_original_tools_do(void **state)
{
    static const struct {
        const char *value;
        size_t len;
        const char *text;
    } cases[] = {
        {"plain text", 10, "plain text"},
        {"", 0, ""},
        {"a\tb\nc\rd\\", 8, "a\\tb\\nc\\rd\\\\"},
        {"\0\1\x7f\x80\xff", 5, "\\000\\001\\177\\x80\\xff"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = xenstore_escape(cases[i].value, cases[i].len);
        size_t len;

        assert_string_equal(text, cases[i].text);
        assert_true(xenstore_unescape(text, &len));
        assert_int_equal(len, cases[i].len);
        assert_memory_equal(text, cases[i].value, len);
        free(text);
    }
}

static void every_value_comes_back(void **state)
{
    char all[256], *text;
    size_t len;

    (void)state;
    for (unsigned int i = 0; i < sizeof(all); i++)
        all[i] = (char)i;
    text = xenstore_escape(all, sizeof(all));
    assert_true(xenstore_unescape(text, &len));
    assert_int_equal(len, sizeof(all));
    assert_memory_equal(text, all, len);
    free(text);
}

static void wrong_escapes_are_refused(void **state)
{
    static const char *const cases[] = {"\\", "\\q", "\\x", "\\xg", "\\8", "\\400", "ok\\"};
    char text[16];
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        strcpy(text, cases[i]);
        assert_false(xenstore_unescape(text, &len));
    }
}

static void numbers_and_permissions_are_checked(void **state)
{
    struct xs_perm perm;
    uint32_t number;

    (void)state;
    assert_true(xenstore_parse_perm("b32751", &perm));
    assert_int_equal(perm.domid, 32751);
    assert_int_equal(perm.access, 'b');
    for (const char **bad = (const char *[]){"", "n", "x1", "n-1", "n70000", "n1x", "1n", "n32752", NULL};
         *bad; bad++)
        assert_false(xenstore_parse_perm(*bad, &perm));
    assert_true(xenstore_number("4294967295", &number));
    assert_int_equal(number, 4294967295);
    for (const char **bad = (const char *[]){"", "-1", "4294967296", "1 ", "99999999999999999999999", NULL};
         *bad; bad++)
        assert_false(xenstore_number(*bad, &number));
}

/* ---- walks ---- */

struct visits {
    struct xs_local *xs;
    char seen[1024];
    unsigned int count, stop_after;
    const char *remove; /* when it is reached */
};

static int visit(void *ctx, const char *path, const char *name, unsigned int depth)
{
    struct visits *v = ctx;

    snprintf(v->seen + strlen(v->seen), sizeof(v->seen) - strlen(v->seen), "%s:%s:%u ",
             strlen(path) < 64 ? path : "...", name, depth);
    if (v->remove && !strcmp(path, v->remove))
        assert_int_equal(xs_local_rm(v->xs, XS_TX_NONE, path), 0);
    return ++v->count == v->stop_after ? 77 : 0;
}

static void a_walk_sees_everything_once(void **state)
{
    const struct xs_hooks hooks = {0};
    struct xs_store *store = xs_store_create(&hooks, 1);
    struct visits v = {.xs = xs_local_open(store, NULL, NULL)};
    char deep[3001];

    (void)state;
    xs_local_mkdir(v.xs, XS_TX_NONE, "/t/a/b");
    xs_local_mkdir(v.xs, XS_TX_NONE, "/t/c");
    assert_int_equal(xenstore_walk(v.xs, XS_TX_NONE, "/t", visit, &v), 0);
    assert_string_equal(v.seen, "/t/a:a:0 /t/a/b:b:1 /t/c:c:0 ");
    assert_int_equal(xenstore_walk(v.xs, XS_TX_NONE, "/nowhere", visit, &v), -ENOENT);
    assert_int_equal(xenstore_walk(v.xs, XS_TX_NONE, "nonsense", visit, &v), -ENOENT);

    v.seen[0] = '\0';
    v.stop_after = v.count + 2;
    assert_int_equal(xenstore_walk(v.xs, XS_TX_NONE, "/", visit, &v), 77);
    v.seen[0] = '\0';
    v.stop_after = 0;
    v.remove = "/t/a";
    assert_int_equal(xenstore_walk(v.xs, XS_TX_NONE, "/t", visit, &v), 0);
    assert_string_equal(v.seen, "/t/a:a:0 /t/c:c:0 ");

    for (unsigned int i = 0; i < 3000; i += 2)
        memcpy(deep + i, "/d", 3);
    assert_int_equal(xs_local_mkdir(v.xs, XS_TX_NONE, deep), 0);
    v.count = 0;
    assert_int_equal(xenstore_walk(v.xs, XS_TX_NONE, "/d", visit, &v), 0);
    assert_int_equal(v.count, 1499);
    xs_local_close(v.xs);
    xs_store_destroy(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_shown_as_the_original_tools_do),
        cmocka_unit_test(every_value_comes_back),
        cmocka_unit_test(wrong_escapes_are_refused),
        cmocka_unit_test(numbers_and_permissions_are_checked),
        cmocka_unit_test(a_walk_sees_everything_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

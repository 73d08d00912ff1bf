// SPDX-License-Identifier: MIT
/* xenstore ls, list, read, exists, write, mkdir, rm and chmod. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/io/xs_wire.h>

#include <guest/thread.h>

#include <dom0/terminal.h>

#include "xenstore_commands.h"

#define PERMS_MAX 64 /* more fit no command line */

/* ---- commands on the store ---- */

/* A command's connection, and what it is about at the moment: for the error message. */
struct session {
    const struct xl_args *args;
    struct xs_local *xs;
    uint32_t tx;
    const char *path;
};

typedef int session_fn(struct session *s);

/* Runs a command; returns the exit status. */
static int run(const struct xl_args *args, session_fn *fn)
{
    struct session s = {.args = args, .xs = xenstored_connect(NULL, NULL), .path = "the store"};
    int rc;

    if (!s.xs)
        return xenstore_fail(args, s.path, -ENOMEM);
    rc = fn(&s);
    xs_local_close(s.xs);
    return rc < 0 ? xenstore_fail(args, s.path, rc) : rc;
}

/* The same, all of it or nothing, whatever others write meanwhile. */
static int run_in_transaction(const struct xl_args *args, session_fn *fn)
{
    struct session s = {.args = args, .xs = xenstored_connect(NULL, NULL), .path = "the store"};
    int rc = s.xs ? -EAGAIN : -ENOMEM;

    while (rc == -EAGAIN) {
        rc = xs_local_tx_start(s.xs, &s.tx);
        if (rc)
            break;
        rc = fn(&s);
        if (rc)
            xs_local_tx_abort(s.xs, s.tx);
        else
            rc = xs_local_tx_commit(s.xs, s.tx);
    }
    if (s.xs)
        xs_local_close(s.xs);
    return rc < 0 ? xenstore_fail(args, s.path, rc) : rc;
}

/* Calls fn for each of the command's arguments from `first` on, `step` apart. */
static int for_each_path(struct session *s, int step, int (*fn)(struct session *s, char **argument))
{
    int rc = 0;

    for (int i = 0; i + step <= s->args->argc && !rc; i += step) {
        s->path = s->args->argv[i];
        rc = fn(s, &s->args->argv[i]);
    }
    return rc;
}

/* ---- ls ---- */

struct listing {
    struct session *s;
    bool flat, perms;
    unsigned int lines;
};

static void print_value(const char *value, size_t len)
{
    char *text = xenstore_escape(value, len);

    printf(" = \"%s\"", text ? text : "(out of memory)");
    free(text);
}

static void print_perms(const struct xs_perm *perms, size_t count)
{
    printf(" (");
    for (size_t i = 0; i < count; i++)
        printf("%s%c%u", i ? "," : "", perms[i].access, perms[i].domid);
    printf(")");
}

static int show_node(void *ctx, const char *path, const char *name, unsigned int depth)
{
    struct listing *l = ctx;
    struct xs_perm *perms;
    size_t len, count;
    char *value;

    if (xs_local_read(l->s->xs, XS_TX_NONE, path, &value, &len))
        return 0; /* it went meanwhile */
    if (l->flat)
        printf("%s", path);
    else
        printf("%*s%s", (int)depth, "", name);
    print_value(value, len);
    free(value);
    if (l->perms && !xs_local_get_perms(l->s->xs, XS_TX_NONE, path, &perms, &count)) {
        print_perms(perms, count);
        free(perms);
    }
    printf("\n");
    if (++l->lines % 64 == 0)
        thread_yield();
    return terminal_take_interrupt() ? STATUS_INTERRUPTED : 0;
}

static int ls(struct session *s)
{
    struct listing l = {.s = s, .flat = xl_given(s->args, "flat"), .perms = xl_given(s->args, "perms")};

    s->path = s->args->argc ? s->args->argv[0] : "/";
    return xenstore_walk(s->xs, XS_TX_NONE, s->path, show_node, &l);
}

int xenstore_ls(const struct xl_args *args)
{
    return run(args, ls);
}

/* ---- list, read, exists ---- */

static int list_one(struct session *s, char **path)
{
    size_t count;
    char **names;
    int rc = xs_local_ls(s->xs, XS_TX_NONE, *path, &names, &count);

    if (rc)
        return rc;
    for (size_t i = 0; i < count; i++) {
        if (xl_given(s->args, "prefix"))
            printf("%s%s", *path, strcmp(*path, "/") ? "/" : "");
        printf("%s\n", names[i]);
    }
    free(names);
    return 0;
}

static int list(struct session *s)
{
    return for_each_path(s, 1, list_one);
}

int xenstore_list(const struct xl_args *args)
{
    return run(args, list);
}

static int read_one(struct session *s, char **path)
{
    char *value, *text;
    size_t len;
    int rc = xs_local_read(s->xs, XS_TX_NONE, *path, &value, &len);

    if (rc)
        return rc;
    if (xl_given(s->args, "prefix"))
        printf("%s: ", *path);
    if (xl_given(s->args, "raw")) {
        fwrite(value, 1, len, stdout);
    } else {
        text = xenstore_escape(value, len);
        printf("%s\n", text ? text : "(out of memory)");
        free(text);
    }
    free(value);
    return 0;
}

static int read_all(struct session *s)
{
    return for_each_path(s, 1, read_one);
}

int xenstore_read(const struct xl_args *args)
{
    return run(args, read_all);
}

static int exists_one(struct session *s, char **path)
{
    return xs_local_exists(s->xs, XS_TX_NONE, *path) ? 0 : 1;
}

static int exists(struct session *s)
{
    return for_each_path(s, 1, exists_one);
}

int xenstore_exists(const struct xl_args *args)
{
    return run(args, exists);
}

/* ---- write, mkdir, rm ---- */

static int write_one(struct session *s, char **path_and_value)
{
    return xs_local_write(s->xs, s->tx, path_and_value[0], path_and_value[1], strlen(path_and_value[1]));
}

/* Values come with escapes, and so can hold any byte but a NUL in the middle of the command line. */
static int write_unescaped(struct session *s, char **path_and_value)
{
    char *value = strdup(path_and_value[1]);
    size_t len;
    int rc = -ENOMEM;

    if (value)
        rc = xenstore_unescape(value, &len) ? xs_local_write(s->xs, s->tx, path_and_value[0], value, len)
                                            : -EILSEQ;
    free(value);
    return rc;
}

static int write_all(struct session *s)
{
    return for_each_path(s, 2, xl_given(s->args, "raw") ? write_one : write_unescaped);
}

int xenstore_write(const struct xl_args *args)
{
    if (args->argc % 2) {
        fprintf(stderr, "xenstore write: there is no value for %s\n", args->argv[args->argc - 1]);
        return XL_USAGE_ERROR;
    }
    return run_in_transaction(args, write_all);
}

static int mkdir_one(struct session *s, char **path)
{
    return xs_local_mkdir(s->xs, s->tx, *path);
}

static int mkdir_all(struct session *s)
{
    return for_each_path(s, 1, mkdir_one);
}

int xenstore_mkdir(const struct xl_args *args)
{
    return run_in_transaction(args, mkdir_all);
}

static int rm_one(struct session *s, char **path)
{
    return xl_given(s->args, "tidy") ? xs_local_rm_and_empty_parents(s->xs, s->tx, *path)
                                     : xs_local_rm(s->xs, s->tx, *path);
}

static int rm_all(struct session *s)
{
    return for_each_path(s, 1, rm_one);
}

int xenstore_rm(const struct xl_args *args)
{
    return run_in_transaction(args, rm_all);
}

/* ---- chmod ---- */

struct modes {
    struct session *s;
    struct xs_perm perms[PERMS_MAX];
    size_t count;
};

static int set_modes(void *ctx, const char *path, const char *name, unsigned int depth)
{
    struct modes *m = ctx;

    (void)name, (void)depth;
    return xs_local_set_perms(m->s->xs, m->s->tx, path, m->perms, m->count);
}

/* The ancestors of a path, the nearest first. */
static int set_upwards(struct modes *m, const char *path)
{
    char ancestor[XENSTORE_ABS_PATH_MAX + 1];
    char *slash;
    int rc = 0;

    if (strlen(path) >= sizeof(ancestor))
        return -EINVAL;
    strcpy(ancestor, path);
    while (!rc && (slash = strrchr(ancestor, '/')) && slash != ancestor) {
        *slash = '\0';
        rc = set_modes(m, ancestor, NULL, 0);
    }
    return rc;
}

static int change_modes(struct session *s)
{
    struct modes m = {.s = s, .count = (size_t)s->args->argc - 1};
    int rc;

    s->path = s->args->argv[0];
    for (size_t i = 0; i < m.count; i++) {
        if (!xenstore_parse_perm(s->args->argv[1 + i], &m.perms[i])) {
            s->path = s->args->argv[1 + i];
            return -ERANGE;
        }
    }
    rc = set_modes(&m, s->path, NULL, 0);
    if (!rc && xl_given(s->args, "upto"))
        rc = set_upwards(&m, s->path);
    if (!rc && xl_given(s->args, "recurse"))
        rc = xenstore_walk(s->xs, s->tx, s->path, set_modes, &m);
    return rc;
}

int xenstore_chmod(const struct xl_args *args)
{
    return run_in_transaction(args, change_modes);
}

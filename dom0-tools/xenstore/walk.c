// SPDX-License-Identifier: MIT
/* Through a subtree of the store, however deep, with nothing of it on the stack. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/io/xs_wire.h>

#include "xenstore_commands.h"

/* The children of one node on the way down. */
struct level {
    struct level *up;
    char **names;
    size_t count, next;
    size_t path_len; /* of the node itself */
};

struct walk {
    struct xs_local *xs;
    uint32_t tx;
    struct level *level;
    unsigned int depth;
    char path[XENSTORE_ABS_PATH_MAX + 1];
};

/* Goes down to the children of the node at w->path. 0 or the store's negative errno. */
static int enter(struct walk *w)
{
    struct level *level = calloc(1, sizeof(*level));
    int rc = level ? xs_local_ls(w->xs, w->tx, w->path, &level->names, &level->count) : -ENOMEM;

    if (rc) {
        free(level);
        return rc;
    }
    level->path_len = strcmp(w->path, "/") ? strlen(w->path) : 0;
    level->up = w->level;
    w->level = level;
    w->depth++;
    return 0;
}

static void leave(struct walk *w)
{
    struct level *level = w->level;

    w->level = level->up;
    w->depth--;
    free(level->names);
    free(level);
}

static int visit_next(struct walk *w, xenstore_visit *visit, void *ctx)
{
    struct level *level = w->level;
    const char *name = level->names[level->next++];
    size_t room = sizeof(w->path) - level->path_len;
    int rc;

    if ((size_t)snprintf(w->path + level->path_len, room, "/%s", name) >= room)
        return -E2BIG;
    rc = visit(ctx, w->path, name, w->depth - 1);
    if (rc)
        return rc;
    rc = enter(w);
    return rc == -ENOENT ? 0 : rc;
}

int xenstore_walk(struct xs_local *xs, uint32_t tx, const char *top, xenstore_visit *visit, void *ctx)
{
    struct walk *w = calloc(1, sizeof(*w));
    int rc = w ? 0 : -ENOMEM;

    if (!rc && strlen(top) >= sizeof(w->path))
        rc = -EINVAL;
    if (!rc) {
        w->xs = xs;
        w->tx = tx;
        strcpy(w->path, top);
        rc = enter(w);
    }
    while (!rc && w->level) {
        if (w->level->next == w->level->count)
            leave(w);
        else
            rc = visit_next(w, visit, ctx);
    }
    while (w && w->level)
        leave(w);
    free(w);
    return rc;
}

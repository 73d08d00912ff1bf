// SPDX-License-Identifier: MIT
/* xenstore watch: prints what changes, until it has seen enough or Ctrl-C comes. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>

#include <guest/thread.h>
#include <guest/time.h>

#include <dom0/terminal.h>

#include "xenstore_commands.h"

struct watching {
    bool limited;
    uint32_t left;
};

static void wake(void *unused)
{
    (void)unused;
    terminal_wake();
}

static void show(void *ctx, const char *path)
{
    struct watching *w = ctx;

    if (w->limited && !w->left)
        return;
    printf("%s\n", path);
    fflush(stdout);
    if (w->limited)
        w->left--;
}

static int watch_until_done(struct xs_local *xs, const struct watching *w)
{
    while (!w->limited || w->left) {
        if (!xs_local_dispatch(xs))
            terminal_wait(DEADLINE_NEVER);
        if (terminal_take_interrupt())
            return STATUS_INTERRUPTED;
    }
    return 0;
}

int xenstore_watch(const struct xl_args *args)
{
    const char *number = xl_value(args, "number");
    struct watching w = {.limited = number != NULL};
    struct xs_local_watch *watch;
    struct xs_local *xs;
    int rc, status;

    if (number && !xenstore_number(number, &w.left)) {
        fprintf(stderr, "xenstore watch: '%s' is not a number of events\n", number);
        return XL_USAGE_ERROR;
    }
    xs = xenstored_connect(wake, NULL);
    rc = xs ? xs_local_watch(xs, args->argv[0], show, &w, &watch) : -ENOMEM;
    status = rc ? xenstore_fail(args, args->argv[0], rc) : watch_until_done(xs, &w);
    if (xs)
        xs_local_close(xs);
    return status;
}

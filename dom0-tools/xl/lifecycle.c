// SPDX-License-Identifier: MIT
/* xl pause, unpause and destroy. */
#include <errno.h>
#include <stdint.h>

#include <dom0/store_entries.h>

#include "xl_commands.h"

/* Find the command's domain and apply `action` to it; dom0 would be sawing at its own branch. */
static int apply(const struct xl_args *args, int (*action)(domid_t domid, struct error *err))
{
    struct error err;
    domid_t domid;
    int rc = toolstack_find(args->argv[0], &domid, &err);

    if (!rc)
        rc = domid ? action(domid, &err) : error_set(&err, -EPERM, "not possible with " DOM0_NAME);
    return rc ? xl_fail(args, &err) : 0;
}

int xl_pause(const struct xl_args *args)
{
    return apply(args, ctl_domain_pause);
}

int xl_unpause(const struct xl_args *args)
{
    return apply(args, ctl_domain_unpause);
}

int xl_destroy(const struct xl_args *args)
{
    return apply(args, toolstack_destroy);
}

// SPDX-License-Identifier: MIT
/* xl domid, domname and rename. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "xl_commands.h"

int xl_domid(const struct xl_args *args)
{
    struct error err;
    domid_t domid;

    if (toolstack_find(args->argv[0], &domid, &err))
        return xl_fail(args, &err);
    printf("%u\n", domid);
    return 0;
}

int xl_domname(const struct xl_args *args)
{
    struct error err;
    domid_t domid;
    char *name;

    if (toolstack_find(args->argv[0], &domid, &err))
        return xl_fail(args, &err);
    name = toolstack_name(domid);
    if (!name) {
        error_set(&err, -ENOENT, "domain %u has no name", domid);
        return xl_fail(args, &err);
    }
    printf("%s\n", name);
    free(name);
    return 0;
}

int xl_rename(const struct xl_args *args)
{
    struct error err;
    domid_t domid;

    if (toolstack_find(args->argv[0], &domid, &err) || toolstack_rename(domid, args->argv[1], &err))
        return xl_fail(args, &err);
    return 0;
}

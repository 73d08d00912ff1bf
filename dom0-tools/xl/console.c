// SPDX-License-Identifier: MIT
/* xl console, and the same under xl create -c. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>

#include <dom0/shell.h>

#include "xl_commands.h"

int xl_show_console(const struct xl_args *args, struct domain_record *record, bool from_start)
{
    if (shell_is_interactive())
        printf("Console of %s; Ctrl-] leaves it\n", record->settings.name);
    fflush(stdout);
    switch (console_session(record->console, from_start)) {
    case CONSOLE_LEFT: return 0;
    case CONSOLE_BUSY:
        fprintf(stderr, "xl %s: another session shows this console\n", args->command->name);
        return 1;
    case CONSOLE_ENDED: break;
    }
    /* Why it crashed the toolstack has told already. */
    return toolstack_is_crash(record->shutdown_reason);
}

int xl_console(const struct xl_args *args)
{
    struct domain_record *record;
    struct error err;
    domid_t domid;
    int status;

    if (toolstack_find(args->argv[0], &domid, &err))
        return xl_fail(args, &err);
    record = toolstack_record(domid);
    if (!record) {
        error_set(&err, -ENODEV, "'%s' has no console here", args->argv[0]);
        return xl_fail(args, &err);
    }
    status = xl_show_console(args, record, xl_given(args, "log"));
    toolstack_put(record);
    return status;
}

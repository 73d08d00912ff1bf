// SPDX-License-Identifier: MIT
/* xl dmesg and debug-keys: the hypervisor's log, and reports to it. */
#include <stdint.h>
#include <stdio.h>

#include "xl_commands.h"

int xl_dmesg(const struct xl_args *args)
{
    char buffer[2048];
    uint32_t index = 0;
    struct error err;
    int count;

    while ((count = ctl_log_read(buffer, sizeof(buffer), &index, &err)) > 0)
        fwrite(buffer, 1, (size_t)count, stdout);
    if (count == 0 && xl_given(args, "clear"))
        count = ctl_log_clear(&err);
    return count < 0 ? xl_fail(args, &err) : 0;
}

int xl_debug_keys(const struct xl_args *args)
{
    struct error err;

    return ctl_debug_keys(args->argv[0], &err) ? xl_fail(args, &err) : 0;
}

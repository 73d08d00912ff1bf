// SPDX-License-Identifier: MIT
/* xl dmesg: the hypervisor's log. */
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

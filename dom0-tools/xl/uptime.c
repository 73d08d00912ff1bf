// SPDX-License-Identifier: MIT
/* xl uptime. dom0 has been up as long as the machine. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <guest/time.h>

#include <dom0/store_entries.h>

#include "xl_commands.h"

/* When the domain started, in ns of time_now(). */
static uint64_t started(domid_t domid)
{
    struct domain_record *record = toolstack_record(domid);
    uint64_t when = record ? record->started : 0;

    if (record)
        toolstack_put(record);
    return when;
}

static void print_uptime(domid_t domid, bool brief)
{
    char text[XL_UPTIME_MAX], clock[16], *name = toolstack_name(domid);
    time_t now = (time_t)(time_wall_now() / NS_PER_S);

    xl_format_uptime(text, (time_now() - started(domid)) / NS_PER_S, brief);
    strftime(clock, sizeof(clock), "%H:%M:%S", gmtime(&now));
    if (brief)
        printf(" %s up %s, %s (%u)\n", clock, text, name ? name : "(null)", domid);
    else
        printf("%-33s %4u %s\n", name ? name : "(null)", domid, text);
    free(name);
}

int xl_uptime(const struct xl_args *args)
{
    bool brief = xl_given(args, "short");
    struct xen_domctl_getdomaininfo info;
    struct error err;
    domid_t domid = 0;
    int count = 0;

    if (!brief)
        printf("%-33s %4s %s\n", "Name", "ID", "Uptime");
    for (int i = 0; i < args->argc; i++) {
        if (toolstack_find(args->argv[i], &domid, &err))
            return xl_fail(args, &err);
        print_uptime(domid, brief);
    }
    while (!args->argc && (count = ctl_domain_list(domid, 1, &info, &err)) == 1) {
        print_uptime(info.domain, brief);
        domid = (domid_t)(info.domain + 1);
    }
    return count < 0 ? xl_fail(args, &err) : 0;
}

// SPDX-License-Identifier: MIT
/* The texts of xl list and xl uptime, apart from where their figures come from. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "xl_commands.h"

static char flag(const struct xen_domctl_getdomaininfo *info, uint32_t bit, char letter)
{
    return info->flags & bit ? letter : '-';
}

/* One letter per SHUTDOWN_* reason; '-' is poweroff, and no shutdown. */
static char reason_letter(const struct xen_domctl_getdomaininfo *info)
{
    static const char letters[] = "-rscwS";
    unsigned reason = (info->flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask;

    if (!(info->flags & XEN_DOMINF_shutdown))
        return '-';
    return reason < strlen(letters) ? letters[reason] : '?';
}

void xl_format_row(char row[XL_LIST_ROW_MAX], const char *name, const struct xen_domctl_getdomaininfo *info)
{
    unsigned long long tenths = (info->cpu_time + 50000000) / 100000000;

    snprintf(row, XL_LIST_ROW_MAX, "%-40s %5d %5llu %5u     %c%c%c%c%c%c  %6llu.%llu", name, info->domain,
             (unsigned long long)info->tot_pages >> 8, info->nr_online_vcpus,
             flag(info, XEN_DOMINF_running, 'r'), flag(info, XEN_DOMINF_blocked, 'b'),
             flag(info, XEN_DOMINF_paused, 'p'), flag(info, XEN_DOMINF_shutdown, 's'), reason_letter(info),
             flag(info, XEN_DOMINF_dying, 'd'), tenths / 10, tenths % 10);
}

void xl_format_uptime(char text[XL_UPTIME_MAX], uint64_t seconds, bool brief)
{
    unsigned days = (unsigned)(seconds / 86400), second = seconds % 60, minute = seconds / 60 % 60,
             hour = seconds / 3600 % 24;
    char before[24] = "", after[8] = "";

    if (days)
        snprintf(before, sizeof(before), days == 1 ? "%u day, " : "%u days, ", days);
    if (!brief)
        snprintf(after, sizeof(after), ":%02u", second);
    snprintf(text, XL_UPTIME_MAX, "%s%2u:%02u%s", before, hour, minute, after);
}

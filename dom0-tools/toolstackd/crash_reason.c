// SPDX-License-Identifier: MIT
/* Why a domain crashed: what the hypervisor's log says, as "(PXN) d3v0 crashed: triple fault". */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "toolstackd.h"

/* The log is a ring in the hypervisor; more than this it does not keep. */
#define LOG_MAX (64 * 1024)

bool crash_reason_find(const char *log, domid_t domid, char reason[CRASH_REASON_MAX])
{
    char start[24];
    const char *found = NULL, *at = log;
    unsigned vcpu;

    snprintf(start, sizeof(start), "(PXN) d%uv", domid);
    for (; (at = strstr(at, start)); at++) {
        int length = 0;

        if (at != log && at[-1] != '\n')
            continue; /* guests may log, too: "(PXN) (d3) " and what they like */
        if (sscanf(at + strlen(start), "%u crashed: %n", &vcpu, &length) == 1 && length)
            found = at + strlen(start) + length;
    }
    if (!found)
        return false;
    snprintf(reason, CRASH_REASON_MAX, "%.*s", (int)strcspn(found, "\r\n"), found);
    return true;
}

void crash_reason_read(domid_t domid, char reason[CRASH_REASON_MAX])
{
    char *log = malloc(LOG_MAX + 1);
    uint32_t index = 0, length = 0;
    struct error err;
    int count = 1;

    snprintf(reason, CRASH_REASON_MAX, "its own system said so");
    if (!log)
        return;
    while (count > 0 && length < LOG_MAX) {
        count = ctl_log_read(log + length, LOG_MAX - length, &index, &err);
        length += count > 0 ? (uint32_t)count : 0;
    }
    log[length] = '\0';
    crash_reason_find(log, domid, reason);
    free(log);
}

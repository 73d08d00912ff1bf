// SPDX-License-Identifier: MIT
/* Lines for the administrator; see log.h. */
#include "log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <syslog.h>

static bool to_syslog;

void log_to_syslog(void)
{
    openlog("xenstored", LOG_PID, LOG_DAEMON);
    to_syslog = true;
}

void log_line(const char *format, ...)
{
    char line[4096];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (to_syslog)
        syslog(LOG_NOTICE, "%s", line);
    else
        fprintf(stderr, "xenstored: %s\n", line);
}

// SPDX-License-Identifier: MIT
/* Lines for the administrator; see log.h. */
#define _GNU_SOURCE
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static bool to_syslog;

/* Where lines go beside that. */
static char file_path[PATH_MAX]; /* "": nobody named one */
static int file = -1;            /* open while it is on */

void log_to_syslog(void)
{
    openlog("xenstored", LOG_PID, LOG_DAEMON);
    to_syslog = true;
}

/* ---- the file ---- */

static void close_file(void)
{
    if (file >= 0)
        close(file);
    file = -1;
}

int log_to_file(const char *path)
{
    int fd;

    if (*path != '/' || strlen(path) >= sizeof(file_path))
        return EINVAL;
    /* Nobody waits for the reader of a pipe. */
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    if (fd < 0)
        return errno;
    close_file();
    file = fd;
    memmove(file_path, path, strlen(path) + 1);
    return 0;
}

int log_switch(bool on)
{
    if (!*file_path)
        return ENOENT;
    if (on)
        return log_to_file(file_path);
    close_file();
    return 0;
}

const char *log_file(void)
{
    return file < 0 ? "" : file_path;
}

/* In one write, so that lines of two programs don't mix. What can't be written is lost. */
static void write_to_file(const char *line)
{
    char text[4200], when[32];
    time_t now = time(NULL);
    struct tm tm;
    int len;

    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
    len = snprintf(text, sizeof(text), "%s %s\n", when, line);
    if (write(file, text, (size_t)len) < 0)
        return;
}

/* ---- lines ---- */

void log_line(const char *format, ...)
{
    char line[4096];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (file >= 0)
        write_to_file(line);
    if (to_syslog)
        syslog(LOG_NOTICE, "%s", line);
    else
        fprintf(stderr, "xenstored: %s\n", line);
}

// SPDX-License-Identifier: MIT
/* The scroll-back log of one domain's console. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <dom0/console_log.h>

int console_log_init(struct console_log *log)
{
    log->end = 0;
    log->bytes = malloc(CONSOLE_LOG_SIZE);
    return log->bytes ? 0 : -ENOMEM;
}

void console_log_free(struct console_log *log)
{
    free(log->bytes);
    log->bytes = NULL;
}

void console_log_append(struct console_log *log, const char *bytes, size_t count)
{
    while (count) {
        size_t at = log->end % CONSOLE_LOG_SIZE;
        size_t part = count < CONSOLE_LOG_SIZE - at ? count : CONSOLE_LOG_SIZE - at;

        memcpy(log->bytes + at, bytes, part);
        log->end += part;
        bytes += part;
        count -= part;
    }
}

uint64_t console_log_begin(const struct console_log *log)
{
    return log->end > CONSOLE_LOG_SIZE ? log->end - CONSOLE_LOG_SIZE : 0;
}

size_t console_log_read(const struct console_log *log, uint64_t *position, char *buffer, size_t size)
{
    size_t count = 0;

    if (*position < console_log_begin(log))
        *position = console_log_begin(log);
    while (count < size && *position < log->end) {
        size_t at = *position % CONSOLE_LOG_SIZE, part = CONSOLE_LOG_SIZE - at;

        if (part > size - count)
            part = size - count;
        if (part > log->end - *position)
            part = (size_t)(log->end - *position);
        memcpy(buffer + count, log->bytes + at, part);
        *position += part;
        count += part;
    }
    return count;
}

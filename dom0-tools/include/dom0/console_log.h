// SPDX-License-Identifier: MIT
/*
 * What a domain has written to its console, the last CONSOLE_LOG_SIZE bytes of it. Positions count bytes
 * since the beginning and never wrap, so a reader knows whether it missed some.
 */
#ifndef DOM0_CONSOLE_LOG_H
#define DOM0_CONSOLE_LOG_H

#include <stddef.h>
#include <stdint.h>

#define CONSOLE_LOG_SIZE 65536u

struct console_log {
    char *bytes; /* owned, CONSOLE_LOG_SIZE; byte n lives at n % CONSOLE_LOG_SIZE */
    uint64_t end;
};

/* 0, or -ENOMEM. */
int console_log_init(struct console_log *log);
void console_log_free(struct console_log *log);

void console_log_append(struct console_log *log, const char *bytes, size_t count);

/* The oldest position still held. */
uint64_t console_log_begin(const struct console_log *log);

/*
 * Copy out up to `size` bytes from *position on (or from the oldest held, if that is later) and advance it.
 * Returns the number of bytes, 0 at the end.
 */
size_t console_log_read(const struct console_log *log, uint64_t *position, char *buffer, size_t size);

#endif

// SPDX-License-Identifier: MIT
// The hypervisor's log. Each line goes to a ring buffer (`xl dmesg`) and, when its level passes loglvl=, to
// the console.
#pragma once

#include <stdarg.h>

#include <hv/types.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

// Formats: %d %i %u %x %c %s %p %% with l, ll, z, h modifiers, field width, '0' and '-' flags; precision for
// %s.
int hv_vsnprintf(char *buf, size_t size, const char *fmt, va_list args) __attribute__((format(printf, 3, 0)));
int hv_snprintf(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

// Moves the log from the few KiB of the image to a ring large enough for `xl dmesg`. Once, after
// page_alloc_init().
void log_init(void);

// One log line, without the trailing newline; "(PXN) " is put in front of it.
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_DEBUG, __VA_ARGS__)

// Prints "PANIC: ..." on every console whatever the log level, then the cpu's state, then halts or resets.
void panic(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

#define ASSERT(cond)                                                          \
    do {                                                                      \
        if (unlikely(!(cond)))                                                \
            panic("assertion %s failed at %s:%d", #cond, __FILE__, __LINE__); \
    } while (0)

// Copies up to `size` bytes of the log ring, oldest first, from byte position *pos (total bytes ever logged;
// moved forward to the oldest byte still kept). Returns the number copied and advances *pos. With clear, the
// ring is emptied.
size_t log_read(char *buf, size_t size, uint64_t *pos, bool clear);

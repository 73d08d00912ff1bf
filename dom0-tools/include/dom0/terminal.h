// SPDX-License-Identifier: MIT
/*
 * The person's end of dom0: bytes typed on the serial line or the PS/2 keyboard come together in one queue,
 * and a single thread at a time (the shell, or whatever command it runs) takes them. Waiting for a key and
 * waiting for something to happen is the same wait, so a command can do both at once.
 */
#ifndef DOM0_TERMINAL_H
#define DOM0_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TERMINAL_COLUMNS 80

/* Start the thread that reads the console. 0 or a negative errno. */
int terminal_start(void);

/* The next byte typed, or -1 if there is none now. */
int terminal_take(void);

/*
 * Wait for the next byte to come in, for terminal_wake(), or until the deadline (ns of time_now()). Threads
 * are cooperative, so what the caller looked at just before (terminal_take() included) has not changed
 * meanwhile.
 */
void terminal_wait(uint64_t deadline);

/* Something a waiting command may care about has changed. Legal from event handlers. */
void terminal_wake(void);

/* Forget all that was typed up to the last Ctrl-C; false if none was. */
bool terminal_take_interrupt(void);

/* Sleep; true if Ctrl-C ended it early. What else is typed meanwhile stays in the queue. */
bool terminal_sleep_until(uint64_t deadline);

/*
 * Show one line from a background thread between whatever the foreground shows. `redraw` (NULL: nothing to
 * redraw) is called after it to bring a prompt back.
 */
void terminal_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));
void terminal_set_redraw(void (*redraw)(void *context), void *context);

#endif

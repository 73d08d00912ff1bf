// SPDX-License-Identifier: MIT
/* The queue of typed bytes, and everything that waits on it. */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <guest/console.h>
#include <guest/thread.h>
#include <guest/time.h>

#include <dom0/terminal.h>

#define CTRL_C 3

static struct {
    char bytes[1024];
    size_t first, count;
} queue;

static struct waitq waiters = WAITQ_INIT;
static void (*redraw_prompt)(void *context);
static void *redraw_context;

/* Bytes beyond the queue are dropped: nobody types a kilobyte ahead. */
static void enqueue(const char *bytes, size_t count)
{
    for (size_t i = 0; i < count && queue.count < sizeof(queue.bytes); i++)
        queue.bytes[(queue.first + queue.count++) % sizeof(queue.bytes)] = bytes[i];
    terminal_wake();
}

static void reader_thread(void *unused)
{
    char bytes[64];

    (void)unused;
    for (;;)
        enqueue(bytes, console_read(bytes, sizeof(bytes), DEADLINE_NEVER));
}

int terminal_start(void)
{
    struct thread *reader = thread_create("terminal", reader_thread, NULL, 0);

    if (!reader)
        return -ENOMEM;
    thread_detach(reader);
    return 0;
}

int terminal_take(void)
{
    unsigned char byte;

    if (!queue.count)
        return -1;
    byte = (unsigned char)queue.bytes[queue.first];
    queue.first = (queue.first + 1) % sizeof(queue.bytes);
    queue.count--;
    return byte;
}

void terminal_wait(uint64_t deadline)
{
    waitq_wait(&waiters, deadline);
}

void terminal_wake(void)
{
    waitq_wake_all(&waiters);
}

bool terminal_take_interrupt(void)
{
    for (size_t i = queue.count; i-- > 0;)
        if (queue.bytes[(queue.first + i) % sizeof(queue.bytes)] == CTRL_C) {
            queue.first = (queue.first + i + 1) % sizeof(queue.bytes);
            queue.count -= i + 1;
            return true;
        }
    return false;
}

bool terminal_sleep_until(uint64_t deadline)
{
    while (time_now() < deadline) {
        if (terminal_take_interrupt())
            return true;
        terminal_wait(deadline);
    }
    return false;
}

void terminal_set_redraw(void (*redraw)(void *context), void *context)
{
    redraw_prompt = redraw;
    redraw_context = context;
}

void terminal_notice(const char *format, ...)
{
    char text[400] = "\r\x1b[K";
    size_t length = redraw_prompt ? strlen(text) : 0;
    va_list args;
    int added;

    va_start(args, format);
    added = vsnprintf(text + length, sizeof(text) - length - 1, format, args);
    va_end(args);
    if (added > 0)
        length = strlen(text);
    text[length++] = '\n';
    console_puts(text, length);
    if (redraw_prompt)
        redraw_prompt(redraw_context);
}

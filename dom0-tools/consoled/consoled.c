// SPDX-License-Identifier: MIT
/*
 * The console daemon's thread and the consoles it serves. Event handlers only mark a console as pending; the
 * thread moves at most one ring's worth per console and turn, so a guest that writes without end cannot hold
 * up the others.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <guest/console.h>
#include <guest/event.h>
#include <guest/mem.h>
#include <guest/thread.h>

#include <dom0/console_log.h>
#include <dom0/console_ring.h>
#include <dom0/consoled.h>
#include <dom0/terminal.h>

#define LEAVE_KEY 0x1d /* Ctrl-] */

/* A session that lags this far behind holds the guest back, rather than losing output it is there to show. */
#define SESSION_LAG (CONSOLE_LOG_SIZE / 2)

struct console {
    struct console *next;
    unsigned references;
    struct console_log log;
    struct xencons_interface *ring; /* the guest's page, mapped; NULL: not connected */
    evtchn_port_t port;             /* ours */
    domid_t domid;
    bool pending;      /* the ring or the input has to be looked at */
    bool said_garbage; /* complained once about this domain's indices */
    bool closed;
    bool in_session;
    uint64_t shown; /* log position of the session */
    char input[256];
    size_t input_count;
};

static struct console *consoles;
static struct waitq work = WAITQ_INIT;

static void mark_pending(struct console *c)
{
    c->pending = true;
    waitq_wake_one(&work);
}

static void ring_event(evtchn_port_t port, void *arg)
{
    (void)port;
    mark_pending(arg);
}

/* How much more the log may take without overrunning the session's position. */
static size_t log_room(const struct console *c)
{
    uint64_t lag = c->in_session ? c->log.end - c->shown : 0;

    return lag < SESSION_LAG ? SESSION_LAG - (size_t)lag : 0;
}

static void complain(struct console *c)
{
    if (!c->said_garbage)
        terminal_notice(
            "consoled: domain %u wrote nonsense into its console ring's indices; the ring was emptied",
            c->domid);
    c->said_garbage = true;
}

/* Take up to `limit` bytes of output into the log; returns how many. */
static size_t take_output(struct console *c, size_t limit)
{
    char buffer[sizeof(c->ring->out)];
    bool nonsense;
    size_t count =
        console_ring_take(c->ring, buffer, limit < sizeof(buffer) ? limit : sizeof(buffer), &nonsense);

    if (nonsense)
        complain(c);
    console_log_append(&c->log, buffer, count);
    return count;
}

static size_t give_input(struct console *c)
{
    bool nonsense;
    size_t given = console_ring_give(c->ring, c->input, c->input_count, &nonsense);

    if (nonsense)
        complain(c);
    c->input_count -= given;
    memmove(c->input, c->input + given, c->input_count);
    return given;
}

/* One turn for one console. Output that finds no room waits for the session, which marks the console again.
 */
static void service(struct console *c)
{
    size_t room = log_room(c), taken, given;

    c->pending = false;
    taken = room ? take_output(c, room) : 0;
    given = give_input(c);
    if (taken || given)
        event_send(c->port);
    if (taken) {
        c->pending = true;
        terminal_wake();
    }
}

static bool any_pending(void)
{
    for (struct console *c = consoles; c; c = c->next)
        if (c->pending)
            return true;
    return false;
}

static void consoled_thread(void *unused)
{
    (void)unused;
    for (;;) {
        waitq_wait_event(&work, any_pending(), DEADLINE_NEVER);
        for (struct console *c = consoles; c; c = c->next)
            if (c->pending)
                service(c);
        thread_yield();
    }
}

int consoled_start(void)
{
    struct thread *thread = thread_create("consoled", consoled_thread, NULL, 0);

    if (!thread)
        return -ENOMEM;
    thread_detach(thread);
    return 0;
}

struct console *console_create(void)
{
    struct console *c = calloc(1, sizeof(*c));

    if (!c || console_log_init(&c->log)) {
        free(c);
        return NULL;
    }
    c->references = 1;
    return c;
}

struct console *console_get(struct console *console)
{
    console->references++;
    return console;
}

void console_put(struct console *console)
{
    if (--console->references)
        return;
    console_disconnect(console);
    console_log_free(&console->log);
    free(console);
}

int console_connect(struct console *console, domid_t domid, uint64_t gfn, evtchn_port_t port,
                    struct error *err)
{
    int local;

    console->ring = foreign_map(domid, &gfn, 1, NULL);
    if (!console->ring)
        return error_set(err, -errno, "cannot map the console ring of domain %u: %s", domid, strerror(errno));
    local = event_bind_interdomain(domid, port, ring_event, console);
    if (local < 0) {
        foreign_unmap(console->ring, 1);
        console->ring = NULL;
        return error_set(err, local, "cannot bind to the console port of domain %u: %s", domid,
                         strerror(-local));
    }
    console->port = (evtchn_port_t)local;
    console->domid = domid;
    console->said_garbage = false;
    console->input_count = 0;
    console->next = consoles;
    consoles = console;
    mark_pending(console);
    return 0;
}

void console_disconnect(struct console *console)
{
    struct console **link = &consoles;

    if (!console->ring)
        return;
    while (*link != console)
        link = &(*link)->next;
    *link = console->next;
    event_close(console->port);
    take_output(console, sizeof(console->ring->out));
    foreign_unmap(console->ring, 1);
    console->ring = NULL;
    console->pending = false;
    terminal_wake();
}

void console_settle(struct console *console)
{
    while (console->in_session && console->shown < console->log.end) {
        terminal_wake();
        thread_yield();
    }
}

void console_close(struct console *console)
{
    console->closed = true;
    terminal_wake();
}

/* Hand typed bytes over; true when the leave key was among them. What the guest doesn't take is dropped at
 * the end. */
static bool forward_keys(struct console *c)
{
    int byte;

    while ((byte = terminal_take()) >= 0) {
        if (byte == LEAVE_KEY)
            return true;
        if (c->ring && c->input_count < sizeof(c->input)) {
            c->input[c->input_count++] = (char)byte;
            mark_pending(c);
        }
    }
    return false;
}

/* Print what has come since the last time; false if nothing has. */
static bool show_output(struct console *c, bool *mid_line)
{
    char buffer[1024];
    size_t count = console_log_read(&c->log, &c->shown, buffer, sizeof(buffer));

    if (!count)
        return false;
    console_write(buffer, count);
    *mid_line = buffer[count - 1] != '\n';
    if (c->ring)
        mark_pending(c); /* the daemon may have been waiting for room */
    return true;
}

enum console_session console_session(struct console *console, bool from_start)
{
    enum console_session end = CONSOLE_LEFT;
    bool mid_line = false;

    if (console->in_session)
        return CONSOLE_BUSY;
    console_get(console);
    console->in_session = true;
    console->shown = from_start ? console_log_begin(&console->log) : console->log.end;
    while (!forward_keys(console)) {
        if (show_output(console, &mid_line)) {
            thread_yield();
        } else if (console->closed) {
            end = CONSOLE_ENDED;
            break;
        } else {
            terminal_wait(DEADLINE_NEVER);
        }
    }
    if (mid_line)
        console_puts("\n", 1);
    console->in_session = false;
    console_put(console);
    return end;
}

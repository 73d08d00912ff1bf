// SPDX-License-Identifier: MIT
//
// XenStore client. Threads put requests into the ring one after another and sleep; the event handler takes
// replies apart as their bytes come and wakes the thread whose request id they carry. Watch events are queued
// for a thread of their own, since their functions may call the store again.

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xs_wire.h>
#include <guest/thread.h>
#include <guest/xenstore.h>
#include "xenstore_ring.h"

#define MAX_PARTS 4

// A piece of a request's payload.
struct part {
    const void *data;
    size_t size;
};

// A request under way, on its caller's stack.
struct request {
    struct request *next;
    struct waitq done_waiters;
    uint32_t id;
    bool done;
    int error;   // 0 or a negative errno
    char *reply; // malloc'ed, NUL-terminated
    size_t reply_size;
};

struct xs_watch {
    struct xs_watch *next;
    char token[16];
    char *path;
    void (*fn)(const char *path, void *arg);
    void *arg;
};

struct watch_event {
    struct watch_event *next;
    char token[16];
    char path[];
};

static enum { UNKNOWN, PRESENT, ABSENT } ring_state;
static bool broken; // the store sent what is no message

static struct mutex sending = MUTEX_INIT;
static struct waitq ring_waiters;
static struct request *requests;
static uint32_t last_id;

static struct xs_watch *watches;
static uint32_t last_token;
static struct watch_event *first_event, **last_event = &first_event;
static struct waitq watch_thread_waiters;
static struct thread *watch_thread;

// ---- incoming
// -----------------------------------------------------------------------------------------------------

static struct {
    struct xsd_sockmsg header;
    char body[XENSTORE_PAYLOAD_MAX + 1];
    size_t have; // bytes of header and body received
} incoming;

static int errno_of(const char *name)
{
    for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
        if (!strcmp(xsd_errors[i].errstring, name))
            return xsd_errors[i].errnum;
    return EIO;
}

static void complete(struct request *request)
{
    request->done = true;
    waitq_wake_all(&request->done_waiters);
}

static void take_reply(void)
{
    struct request *request = requests;
    while (request && request->id != incoming.header.req_id)
        request = request->next;
    if (!request)
        return;
    if (incoming.header.type == XS_ERROR) {
        request->error = -errno_of(incoming.body);
    } else if ((request->reply = malloc(incoming.header.len + 1))) {
        memcpy(request->reply, incoming.body, incoming.header.len + 1);
        request->reply_size = incoming.header.len;
    } else {
        request->error = -ENOMEM;
    }
    complete(request);
}

// The body is "path NUL token NUL". Without memory the event is lost, like the watch it would have served.
static void take_watch_event(void)
{
    const char *path = incoming.body;
    const char *token = path + strlen(path) + 1;
    struct watch_event *event = malloc(sizeof(*event) + strlen(path) + 1);
    if (!event || token > incoming.body + incoming.header.len) {
        free(event);
        return;
    }
    event->next = NULL;
    snprintf(event->token, sizeof(event->token), "%s", token);
    strcpy(event->path, path);
    *last_event = event;
    last_event = &event->next;
    waitq_wake_one(&watch_thread_waiters);
}

static void fail_all(void)
{
    broken = true;
    for (struct request *request = requests; request; request = request->next) {
        request->error = -EIO;
        complete(request);
    }
}

// Reads on in the current message; false when the ring is empty.
static bool receive(void)
{
    size_t header = sizeof(incoming.header);
    size_t got = incoming.have < header
                     ? xs_ring_read((char *)&incoming.header + incoming.have, header - incoming.have)
                     : xs_ring_read(incoming.body + (incoming.have - header),
                                    incoming.header.len - (incoming.have - header));
    incoming.have += got;
    if (incoming.have < header)
        return got > 0;
    if (incoming.header.len > XENSTORE_PAYLOAD_MAX) {
        fail_all();
        return false;
    }
    if (incoming.have < header + incoming.header.len)
        return got > 0;
    incoming.body[incoming.header.len] = '\0';
    incoming.have = 0;
    if (incoming.header.type == XS_WATCH_EVENT)
        take_watch_event();
    else
        take_reply();
    return true;
}

static void on_event(void)
{
    while (!broken && receive())
        ;
    waitq_wake_all(&ring_waiters);
}

bool xs_available(void)
{
    if (ring_state == UNKNOWN)
        ring_state = xs_ring_init(on_event) ? PRESENT : ABSENT;
    return ring_state == PRESENT;
}

// ---- requests
// -----------------------------------------------------------------------------------------------------

static void send_bytes(const void *data, size_t size)
{
    const char *bytes = data;
    while (size && !broken) {
        size_t done = xs_ring_write(bytes, size);
        bytes += done;
        size -= done;
        if (size) {
            xs_ring_notify();
            waitq_wait(&ring_waiters, DEADLINE_NEVER);
        }
    }
}

static void send_request(struct request *request, uint32_t type, xs_tx tx, const struct part *parts,
                         size_t size)
{
    mutex_lock(&sending);
    struct xsd_sockmsg header = {.type = type, .req_id = ++last_id, .tx_id = tx, .len = (uint32_t)size};
    request->id = header.req_id;
    request->next = requests;
    requests = request;
    send_bytes(&header, sizeof(header));
    for (unsigned i = 0; i < MAX_PARTS && parts[i].data; i++)
        send_bytes(parts[i].data, parts[i].size);
    xs_ring_notify();
    mutex_unlock(&sending);
}

static void forget(struct request *request)
{
    struct request **at = &requests;
    while (*at != request)
        at = &(*at)->next;
    *at = request->next;
}

// Sends a request and waits for its reply: 0 with *reply malloc'ed, or a negative errno.
static int call(uint32_t type, xs_tx tx, const struct part parts[MAX_PARTS], char **reply, size_t *reply_size)
{
    struct request request = {.error = 0};
    size_t size = 0;
    for (unsigned i = 0; i < MAX_PARTS && parts[i].data; i++)
        size += parts[i].size;
    if (!xs_available())
        return -ENODEV;
    if (size > XENSTORE_PAYLOAD_MAX)
        return -E2BIG;
    if (broken)
        return -EIO;
    send_request(&request, type, tx, parts, size);
    while (!request.done)
        waitq_wait(&request.done_waiters, DEADLINE_NEVER);
    forget(&request);
    *reply = request.reply;
    if (reply_size)
        *reply_size = request.reply_size;
    return request.error;
}

static struct part string(const char *text)
{
    return (struct part){text, strlen(text) + 1};
}

// A request whose reply says nothing but "OK".
static int command(uint32_t type, xs_tx tx, const struct part parts[MAX_PARTS])
{
    char *reply = NULL;
    int rc = call(type, tx, parts, &reply, NULL);
    free(reply);
    return rc;
}

static char *query(uint32_t type, xs_tx tx, const char *path, size_t *size)
{
    char *reply = NULL;
    int rc = call(type, tx, (struct part[MAX_PARTS]){string(path)}, &reply, size);
    if (!rc)
        return reply;
    errno = -rc;
    return NULL;
}

char *xs_read(xs_tx tx, const char *path, size_t *size)
{
    return query(XS_READ, tx, path, size);
}

int xs_write(xs_tx tx, const char *path, const void *value, size_t size)
{
    return command(XS_WRITE, tx, (struct part[MAX_PARTS]){string(path), {value, size}});
}

int xs_printf(xs_tx tx, const char *path, const char *format, ...)
{
    char value[256];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    if (size < 0 || (size_t)size >= sizeof(value))
        return -E2BIG;
    return xs_write(tx, path, value, (size_t)size);
}

int xs_scanf(xs_tx tx, const char *path, const char *format, ...)
{
    char *value = xs_read(tx, path, NULL);
    va_list args;
    if (!value)
        return -errno;
    va_start(args, format);
    int converted = vsscanf(value, format, args);
    va_end(args);
    free(value);
    return converted;
}

int xs_mkdir(xs_tx tx, const char *path)
{
    return command(XS_MKDIR, tx, (struct part[MAX_PARTS]){string(path)});
}

int xs_rm(xs_tx tx, const char *path)
{
    return command(XS_RM, tx, (struct part[MAX_PARTS]){string(path)});
}

// Turns "a NUL b NUL ..." into one block: the pointers, then the text. Takes over `list`.
static char **split(char *list, size_t size, unsigned *count)
{
    unsigned n = 0;
    for (size_t i = 0; i < size; i++)
        n += list[i] == '\0';
    char **block = malloc(n * sizeof(char *) + size + 1);
    if (block) {
        char *text = memcpy(block + n, list, size);
        for (unsigned i = 0; i < n; i++, text += strlen(text) + 1)
            block[i] = text;
        *count = n;
    } else {
        errno = ENOMEM;
    }
    free(list);
    return block;
}

// A list too long for one reply, as it grows part by part.
struct long_list {
    char *names;
    size_t size;
    char generation[24]; // of what is there so far
    bool complete;
};

// A part is the list's generation and the names from an offset on; an empty name is its end.
static int add_part(struct long_list *list, const char *part, size_t size)
{
    size_t skip = strlen(part) + 1;
    if (skip > size || skip > sizeof(list->generation))
        return -EIO;
    if (strcmp(list->generation, part)) { // it has changed: begin again
        list->size = 0;
        bool first = !*list->generation;
        strcpy(list->generation, part);
        if (!first)
            return 0;
    }
    size_t names = size - skip;
    list->complete = !names || (!part[size - 1] && (names == 1 || !part[size - 2]));
    if (list->complete && names)
        names--;
    char *more = realloc(list->names, list->size + names + 1);
    if (!more)
        return -ENOMEM;
    memcpy(more + list->size, part + skip, names);
    list->names = more;
    list->size += names;
    return 0;
}

// The children of a node that has many. NULL with errno set on failure.
static char *list_in_parts(xs_tx tx, const char *path, size_t *size)
{
    struct long_list list = {.names = NULL};
    int rc = 0;
    while (!rc && !list.complete) {
        char offset[24], *part = NULL;
        size_t part_size;
        snprintf(offset, sizeof(offset), "%zu", list.size);
        rc = call(XS_DIRECTORY_PART, tx, (struct part[MAX_PARTS]){string(path), string(offset)}, &part,
                  &part_size);
        if (!rc)
            rc = add_part(&list, part, part_size);
        free(part);
    }
    *size = list.size;
    if (!rc)
        return list.names;
    free(list.names);
    errno = -rc;
    return NULL;
}

char **xs_ls(xs_tx tx, const char *path, unsigned *count)
{
    size_t size;
    char *list = query(XS_DIRECTORY, tx, path, &size);
    if (!list && errno == E2BIG)
        list = list_in_parts(tx, path, &size);
    return list ? split(list, size, count) : NULL;
}

char **xs_get_perms(xs_tx tx, const char *path, unsigned *count)
{
    size_t size;
    char *list = query(XS_GET_PERMS, tx, path, &size);
    return list ? split(list, size, count) : NULL;
}

int xs_set_perms(xs_tx tx, const char *path, const char *const *perms, unsigned count)
{
    char list[256];
    size_t size = 0;
    for (unsigned i = 0; i < count; i++) {
        size_t length = strlen(perms[i]) + 1;
        if (length > sizeof(list) - size)
            return -E2BIG;
        memcpy(list + size, perms[i], length);
        size += length;
    }
    return command(XS_SET_PERMS, tx, (struct part[MAX_PARTS]){string(path), {list, size}});
}

char *xs_domain_path(domid_t dom)
{
    char id[8];
    snprintf(id, sizeof(id), "%u", dom);
    return query(XS_GET_DOMAIN_PATH, XS_NONE, id, NULL);
}

// ---- transactions
// -------------------------------------------------------------------------------------------------

int xs_tx_start(xs_tx *tx)
{
    char *id = query(XS_TRANSACTION_START, XS_NONE, "", NULL);
    if (!id)
        return -errno;
    *tx = (xs_tx)strtoul(id, NULL, 10);
    free(id);
    return 0;
}

int xs_tx_end(xs_tx tx, bool commit)
{
    return command(XS_TRANSACTION_END, tx, (struct part[MAX_PARTS]){string(commit ? "T" : "F")});
}

int xs_transaction(int (*fn)(xs_tx tx, void *arg), void *arg)
{
    for (;;) {
        xs_tx tx;
        int rc = xs_tx_start(&tx);
        if (rc)
            return rc;
        int result = fn(tx, arg);
        rc = xs_tx_end(tx, result >= 0);
        if (result < 0 || !rc)
            return result;
        if (rc != -EAGAIN)
            return rc;
    }
}

// ---- watches
// ------------------------------------------------------------------------------------------------------

// A watch may be gone by the time its event's turn comes: found by token, never by pointer.
static void run_watch(const struct watch_event *event)
{
    for (struct xs_watch *watch = watches; watch; watch = watch->next) {
        if (!strcmp(watch->token, event->token)) {
            watch->fn(event->path, watch->arg);
            return;
        }
    }
}

static void watch_loop(void *unused)
{
    (void)unused;
    for (;;) {
        waitq_wait_event(&watch_thread_waiters, first_event, DEADLINE_NEVER);
        struct watch_event *event = first_event;
        first_event = event->next;
        if (!first_event)
            last_event = &first_event;
        run_watch(event);
        free(event);
    }
}

static struct xs_watch *new_watch(const char *path, void (*fn)(const char *, void *), void *arg)
{
    struct xs_watch *watch = calloc(1, sizeof(*watch));
    if (!watch || !(watch->path = strdup(path))) {
        free(watch);
        return NULL;
    }
    snprintf(watch->token, sizeof(watch->token), "%u", (unsigned)++last_token);
    watch->fn = fn;
    watch->arg = arg;
    watch->next = watches;
    watches = watch;
    return watch;
}

static void free_watch(struct xs_watch *watch)
{
    struct xs_watch **at = &watches;
    while (*at != watch)
        at = &(*at)->next;
    *at = watch->next;
    free(watch->path);
    free(watch);
}

struct xs_watch *xs_watch(const char *path, void (*fn)(const char *path, void *arg), void *arg)
{
    if (!watch_thread && !(watch_thread = thread_create("xenstore", watch_loop, NULL, 0)))
        return NULL;
    struct xs_watch *watch = new_watch(path, fn, arg);
    if (!watch) {
        errno = ENOMEM;
        return NULL;
    }
    int rc = command(XS_WATCH, XS_NONE, (struct part[MAX_PARTS]){string(path), string(watch->token)});
    if (!rc)
        return watch;
    free_watch(watch);
    errno = -rc;
    return NULL;
}

void xs_unwatch(struct xs_watch *watch)
{
    command(XS_UNWATCH, XS_NONE, (struct part[MAX_PARTS]){string(watch->path), string(watch->token)});
    free_watch(watch);
}

// SPDX-License-Identifier: MIT
/*
 * The XenStore service of dom0: gives the engine of xenstore/ to guests over their ring pages, and tells it
 * when they shut down or die. One thread serves all rings in turn, a bounded piece of work each; event
 * handlers and the engine's wakeups only put a ring into its queue.
 */
#include <dom0/xenstored.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <guest/cpu.h>
#include <guest/event.h>
#include <guest/gnttab.h>
#include <guest/thread.h>
#include <guest/time.h>

#include <xenstore/conn.h>
#include <xenstore/ring.h>
#include <xenstore/state.h>

#include <dom0/ctl.h>
#include <dom0/terminal.h>

#define RETRY_NS   (100 * NS_PER_MS)
#define DELAYED_NS (10 * NS_PER_MS) /* who writes too fast is looked at again after that */

/* A domain's end of the store. */
struct guest {
    LIST_ENTRY(guest) next;
    TAILQ_ENTRY(guest) next_queued, next_delayed;
    domid_t domid;
    bool queued;
    bool delayed;       /* its requests wait because it has written too fast */
    evtchn_port_t port; /* ours */
    struct grant_mapping page;
    struct xs_ring ring;
    struct xs_conn *renewed; /* in the store that is about to replace this one */
};

static struct xs_store *store;
static LIST_HEAD(, guest) guests = LIST_HEAD_INITIALIZER(guests);
static TAILQ_HEAD(, guest) queue = TAILQ_HEAD_INITIALIZER(queue); /* rings that may have work */
static TAILQ_HEAD(, guest) delayed = TAILQ_HEAD_INITIALIZER(delayed);
static bool domain_changed; /* VIRQ_DOM_EXC came */
static bool restart_wanted; /* between two requests: CONTROL's live-update said so */
static bool silent;         /* CONTROL's log is off */
static struct waitq work = WAITQ_INIT;

/* Lines for the administrator that wait to be shown. */
#define NOTICES_MAX 8
static char notices[NOTICES_MAX][160];
static unsigned int notice_count;

static void enqueue(void *data)
{
    struct guest *g = data;

    if (g->queued)
        return;
    g->queued = true;
    TAILQ_INSERT_TAIL(&queue, g, next_queued);
    waitq_wake_one(&work);
}

static void ring_event(evtchn_port_t port, void *arg)
{
    (void)port;
    enqueue(arg);
}

static void notify(void *data)
{
    struct guest *g = data;

    event_send(g->port);
}

/* ---- what the engine asks for ---- */

static struct guest *find_guest(domid_t domid)
{
    struct guest *g;

    LIST_FOREACH(g, &guests, next)
    {
        if (g->domid == domid)
            return g;
    }
    return NULL;
}

/* Undoes what connect() did so far. */
static void disconnect(struct guest *g)
{
    if (g->ring.conn)
        xs_conn_close(g->ring.conn);
    if (g->queued)
        TAILQ_REMOVE(&queue, g, next_queued);
    if (g->delayed)
        TAILQ_REMOVE(&delayed, g, next_delayed);
    if (g->port)
        event_close(g->port);
    if (g->page.address)
        grant_unmap(&g->page, 1);
    LIST_REMOVE(g, next);
    free(g);
}

/* Maps the ring page, which the builder put behind a reserved grant, and opens its connection. 0 or a
 * negative errno. */
static int connect(struct guest *g, uint32_t remote_port)
{
    const grant_ref_t ref = GNTTAB_RESERVED_XENSTORE;
    struct xs_conn_config config = {.domid = g->domid, .domain_ring = true, .wakeup = enqueue, .data = g};
    struct xs_conn *conn;
    int rc;

    rc = grant_map(g->domid, &ref, 1, false, &g->page);
    if (rc < 0) {
        g->page.address = NULL;
        return rc;
    }
    conn = xs_conn_open(store, &config);
    if (!conn)
        return -ENOMEM;
    xs_ring_attach(&g->ring, g->page.address, conn, notify, g);
    rc = event_bind_interdomain(g->domid, remote_port, ring_event, g);
    if (rc < 0)
        return rc;
    g->port = (evtchn_port_t)rc;
    enqueue(g); /* requests may be waiting */
    return 0;
}

/* Introduced again: a new port, and a ring without the errors of its past. 0 or a positive errno. */
static int rebind(struct guest *g, uint32_t remote_port)
{
    int rc = event_bind_interdomain(g->domid, remote_port, ring_event, g);

    if (rc < 0)
        return -rc;
    event_close(g->port);
    g->port = (evtchn_port_t)rc;
    xs_ring_attach(&g->ring, g->page.address, g->ring.conn, notify, g);
    enqueue(g);
    return 0;
}

static int introduce(void *ctx, uint16_t domid, uint64_t gfn, uint32_t port)
{
    struct guest *g = find_guest(domid);
    int rc;

    (void)ctx;
    (void)gfn; /* the grant says where the page is */
    if (g)
        return rebind(g, port);
    g = calloc(1, sizeof(*g));
    if (!g)
        return ENOMEM;
    g->domid = domid;
    LIST_INSERT_HEAD(&guests, g, next);
    rc = connect(g, port);
    if (rc < 0)
        disconnect(g);
    return -rc;
}

static void release(void *ctx, uint16_t domid)
{
    struct guest *g = find_guest(domid);

    (void)ctx;
    if (g)
        disconnect(g);
}

/* Keeps a line for the thread: showing it may give way, and the engine isn't entered twice at once. */
static void note(const char *format, ...)
{
    va_list args;

    if (silent || notice_count == NOTICES_MAX)
        return; /* the next one is as good as this: the engine reports what goes on happening again */
    va_start(args, format);
    vsnprintf(notices[notice_count++], sizeof(notices[0]), format, args);
    va_end(args);
    waitq_wake_one(&work);
}

static void report_quota(void *ctx, const struct xs_quota_report *report)
{
    (void)ctx;
    note("domain %u has reached its quota of %s (%u)%s%s", report->domid, report->name,
         (unsigned int)report->limit, *report->path ? " at " : "", report->path);
}

static void report(void *ctx, uint16_t domid, const char *what)
{
    (void)ctx;
    note("domain %u: %s", domid, what);
}

/* ---- CONTROL ---- */

static const char control_help[] = "live-update -s\nlog on|off\n";

/* The store is part of this program, and can't become another. */
static int live_update(const char *const *words, size_t count, char *answer, size_t size)
{
    if (!count)
        return EINVAL;
    if (!strcmp(words[0], "-f") || !strcmp(words[0], "-c")) {
        snprintf(answer, size, "the store is part of dom0: it can only begin anew as it is, by -s");
        return 0;
    }
    if (!strcmp(words[0], "-s")) {
        restart_wanted = true;
        waitq_wake_one(&work);
        return 0;
    }
    return strcmp(words[0], "-a") ? EINVAL : 0;
}

static int control(void *ctx, const char *const *words, size_t count, char *answer, size_t size)
{
    (void)ctx;
    if (!strcmp(words[0], "live-update"))
        return live_update(words + 1, count - 1, answer, size);
    if (count != 2 || strcmp(words[0], "log") || (strcmp(words[1], "on") && strcmp(words[1], "off")))
        return EINVAL;
    silent = !strcmp(words[1], "off");
    return 0;
}

static void restart(void)
{
    unsigned int rings;
    int rc;

    restart_wanted = false;
    rc = xenstored_restart(&rings);
    if (rc)
        note("it goes on as it was, without a restart: %s", strerror(-rc));
    else
        note("restarted, %u domains connected", rings);
}

/* ---- the thread ---- */

/* Tells the store how a domain is. False: it had no memory for that now. */
static bool check_domain(domid_t domid)
{
    struct xen_domctl_getdomaininfo info;
    struct error error;
    int rc = ctl_domain_info(domid, &info, &error);

    if (rc == -ESRCH || (!rc && (info.flags & XEN_DOMINF_dying)))
        return !xs_store_domain_dead(store, domid);
    if (!rc && (info.flags & XEN_DOMINF_shutdown))
        return !xs_store_domain_shut_down(store, domid);
    return true;
}

static bool check_domains(void)
{
    struct guest *g = LIST_FIRST(&guests);
    bool done = true;

    while (g) {
        struct guest *next = LIST_NEXT(g, next); /* g goes if its domain is dead */

        done &= check_domain(g->domid);
        g = next;
    }
    return done;
}

static void domain_event(evtchn_port_t port, void *arg)
{
    (void)port;
    (void)arg;
    domain_changed = true;
    waitq_wake_one(&work);
}

static void show_notices(void)
{
    for (unsigned int i = 0; i < notice_count; i++)
        terminal_notice("xenstore: %s", notices[i]);
    notice_count = 0;
}

static void serve_next_ring(uint64_t now)
{
    struct guest *g = TAILQ_FIRST(&queue);

    if (!g)
        return;
    TAILQ_REMOVE(&queue, g, next_queued);
    g->queued = false;
    xs_store_set_time(store, now / NS_PER_MS);
    if (xs_ring_run(&g->ring))
        enqueue(g);
    if (!g->delayed && xs_conn_delay(g->ring.conn)) {
        g->delayed = true;
        TAILQ_INSERT_TAIL(&delayed, g, next_delayed);
    }
}

static void enqueue_delayed(void)
{
    struct guest *g;

    while ((g = TAILQ_FIRST(&delayed))) {
        TAILQ_REMOVE(&delayed, g, next_delayed);
        g->delayed = false;
        enqueue(g);
    }
}

static bool is_work(void)
{
    return domain_changed || restart_wanted || notice_count || !TAILQ_EMPTY(&queue);
}

static void serve(void *arg)
{
    uint64_t check = DEADLINE_NEVER, look = DEADLINE_NEVER;

    (void)arg;
    for (;;) {
        uint64_t now;

        waitq_wait_event(&work, is_work(), check < look ? check : look);
        now = time_now();
        if (domain_changed || now >= check) {
            domain_changed = false;
            check = check_domains() ? DEADLINE_NEVER : time_after(RETRY_NS);
        }
        if (now >= look) {
            enqueue_delayed();
            look = DEADLINE_NEVER;
        }
        if (restart_wanted)
            restart();
        serve_next_ring(now);
        if (look == DEADLINE_NEVER && !TAILQ_EMPTY(&delayed))
            look = now + DELAYED_NS;
        show_notices();
        thread_yield();
    }
}

/* ---- interface ---- */

int xenstored_start(void)
{
    const struct xs_hooks hooks = {
        .quota_exceeded = report_quota,
        .log = report,
        .introduce = introduce,
        .release = release,
        .control = control,
        .control_help = control_help,
    };
    struct thread *thread;
    int rc;

    store = xs_store_create(&hooks, time_wall_now() * 0x9e3779b97f4a7c15u ^ rdtsc());
    if (!store)
        return -ENOMEM;
    rc = event_bind_virq(VIRQ_DOM_EXC, domain_event, NULL);
    if (rc < 0)
        return rc;
    thread = thread_create("xenstored", serve, NULL, 0);
    if (!thread)
        return -errno;
    thread_detach(thread);
    return 0;
}

/* ---- restarts ---- */

static int renew_rings(struct xs_store *other)
{
    struct guest *g;
    int error = 0;

    LIST_FOREACH(g, &guests, next)
    {
        g->renewed = NULL;
        if (!error)
            error = xs_conn_renew(g->ring.conn, other, &g->renewed);
    }
    return error;
}

static void drop_renewed(void)
{
    struct guest *g;

    LIST_FOREACH(g, &guests, next)
    {
        if (g->renewed)
            xs_conn_close(g->renewed);
    }
}

int xenstored_restart(unsigned int *rings)
{
    struct xs_store *other;
    struct guest *g;
    int error = xs_store_renew(store, &other);

    *rings = 0;
    if (error)
        return -error;
    error = renew_rings(other);
    if (error) {
        drop_renewed();
        xs_store_stay(store, other);
        return -error;
    }
    LIST_FOREACH(g, &guests, next)
    {
        xs_conn_close(g->ring.conn);
        g->ring.conn = g->renewed;
        enqueue(g);
        ++*rings;
    }
    xs_store_replace(store, other);
    store = other;
    return 0;
}

struct xs_store *xenstored_store(void)
{
    return store;
}

struct xs_local *xenstored_connect(void (*wakeup)(void *data), void *data)
{
    return xs_local_open(store, wakeup, data);
}

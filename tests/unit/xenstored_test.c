// SPDX-License-Identifier: MIT
/*
 * dom0's store service with its thread, rings and clock, on a machine that is played here: who writes too
 * fast waits, and nobody else. Time passes only when the thread gives way or sleeps.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xs_wire.h>

#include <guest/event.h>
#include <guest/gnttab.h>
#include <guest/thread.h>
#include <guest/time.h>

#include <dom0/ctl.h>
#include <dom0/terminal.h>
#include <dom0/xenstored.h>

#define ROUND_NS  (20 * NS_PER_US) /* what one turn of the thread takes */
#define WRITER    5
#define BYSTANDER 6
#define GUESTS    2

/* A guest that makes one request after the other: as soon as it has its reply, or at its time. */
struct guest {
    domid_t domid;
    const char *request; /* payload, with its length below */
    uint32_t type, len;
    uint64_t interval; /* from one request to the next; 0: none */
    struct xenstore_domain_interface page;
    event_handler handler;
    void *arg;
    bool alive, waiting;
    uint64_t asked, next;
    unsigned int replies;
    uint64_t slowest;
};

static struct {
    uint64_t now, end;
    jmp_buf out; /* of the thread, when it is the end */
    void (*thread)(void *arg);
    event_handler domain_event;
    struct guest guests[GUESTS];
    unsigned int rounds;
    char notices[2000];
    void (*disturb)(void); /* each 7 ms */
    uint64_t disturbed;
} m;

static struct xs_local *tool;

/* ---- the guests ---- */

static void put(struct guest *g, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        g->page.req[MASK_XENSTORE_IDX(g->page.req_prod++)] = ((const char *)bytes)[i];
}

static void ask(struct guest *g)
{
    const struct xsd_sockmsg header = {g->type, 1, 0, g->len};

    put(g, &header, sizeof(header));
    put(g, g->request, g->len);
    g->asked = m.now;
    g->waiting = true;
    g->handler(g->domid, g->arg);
}

static void take(struct guest *g)
{
    struct xsd_sockmsg header;
    uint32_t len = g->page.rsp_prod - g->page.rsp_cons;

    if (len < sizeof(header))
        return;
    for (size_t i = 0; i < sizeof(header); i++)
        ((char *)&header)[i] = g->page.rsp[MASK_XENSTORE_IDX(g->page.rsp_cons + i)];
    if (len < sizeof(header) + header.len)
        return;
    assert_int_equal(header.type, g->type);
    g->page.rsp_cons += (uint32_t)(sizeof(header) + header.len);
    g->waiting = false;
    g->replies++;
    if (m.now - g->asked > g->slowest)
        g->slowest = m.now - g->asked;
}

static void step(struct guest *g)
{
    if (!g->alive)
        return;
    if (g->waiting)
        take(g);
    if (g->waiting || m.now < g->next)
        return;
    g->next = m.now + g->interval;
    ask(g);
}

/* ---- the machine ---- */

static void pass(uint64_t until)
{
    m.now = until;
    if (m.now >= m.end)
        longjmp(m.out, 1);
    if (m.disturb && m.now >= m.disturbed + 7 * NS_PER_MS) {
        m.disturbed = m.now;
        m.disturb();
    }
    for (unsigned int i = 0; i < GUESTS; i++)
        step(&m.guests[i]);
}

uint64_t time_now(void)
{
    return m.now;
}

uint64_t time_wall_now(void)
{
    return m.now;
}

uint64_t time_after(uint64_t ns)
{
    return m.now + ns;
}

void thread_yield(void)
{
    m.rounds++;
    pass(m.now + ROUND_NS);
}

/* Nothing is to do: until the deadline, or until a guest's time has come. */
bool waitq_wait(struct waitq *queue, uint64_t deadline)
{
    uint64_t until = deadline < m.end ? deadline : m.end;

    (void)queue;
    for (unsigned int i = 0; i < GUESTS; i++) {
        const struct guest *g = &m.guests[i];

        if (g->alive && !g->waiting && g->next < until)
            until = g->next;
    }
    pass(until > m.now ? until : m.now);
    return until < deadline;
}

void waitq_wake_one(struct waitq *queue)
{
    (void)queue;
}

static char a_thread;

struct thread *thread_create(const char *name, void (*fn)(void *), void *arg, size_t stack_size)
{
    (void)name, (void)arg, (void)stack_size;
    m.thread = fn;
    return (struct thread *)&a_thread;
}

void thread_detach(struct thread *thread)
{
    (void)thread;
}

static struct guest *find(domid_t domid)
{
    for (unsigned int i = 0; i < GUESTS; i++) {
        if (m.guests[i].domid == domid)
            return &m.guests[i];
    }
    return NULL;
}

int event_bind_virq(uint32_t virq, event_handler handler, void *arg)
{
    (void)virq, (void)arg;
    m.domain_event = handler;
    return 1;
}

int event_bind_interdomain(domid_t remote, evtchn_port_t remote_port, event_handler handler, void *arg)
{
    struct guest *g = find(remote);

    (void)remote_port;
    g->handler = handler;
    g->arg = arg;
    return remote;
}

int event_send(evtchn_port_t port)
{
    (void)port; /* guests look at their rings whenever time passes */
    return 0;
}

int event_close(evtchn_port_t port)
{
    (void)port;
    return 0;
}

int grant_map(domid_t dom, const grant_ref_t *refs, size_t count, bool readonly,
              struct grant_mapping *mappings)
{
    (void)refs, (void)readonly;
    assert_int_equal(count, 1);
    mappings[0].address = &find(dom)->page;
    return 0;
}

void grant_unmap(struct grant_mapping *mappings, size_t count)
{
    (void)mappings, (void)count;
}

int ctl_domain_info(domid_t domid, struct xen_domctl_getdomaininfo *info, struct error *error)
{
    (void)error;
    memset(info, 0, sizeof(*info));
    return find(domid)->alive ? 0 : -ESRCH;
}

void terminal_notice(const char *format, ...)
{
    size_t len = strlen(m.notices);
    va_list args;

    va_start(args, format);
    vsnprintf(m.notices + len, sizeof(m.notices) - len, format, args);
    va_end(args);
}

/* ---- tests ---- */

static void introduce(struct guest *g)
{
    const struct xs_perm owner = {.domid = g->domid, .access = 'n'};
    char home[32];

    snprintf(home, sizeof(home), "/local/domain/%u", g->domid);
    assert_int_equal(xs_local_mkdir(tool, XS_TX_NONE, home), 0);
    assert_int_equal(xs_local_set_perms(tool, XS_TX_NONE, home, &owner, 1), 0);
    assert_int_equal(xs_local_introduce(tool, g->domid, 1, 1), 0);
    g->alive = true;
}

static int start(void **state)
{
    (void)state;
    memset(&m, 0, sizeof(m));
    m.now = NS_PER_S;
    m.guests[0] = (struct guest){.domid = WRITER, .request = "a\0value", .type = XS_WRITE, .len = 7};
    m.guests[1] = (struct guest){
        .domid = BYSTANDER, .request = "b\0value", .type = XS_WRITE, .len = 7, .interval = 25 * NS_PER_MS};
    assert_int_equal(xenstored_start(), 0);
    tool = xenstored_connect(NULL, NULL);
    introduce(&m.guests[0]);
    introduce(&m.guests[1]);
    assert_int_equal(xs_local_set_quota(tool, -1, "write-rate", 100), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < GUESTS; i++)
        xs_local_release(tool, m.guests[i].domid);
    xs_local_close(tool);
    xs_store_destroy(xenstored_store());
    return 0;
}

static void run_for(uint64_t ns)
{
    m.end = m.now + ns;
    if (!setjmp(m.out))
        m.thread(NULL);
}

static void who_writes_too_fast_waits_and_nobody_else(void **state)
{
    const struct guest *writer = &m.guests[0], *bystander = &m.guests[1];

    (void)state;
    run_for(5 * NS_PER_S);
    /* A second's writes at once, then as many as the rate says. */
    assert_in_range(writer->replies, 590, 602);
    assert_in_range(writer->slowest, 5 * NS_PER_MS, 25 * NS_PER_MS);
    assert_in_range(bystander->replies, 198, 200);
    assert_in_range(bystander->slowest, 1, NS_PER_MS);
    /* Who waits is looked at now and then, not all the time. */
    assert_in_range(m.rounds, 600, 3000);
    assert_non_null(strstr(m.notices, "domain 5 has reached its quota of write-rate (100)"));
    assert_null(strstr(m.notices, "domain 6"));
}

static void who_stops_writing_too_fast_costs_nothing_more(void **state)
{
    (void)state;
    run_for(2 * NS_PER_S);
    m.guests[0].interval = NS_PER_S;
    run_for(NS_PER_S); /* until it has its last reply, and credit again */
    m.rounds = 0;
    m.guests[1].next = UINT64_MAX;
    run_for(10 * NS_PER_S);
    assert_in_range(m.rounds, 10, 40);
}

static void restart(void)
{
    unsigned int rings;

    assert_int_equal(xenstored_restart(&rings), 0);
    assert_int_equal(rings, GUESTS);
}

static void a_restart_gives_no_credit_and_takes_none(void **state)
{
    (void)state;
    m.disturb = restart;
    run_for(5 * NS_PER_S);
    assert_in_range(m.guests[0].replies, 590, 602);
    assert_in_range(m.guests[1].slowest, 1, NS_PER_MS);
}

static void write_as_toolstack(void)
{
    assert_int_equal(xs_local_write(tool, XS_TX_NONE, "/local/domain/5/a", "1", 1), 0);
}

static void the_toolstack_never_waits(void **state)
{
    (void)state;
    m.disturb = write_as_toolstack;
    run_for(2 * NS_PER_S);
    assert_in_range(m.guests[0].replies, 290, 302);
}

static void die(void)
{
    m.guests[0].alive = false;
    m.domain_event(1, NULL);
    m.disturb = NULL;
}

static void who_waits_may_die(void **state)
{
    (void)state;
    run_for(2 * NS_PER_S);
    assert_true(m.guests[0].waiting);
    m.disturb = die;
    run_for(NS_PER_S);
    assert_false(xs_local_is_introduced(tool, WRITER));
    assert_in_range(m.guests[1].slowest, 1, NS_PER_MS);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_writes_too_fast_waits_and_nobody_else),
        TEST(who_stops_writing_too_fast_costs_nothing_more),
        TEST(a_restart_gives_no_credit_and_takes_none),
        TEST(the_toolstack_never_waits),
        TEST(who_waits_may_die),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

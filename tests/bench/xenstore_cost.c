// SPDX-License-Identifier: MIT
/*
 * What the store's operations cost as it fills, in executed instructions: from 10 to 1,000,000 nodes in one
 * directory and from 1 to 100,000 watches; and how much memory a node takes. A request goes in as bytes and
 * its reply comes out, through the whole engine. The parent runs its child instruction by instruction while
 * that measures, so the figures repeat. The exit status is 1 if a cost grows faster than log n.
 *
 * usage: xenstore_cost [NODES_MAX WATCHES_MAX]
 */
#include <stdint.h>

#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xen/io/xs_wire.h>

#include <xenstore/conn.h>
#include <xenstore/store.h>

#define SAMPLES     4
#define MEMORY_GOAL 150 /* bytes per small node beyond its data */

/* Between the two processes. */
static struct {
    volatile bool measuring;
    volatile uint64_t steps;
} * shared;

static struct xs_store *store;
static struct xs_conn *conn, *watcher, *other;

static void fail(const char *what)
{
    fprintf(stderr, "xenstore_cost: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* ---- counting ---- */

/* Runs the child, and counts its instructions while it measures. Returns its exit status. */
static int count_for(pid_t child)
{
    int status;

    for (;;) {
        if (waitpid(child, &status, 0) < 0)
            fail("waitpid");
        if (WIFEXITED(status))
            return WEXITSTATUS(status);
        if (!WIFSTOPPED(status))
            return 2;
        if (shared->measuring)
            shared->steps++;
        if (ptrace(shared->measuring ? PTRACE_SINGLESTEP : PTRACE_CONT, child, NULL, NULL))
            fail("ptrace");
    }
}

static void begin(void)
{
    shared->steps = 0;
    shared->measuring = true;
    raise(SIGTRAP); /* the parent takes over */
}

static uint64_t end(void)
{
    shared->measuring = false;
    return shared->steps;
}

/* ---- requests ---- */

static uint32_t pseudo_random(uint32_t limit)
{
    static uint64_t state = 1;

    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(state >> 33) % limit;
}

static void drain(struct xs_conn *c)
{
    size_t len;

    while (xs_conn_output(c, &len))
        xs_conn_output_done(c, len);
}

/* A request whose payload is written with '|' for NUL; its answer is dropped. */
static void request(struct xs_conn *c, uint32_t type, uint32_t tx, const char *text)
{
    char bytes[sizeof(struct xsd_sockmsg) + 128];
    size_t len = strlen(text);
    struct xsd_sockmsg header = {type, 1, tx, (uint32_t)len};

    memcpy(bytes, &header, sizeof(header));
    for (size_t i = 0; i < len; i++)
        bytes[sizeof(header) + i] = text[i] == '|' ? '\0' : text[i];
    if (xs_conn_input(c, bytes, sizeof(header) + len) != sizeof(header) + len)
        fail("the store takes no request");
    drain(c);
}

static uint32_t last_tx;

static void begin_transaction(void)
{
    request(conn, XS_TRANSACTION_START, 0, "|");
    last_tx++;
}

/* ---- what is measured ---- */

typedef void operation(uint32_t n);

static char text[64];

static void prepare_nothing(uint32_t n)
{
    (void)n;
}

static void prepare_read(uint32_t n)
{
    snprintf(text, sizeof(text), "/d/%07u|", pseudo_random(n));
}

static void do_read(uint32_t n)
{
    (void)n;
    request(conn, XS_READ, 0, text);
}

static void prepare_write(uint32_t n)
{
    snprintf(text, sizeof(text), "/d/%07u|v", pseudo_random(n));
}

static void do_write(uint32_t n)
{
    (void)n;
    request(conn, XS_WRITE, 0, text);
}

static void prepare_create(uint32_t n)
{
    snprintf(text, sizeof(text), "/d/%07ux|", pseudo_random(n));
}

static void do_create_and_remove(uint32_t n)
{
    (void)n;
    request(conn, XS_MKDIR, 0, text);
    request(conn, XS_RM, 0, text);
}

/* A transaction that read and wrote; somebody else wrote meanwhile, so all is done again. */
static void prepare_commit(uint32_t n)
{
    begin_transaction();
    prepare_read(n);
    request(conn, XS_READ, last_tx, text);
    prepare_write(n);
    request(conn, XS_WRITE, last_tx, text);
    request(other, XS_WRITE, 0, "/elsewhere|1");
}

static void do_commit(uint32_t n)
{
    (void)n;
    request(conn, XS_TRANSACTION_END, last_tx, "T|");
}

static void prepare_fire(uint32_t n)
{
    snprintf(text, sizeof(text), "/w/%07u|v", pseudo_random(n));
}

static void do_fire(uint32_t n)
{
    do_write(n);
    drain(watcher);
}

static uint64_t cost(operation *prepare, operation *perform, uint32_t n)
{
    uint64_t sum = 0;

    for (unsigned int i = 0; i < SAMPLES; i++) {
        prepare(n);
        begin();
        perform(n);
        sum += end();
    }
    return sum / SAMPLES;
}

/* ---- tables ---- */

struct column {
    const char *title;
    operation *prepare, *perform;
    double unit; /* cost of the first row divided by the logarithm of its size */
};

/* Of a little more than n, to the base 2: the first few nodes cost something, too. */
static double logarithm(uint32_t n)
{
    double rest = n + 10, log = 0;

    for (; rest >= 2; rest /= 2)
        log++;
    return log + rest - 1;
}

/* One row. False: a cost grows faster than log n. */
static bool print_row(struct column *columns, size_t count, uint32_t n, uint64_t nothing)
{
    bool fine = true;

    printf("%9u", n);
    for (size_t i = 0; i < count; i++) {
        uint64_t instructions = cost(columns[i].prepare, columns[i].perform, n) - nothing;
        double unit = (double)instructions / logarithm(n);

        printf(" %12lu", (unsigned long)instructions);
        if (columns[i].unit == 0)
            columns[i].unit = unit;
        else if (unit > columns[i].unit)
            fine = false;
    }
    printf("%s\n", fine ? "" : "  grows faster than log n");
    fflush(stdout);
    return fine;
}

static void print_titles(const char *first, const struct column *columns, size_t count)
{
    printf("\n%9s", first);
    for (size_t i = 0; i < count; i++)
        printf(" %12s", columns[i].title);
    printf("\n");
}

static bool nodes(uint32_t most, uint64_t nothing)
{
    struct column columns[] = {{"read", prepare_read, do_read, 0},
                               {"write", prepare_write, do_write, 0},
                               {"create + rm", prepare_create, do_create_and_remove, 0},
                               {"commit", prepare_commit, do_commit, 0}};
    size_t count = sizeof(columns) / sizeof(columns[0]), before = mallinfo2().uordblks;
    uint32_t made = 0;
    double memory;
    bool fine = true;

    print_titles("nodes", columns, count);
    for (uint32_t n = 10; n <= most; n *= 10) {
        for (; made < n; made++) {
            snprintf(text, sizeof(text), "/d/%07u|v", made);
            request(conn, XS_WRITE, 0, text);
        }
        fine &= print_row(columns, count, n, nothing);
    }
    memory = (double)(mallinfo2().uordblks - before) / made - strlen("0000000") - strlen("v");
    printf("memory: %.1f bytes per node beyond its name and value (goal: %d)\n", memory, MEMORY_GOAL);
    return fine && memory <= MEMORY_GOAL;
}

static bool watches(uint32_t most, uint64_t nothing)
{
    struct column columns[] = {{"write + event", prepare_fire, do_fire, 0},
                               {"no event", prepare_write, do_write, 0}};
    size_t count = sizeof(columns) / sizeof(columns[0]);
    uint32_t made = 0;
    bool fine = true;

    print_titles("watches", columns, count);
    for (uint32_t n = 1; n <= most; n *= 10) {
        for (; made < n; made++) {
            snprintf(text, sizeof(text), "/w/%07u|v", made);
            request(conn, XS_WRITE, 0, text);
            snprintf(text, sizeof(text), "/w/%07u|token|", made);
            request(watcher, XS_WATCH, 0, text);
        }
        fine &= print_row(columns, count, n, nothing);
    }
    return fine;
}

static int measure(uint32_t most_nodes, uint32_t most_watches)
{
    static const struct xs_hooks hooks;
    const struct xs_conn_config config = {.privileged = true};
    uint64_t nothing;
    bool fine;

    store = xs_store_create(&hooks, 1);
    conn = xs_conn_open(store, &config);
    watcher = xs_conn_open(store, &config);
    other = xs_conn_open(store, &config);
    nothing = cost(prepare_nothing, prepare_nothing, 0);
    printf("instructions per operation, on a directory of so many nodes, and among so many watches\n");
    fine = nodes(most_nodes, nothing);
    fine &= watches(most_watches, nothing);
    return !fine;
}

int main(int argc, char **argv)
{
    uint32_t most_nodes = argc > 1 ? (uint32_t)atol(argv[1]) : 1000000;
    uint32_t most_watches = argc > 2 ? (uint32_t)atol(argv[2]) : 100000;
    pid_t child;

    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        fail("mmap");
    child = fork();
    if (child < 0)
        fail("fork");
    if (child)
        return count_for(child);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
        fail("ptrace");
    return measure(most_nodes, most_watches);
}

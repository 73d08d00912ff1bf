// SPDX-License-Identifier: MIT
/*
 * Random operations from several connections, against a model so simple that it is plainly right: a table of
 * all paths there can be. A transaction that commits must be the same as its operations done one after the
 * other at that moment, with the same answers; one that is refused must have met a change. Watchers
 * come and go meanwhile, and must be told of exactly what changed where they look.
 *
 * One run has a fixed seed, the other one of its own, which it prints: XENSTORE_SEED repeats it,
 * XENSTORE_STEPS says how long.
 */
#include "xenstore_client.h"

#include <unistd.h>

#define STEPS_DEFAULT 1000000
#define CONNECTIONS   4
#define LOG_MAX       12

/* Paths over the names a, b, c, three deep at most; 0 is the root, and the children of i are 3i+1 … 3i+3. */
#define NODES 40

#define WATCHERS 3

struct watcher {
    struct client *client;
    bool watches[NODES];
    bool expected[NODES]; /* an event with that path */
};

struct model {
    bool exists[NODES];
    unsigned int value[NODES];
    struct watcher *watchers;
};

struct step {
    uint32_t type;
    unsigned int node;
    unsigned int value;
    char answer[64];
};

struct session {
    struct client *client;
    uint32_t tx; /* 0: none */
    bool disturbed;
    unsigned int log_len;
    struct step log[LOG_MAX];
};

static uint64_t seed;

static unsigned int chance(unsigned int n)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned int)(seed >> 33) % n;
}

static void path_of(unsigned int node, char *path)
{
    char name[3] = {'/', (char)('a' + (node - 1) % 3), '\0'};

    if (!node) {
        strcpy(path, "");
        return;
    }
    path_of((node - 1) / 3, path);
    strcat(path, name);
}

/* ---- watchers ---- */

/* A change at `node`, seen by who watches there or above. */
static void model_fire(struct model *m, unsigned int node)
{
    for (unsigned int i = 0; i < WATCHERS; i++) {
        struct watcher *w = &m->watchers[i];

        for (unsigned int at = node;; at = (at - 1) / 3) {
            w->expected[node] |= w->watches[at];
            if (!at)
                break;
        }
    }
}

/* What goes along with a removed node, seen by who watches exactly there. */
static void model_fire_exact(struct model *m, unsigned int node)
{
    for (unsigned int i = 0; i < WATCHERS; i++)
        m->watchers[i].expected[node] |= m->watchers[i].watches[node];
}

static unsigned int node_of(const char *path)
{
    unsigned int node = 0;

    for (path++; *path && *path != '|'; path++) {
        if (*path != '/')
            node = 3 * node + 1 + (unsigned int)(*path - 'a');
    }
    return node;
}

/* All events that wait must be those that the model expects. */
static void take_events(struct watcher *w)
{
    bool received[NODES] = {false};
    const char *text;

    while (*(text = event(w->client)))
        received[node_of(text)] = true;
    assert_memory_equal(received, w->expected, sizeof(received));
    memset(w->expected, 0, sizeof(w->expected));
}

static void watch_or_unwatch(struct watcher *w)
{
    unsigned int node = chance(NODES);
    char text[32];

    take_events(w);
    path_of(node, text);
    strcat(node ? text : strcpy(text, "/"), "|w|");
    if (w->watches[node]) {
        OK(ask(w->client, XS_UNWATCH, 0, text));
    } else {
        OK(ask(w->client, XS_WATCH, 0, text));
        ANSWERS(event(w->client), text);
    }
    w->watches[node] = !w->watches[node];
}

/* ---- the model ---- */

static void model_create(struct model *m, unsigned int node)
{
    for (; !m->exists[node]; node = (node - 1) / 3)
        m->exists[node] = true;
}

static void model_remove(struct model *m, unsigned int node)
{
    if (m->exists[node])
        model_fire_exact(m, node);
    m->exists[node] = false;
    m->value[node] = 0;
    for (unsigned int child = 3 * node + 1; child <= 3 * node + 3 && child < NODES; child++)
        model_remove(m, child);
}

static void model_list(const struct model *m, unsigned int node, char *answer)
{
    *answer = '\0';
    for (unsigned int child = 3 * node + 1; child <= 3 * node + 3 && child < NODES; child++) {
        char name[3] = {(char)('a' + (child - 1) % 3), '|', '\0'};

        if (m->exists[child])
            strcat(answer, name);
    }
}

/* Does the step on the model; its answer goes to *answer. */
static void model_step(struct model *m, const struct step *step, char *answer)
{
    strcpy(answer, "OK|");
    switch (step->type) {
    case XS_WRITE:
        model_create(m, step->node);
        model_fire(m, step->node);
        m->value[step->node] = step->value;
        break;
    case XS_MKDIR:
        if (!m->exists[step->node])
            model_fire(m, step->node);
        model_create(m, step->node);
        break;
    case XS_RM:
        if (step->node && m->exists[step->node]) {
            model_fire(m, step->node);
            model_remove(m, step->node);
        } else if (!step->node)
            strcpy(answer, "EINVAL");
        else if (!m->exists[(step->node - 1) / 3])
            strcpy(answer, "ENOENT");
        break;
    case XS_READ:
        if (!m->exists[step->node])
            strcpy(answer, "ENOENT");
        else if (m->value[step->node])
            sprintf(answer, "%u", m->value[step->node]);
        else
            *answer = '\0';
        break;
    default:
        if (m->exists[step->node])
            model_list(m, step->node, answer);
        else
            strcpy(answer, "ENOENT");
    }
}

/* ---- both ---- */

static const char *real_step(struct session *s, const struct step *step)
{
    char text[32];

    path_of(step->node, text);
    if (!step->node)
        strcpy(text, "/");
    strcat(text, "|");
    if (step->type == XS_WRITE)
        sprintf(text + strlen(text), "%u", step->value);
    return ask(s->client, step->type, s->tx, text);
}

static void disturb_others(struct session *sessions, const struct session *by)
{
    for (unsigned int i = 0; i < CONNECTIONS; i++)
        sessions[i].disturbed |= &sessions[i] != by;
}

static void end_transaction(struct session *sessions, struct session *s, struct model *m)
{
    bool commit = chance(4);
    const char *answer = ask(s->client, XS_TRANSACTION_END, s->tx, commit ? "T|" : "F|");
    struct model now = *m;
    char expected[64];

    s->tx = 0;
    if (!commit) {
        OK(answer);
        return;
    }
    if (!strcmp(answer, "EAGAIN")) {
        assert_true(s->disturbed);
        return;
    }
    OK(answer);
    for (unsigned int i = 0; i < s->log_len; i++) {
        model_step(&now, &s->log[i], expected);
        assert_string_equal(s->log[i].answer, expected);
    }
    if (memcmp(&now, m, sizeof(now)))
        disturb_others(sessions, s);
    *m = now;
}

static void one_step(struct session *sessions, struct session *s, struct model *m)
{
    static const uint32_t types[] = {XS_WRITE, XS_WRITE, XS_MKDIR, XS_RM, XS_READ, XS_READ, XS_DIRECTORY};
    struct step step = {.type = types[chance(7)], .node = chance(NODES), .value = 1 + chance(1000)};
    char expected[64];

    if (s->tx) {
        struct step *logged = &s->log[s->log_len++];

        *logged = step;
        strcpy(logged->answer, real_step(s, logged));
        return;
    }
    model_step(m, &step, expected);
    assert_string_equal(real_step(s, &step), expected);
    if (step.type != XS_READ && step.type != XS_DIRECTORY)
        disturb_others(sessions, s);
}

static void compare(struct session *s, const struct model *m)
{
    for (unsigned int node = 0; node < NODES; node++) {
        struct model copy = *m;
        struct step step = {.type = chance(2) ? XS_READ : XS_DIRECTORY, .node = node};
        char expected[64];

        model_step(&copy, &step, expected);
        assert_string_equal(real_step(s, &step), expected);
    }
}

static void run_steps(struct world *w, unsigned long steps)
{
    struct session sessions[CONNECTIONS] = {0};
    struct watcher watchers[WATCHERS] = {0};
    struct model m = {.exists = {true}, .watchers = watchers};

    OK(ask(w->tool, XS_RM, 0, "/tool|"));
    for (unsigned int i = 0; i < CONNECTIONS; i++)
        sessions[i].client = connect_client(w, 0, true, false);
    for (unsigned int i = 0; i < WATCHERS; i++)
        watchers[i].client = connect_client(w, 0, true, false);
    for (unsigned long i = 0; i < steps; i++) {
        struct session *s = &sessions[chance(CONNECTIONS)];

        if (s->tx && (s->log_len == LOG_MAX || !chance(8))) {
            end_transaction(sessions, s, &m);
        } else if (!s->tx && !chance(8)) {
            s->tx = start(s->client);
            s->log_len = 0;
            s->disturbed = false;
        } else {
            one_step(sessions, s, &m);
        }
        if (!chance(20))
            watch_or_unwatch(&watchers[chance(WATCHERS)]);
        if (!chance(500))
            compare(&(struct session){.client = w->tool}, &m);
    }
}

static unsigned long steps_to_run(void)
{
    const char *text = getenv("XENSTORE_STEPS");

    return text ? strtoul(text, NULL, 10) : STEPS_DEFAULT;
}

static void random_operations_with_a_fixed_seed(void **state)
{
    seed = 1;
    run_steps(*state, steps_to_run());
}

static void random_operations_with_a_random_seed(void **state)
{
    const char *text = getenv("XENSTORE_SEED");

    if (text)
        seed = strtoull(text, NULL, 10);
    else
        assert_int_equal(getentropy(&seed, sizeof(seed)), 0);
    print_message("XENSTORE_SEED=%llu\n", (unsigned long long)seed);
    run_steps(*state, steps_to_run());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_operations_with_a_fixed_seed, make_world, end_world),
        cmocka_unit_test_setup_teardown(random_operations_with_a_random_seed, make_world, end_world),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

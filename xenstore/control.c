// SPDX-License-Identifier: MIT
/* CONTROL: commands that an administrator types, and their answers in text. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <xen/io/xs_wire.h>

#include "domain.h"
#include "quota.h"
#include "transaction.h"
#include "watch.h"
#include "wire.h"

#define WORDS_MAX 8

/* Text for a person, cut where a reply ends. If it stays empty the answer is "OK". */
struct text {
    char bytes[XENSTORE_PAYLOAD_MAX];
    size_t len;
};

static void __attribute__((format(printf, 2, 3))) add(struct text *text, const char *format, ...)
{
    size_t room = sizeof(text->bytes) - text->len;
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text->bytes + text->len, room, format, args);
    va_end(args);
    text->len += (size_t)len < room ? (size_t)len : room - 1;
}

/* ---- quotas ---- */

/* quota; quota DOMID; quota set NAME VALUE */
static int control_quota(struct xs_store *store, const char *const *words, size_t count, struct text *text)
{
    const struct xs_domain *domain = NULL;
    uint16_t domid;

    if (count == 3 && !strcmp(words[0], "set"))
        return xs_quota_set(store, NULL, words[1], words[2]);
    if (count > 1 || (count && !xs_parse_domid(words[0], &domid)))
        return EINVAL;
    if (count && !(domain = xs_domain_find(store, domid)))
        return ENOENT;
    for (unsigned int i = 0; i < XS_QUOTA_COUNT; i++) {
        enum xs_quota quota = (enum xs_quota)i;

        add(text, "%-20s %10" PRIu32, xs_quota_name(quota),
            domain ? xs_quota_limit(store, domain, quota) : store->limits[quota]);
        if (domain)
            add(text, " %10" PRIu32, xs_store_usage(store, domain->domid, quota));
        add(text, "\n");
    }
    return 0;
}

/* quota-soft; quota-soft set memory VALUE. What only warns has a name of its own elsewhere. */
static int control_quota_soft(struct xs_store *store, const char *const *words, size_t count,
                              struct text *text)
{
    if (count == 3 && !strcmp(words[0], "set") && !strcmp(words[1], "memory"))
        return xs_quota_set(store, NULL, xs_quota_name(XS_QUOTA_MEMORY_SOFT), words[2]);
    if (count)
        return EINVAL;
    add(text, "%-20s %10" PRIu32 "\n", "memory", store->limits[XS_QUOTA_MEMORY_SOFT]);
    return 0;
}

/* ---- check ---- */

static const enum xs_quota counted[] = {XS_QUOTA_NODES, XS_QUOTA_WATCHES, XS_QUOTA_TRANSACTIONS};
#define COUNTED (sizeof(counted) / sizeof(counted[0]))

static void forget_count(struct xs_hash_entry *entry, void *data)
{
    struct xs_domain *domain = xs_container_of(entry, struct xs_domain, entry);

    (void)data;
    memset(domain->counted, 0, sizeof(domain->counted));
}

static void count_client(const struct xs_conn *conn)
{
    const struct xs_transaction *transaction;
    const struct xs_watch *watch;

    LIST_FOREACH(watch, &conn->watches, in_conn)
    {
        conn->domain->counted[XS_QUOTA_WATCHES]++;
    }
    LIST_FOREACH(transaction, &conn->transactions, in_conn)
    {
        conn->domain->counted[XS_QUOTA_TRANSACTIONS]++;
    }
}

static void compare_count(struct xs_hash_entry *entry, void *data)
{
    const struct xs_domain *domain = xs_container_of(entry, struct xs_domain, entry);
    struct text *text = data;

    for (size_t i = 0; i < COUNTED; i++) {
        if (domain->counted[counted[i]] != domain->usage[counted[i]])
            add(text, "domain %u has %" PRIu32 " %s and is charged for %" PRIu32 "\n", domain->domid,
                domain->counted[counted[i]], xs_quota_name(counted[i]), domain->usage[counted[i]]);
    }
}

/* Is everybody charged for what there is of theirs? Says "OK", or what is wrong. */
static int control_check(struct xs_store *store, const char *const *words, size_t count, struct text *text)
{
    const struct xs_node *node = store->root;
    const struct xs_conn *conn;

    (void)words;
    if (count)
        return EINVAL;
    xs_hash_for_each(&store->domains, forget_count, NULL);
    xs_cursor_start(&store->removed, node, "/");
    for (; node; node = xs_cursor_next(&store->removed, true, XS_OWNERS_ANY))
        node->acl->owner->counted[XS_QUOTA_NODES]++;
    LIST_FOREACH(conn, &store->conns, in_store)
    {
        count_client(conn);
    }
    xs_hash_for_each(&store->domains, compare_count, text);
    return 0;
}

/* ---- memreport ---- */

struct kind {
    uint64_t count, bytes;
};

static void add_kind(struct text *text, const char *name, struct kind kind)
{
    add(text, "%-14s %10" PRIu64 " %12" PRIu64 "\n", name, kind.count, kind.bytes);
}

static struct kind measure_tree(struct xs_store *store)
{
    const struct xs_node *node = store->root;
    struct kind nodes = {0};

    xs_cursor_start(&store->removed, node, "/");
    for (; node; node = xs_cursor_next(&store->removed, true, XS_OWNERS_ANY)) {
        nodes.count++;
        nodes.bytes += xs_node_memory(node->name_len, node->value_len);
    }
    return nodes;
}

static void add_charge(struct xs_hash_entry *entry, void *data)
{
    const struct xs_domain *domain = xs_container_of(entry, struct xs_domain, entry);
    struct kind *charged = data;

    charged->count++;
    charged->bytes += domain->usage[XS_QUOTA_MEMORY];
}

struct client_kinds {
    struct kind conns, watches, transactions, messages;
};

static void count_one(struct kind *kind, size_t bytes)
{
    kind->count++;
    kind->bytes += bytes;
}

static void measure_client(const struct xs_conn *conn, struct client_kinds *kinds)
{
    const struct xs_transaction *transaction;
    const struct xs_watch *watch;
    const struct xs_msg *msg;

    count_one(&kinds->conns, sizeof(*conn));
    LIST_FOREACH(watch, &conn->watches, in_conn)
    {
        count_one(&kinds->watches, xs_watch_memory(watch));
    }
    LIST_FOREACH(transaction, &conn->transactions, in_conn)
    {
        count_one(&kinds->transactions, sizeof(*transaction));
    }
    TAILQ_FOREACH(msg, &conn->output, next)
    {
        count_one(&kinds->messages, sizeof(*msg) + msg->size);
    }
}

/* How many there are of what takes memory, and bytes. */
static int control_memreport(struct xs_store *store, const char *const *words, size_t count,
                             struct text *text)
{
    struct client_kinds clients = {.conns = {0}};
    struct kind charged = {0};
    const struct xs_conn *conn;

    (void)words;
    if (count)
        return EINVAL;
    LIST_FOREACH(conn, &store->conns, in_store)
    {
        measure_client(conn, &clients);
    }
    xs_hash_for_each(&store->domains, add_charge, &charged);
    add(text, "%-14s %10s %12s\n", "kind", "count", "bytes");
    add_kind(text, "nodes", measure_tree(store));
    add_kind(text, "watches", clients.watches);
    add_kind(text, "transactions", clients.transactions);
    add_kind(text, "connections", clients.conns);
    add_kind(text, "messages", clients.messages);
    add_kind(text, "domains", (struct kind){charged.count, charged.count * sizeof(struct xs_domain)});
    add(text, "charged to domains: %" PRIu64 " bytes, with what only open transactions still hold\n",
        charged.bytes);
    return 0;
}

/* ---- the commands ---- */

static int control_print(struct xs_store *store, const char *const *words, size_t count, struct text *text)
{
    (void)text;
    if (count != 1)
        return EINVAL;
    xs_log(store, 0, "says: %.120s", words[0]);
    return 0;
}

static int control_help(struct xs_store *store, const char *const *words, size_t count, struct text *text);

static const struct {
    const char *name, *arguments;
    int (*run)(struct xs_store *store, const char *const *words, size_t count, struct text *text);
} commands[] = {
    {"check", "", control_check},
    {"help", "", control_help},
    {"memreport", "", control_memreport},
    {"print", " TEXT", control_print},
    {"quota", " [DOMID | set NAME VALUE]", control_quota},
    {"quota-soft", " [set memory VALUE]", control_quota_soft},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int control_help(struct xs_store *store, const char *const *words, size_t count, struct text *text)
{
    (void)words;
    if (count)
        return EINVAL;
    for (size_t i = 0; i < COMMANDS; i++)
        add(text, "%s%s\n", commands[i].name, commands[i].arguments);
    if (store->hooks.control_help)
        add(text, "%s", store->hooks.control_help);
    return 0;
}

static int run(struct xs_store *store, const char *const *words, size_t count, struct text *text)
{
    int error;

    for (size_t i = 0; i < COMMANDS; i++) {
        if (!strcmp(words[0], commands[i].name))
            return commands[i].run(store, words + 1, count - 1, text);
    }
    if (!store->hooks.control)
        return EINVAL;
    error = store->hooks.control(store->hooks.ctx, words, count, text->bytes, sizeof(text->bytes));
    text->len = strlen(text->bytes);
    return error;
}

int xs_op_control(struct xs_request *request)
{
    const char *words[WORDS_MAX];
    size_t count = xs_request_strings(request, words, WORDS_MAX);
    struct text text = {.len = 0};
    int error;

    if (!count || count > WORDS_MAX)
        return EINVAL;
    error = run(request->conn->store, words, count, &text);
    if (error)
        return error;
    return text.len ? xs_answer(request, text.bytes, text.len + 1) : xs_acknowledge(request);
}

// SPDX-License-Identifier: MIT
/*
 * The store's client inside the program; see <xenstore/local.h>. It is a privileged connection like any
 * other: a request goes in as the wire has it, its reply is taken out at once, and watch events stay in the
 * connection's output until they are dispatched.
 */
#include <xenstore/local.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <xenstore/state.h>

#include "conn.h"
#include "internal.h"

struct xs_local_watch {
    struct xs_hash_entry entry; /* in local->watches, by token */
    void (*fn)(void *data, const char *path);
    void *data;
    char token[20]; /* hexadecimal */
    char path[];
};

struct xs_local {
    LIST_ENTRY(xs_local) in_store;
    struct xs_conn *conn;
    struct xs_conn *renewed; /* in the store that is about to replace this one */
    void (*wakeup)(void *data);
    void *data;
    bool busy; /* a request is under way: its reply is no reason to wake anybody */
    uint64_t last_token;
    struct xs_hash watches;
};

/* One part of a request's payload. */
struct part {
    const void *bytes;
    size_t len;
};

/* ---- requests ---- */

static void wake(void *data)
{
    struct xs_local *local = data;

    if (local->wakeup && !local->busy)
        local->wakeup(local->data);
}

static int error_of(const char *name)
{
    for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++) {
        if (!strcmp(name, xsd_errors[i].errstring))
            return -xsd_errors[i].errnum;
    }
    return -EINVAL;
}

static bool send(struct xs_conn *conn, const void *bytes, size_t len)
{
    return xs_conn_input(conn, bytes, len) == len;
}

static const char *payload_of(const struct xs_msg *msg, size_t *len)
{
    struct xsd_sockmsg header;

    memcpy(&header, msg->bytes, sizeof(header));
    *len = header.len;
    return msg->bytes + sizeof(header);
}

static bool is_error(const struct xs_msg *msg)
{
    struct xsd_sockmsg header;

    memcpy(&header, msg->bytes, sizeof(header));
    return header.type == XS_ERROR;
}

/* Makes a request; *reply is the reply to xs_msg_free. It sends two strings, the first with its NUL. */
static int request(struct xs_local *local, uint32_t type, uint32_t tx, const char *first, struct part second,
                   struct xs_msg **reply)
{
    struct xsd_sockmsg header = {
        .type = type, .tx_id = tx, .len = (uint32_t)(strlen(first) + 1 + second.len)};
    bool sent;
    size_t len;
    int error;

    if (strlen(first) >= XENSTORE_PAYLOAD_MAX || second.len >= XENSTORE_PAYLOAD_MAX ||
        header.len > XENSTORE_PAYLOAD_MAX)
        return -E2BIG;
    local->busy = true;
    sent = send(local->conn, &header, sizeof(header)) && send(local->conn, first, strlen(first) + 1) &&
           send(local->conn, second.bytes, second.len);
    local->busy = false;
    if (local->conn->events.count)
        wake(local);

    /* It takes no request only if there is no memory for the reply. */
    *reply = sent ? xs_conn_take_reply(local->conn) : NULL;
    if (!*reply)
        return -ENOMEM;
    if (!is_error(*reply))
        return 0;
    error = error_of(payload_of(*reply, &len));
    xs_msg_free(*reply);
    return error;
}

/* A request whose reply is only an acknowledgement. */
static int command(struct xs_local *local, uint32_t type, uint32_t tx, const char *first, struct part second)
{
    struct xs_msg *reply;
    int error = request(local, type, tx, first, second, &reply);

    if (!error)
        xs_msg_free(reply);
    return error;
}

static const struct part nothing = {"", 0};

/* A request whose reply is copied out, with a NUL behind it. */
static int query(struct xs_local *local, uint32_t type, uint32_t tx, const char *first, struct part second,
                 char **value, size_t *value_len)
{
    struct xs_msg *reply;
    const char *payload;
    size_t len;
    int error = request(local, type, tx, first, second, &reply);

    if (error)
        return error;
    payload = payload_of(reply, &len);
    *value = malloc(len + 1);
    if (*value) {
        memcpy(*value, payload, len);
        (*value)[len] = '\0';
        if (value_len)
            *value_len = len;
    } else {
        error = -ENOMEM;
    }
    xs_msg_free(reply);
    return error;
}

/* ---- nodes ---- */

int xs_local_read(struct xs_local *local, uint32_t tx, const char *path, char **value, size_t *len)
{
    return query(local, XS_READ, tx, path, nothing, value, len);
}

int xs_local_write(struct xs_local *local, uint32_t tx, const char *path, const void *value, size_t len)
{
    return command(local, XS_WRITE, tx, path, (struct part){value, len});
}

int xs_local_printf(struct xs_local *local, uint32_t tx, const char *path, const char *format, ...)
{
    char value[XENSTORE_PAYLOAD_MAX];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof(value))
        return -E2BIG;
    return xs_local_write(local, tx, path, value, (size_t)len);
}

int xs_local_mkdir(struct xs_local *local, uint32_t tx, const char *path)
{
    return command(local, XS_MKDIR, tx, path, nothing);
}

int xs_local_rm(struct xs_local *local, uint32_t tx, const char *path)
{
    return command(local, XS_RM, tx, path, nothing);
}

bool xs_local_exists(struct xs_local *local, uint32_t tx, const char *path)
{
    return !command(local, XS_READ, tx, path, nothing);
}

int xs_local_rm_and_empty_parents(struct xs_local *local, uint32_t tx, const char *path)
{
    char parent[XS_PATH_SIZE];
    char *slash;
    int error = xs_local_rm(local, tx, path);

    if (error || strlen(path) >= sizeof(parent))
        return error;
    strcpy(parent, path);
    while ((slash = strrchr(parent, '/')) && slash != parent) {
        char *value;
        char **names;
        size_t len, count;

        *slash = '\0';
        error = xs_local_read(local, tx, parent, &value, &len);
        if (error)
            return error;
        free(value);
        error = len ? 0 : xs_local_ls(local, tx, parent, &names, &count);
        if (error || len)
            return error;
        free(names);
        if (count)
            return 0;
        error = xs_local_rm(local, tx, parent);
        if (error)
            return error;
    }
    return 0;
}

/* All names of a directory, one after the other, fetched part by part. */
static int list_names(struct xs_local *local, uint32_t tx, const char *path, char **names, size_t *len)
{
    bool end = false;
    int error = 0;

    *names = NULL;
    *len = 0;
    while (!end && !error) {
        char offset[24];
        char *part, *more;
        size_t part_len, skip;

        snprintf(offset, sizeof(offset), "%zu", *len);
        error = query(local, XS_DIRECTORY_PART, tx, path, (struct part){offset, strlen(offset) + 1}, &part,
                      &part_len);
        if (error)
            break;
        skip = strlen(part) + 1; /* the generation */
        end = part_len > skip ? !part[part_len - 1] && (part_len == skip + 1 || !part[part_len - 2]) : true;
        more = realloc(*names, *len + part_len);
        if (more) {
            *names = more;
            memcpy(more + *len, part + skip, part_len - skip);
            *len += part_len - skip - end;
        } else {
            error = -ENOMEM;
        }
        free(part);
    }
    if (error)
        free(*names);
    return error;
}

int xs_local_ls(struct xs_local *local, uint32_t tx, const char *path, char ***out, size_t *out_count)
{
    size_t len, count = 0, at = 0;
    char *names, *copy;
    char **block;
    int error = list_names(local, tx, path, &names, &len);

    if (error)
        return error;
    for (size_t i = 0; i < len; i++)
        count += !names[i];
    block = malloc(count * sizeof(*block) + len + 1);
    if (block) {
        copy = (char *)(block + count);
        memcpy(copy, names, len);
        for (size_t i = 0; i < count; i++) {
            block[i] = copy + at;
            at += strlen(copy + at) + 1;
        }
        *out = block;
        *out_count = count;
    }
    free(names);
    return block ? 0 : -ENOMEM;
}

/* ---- permissions ---- */

int xs_local_set_perms(struct xs_local *local, uint32_t tx, const char *path, const struct xs_perm *perms,
                       size_t count)
{
    char text[XENSTORE_PAYLOAD_MAX];
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        used +=
            (size_t)snprintf(text + used, sizeof(text) - used, "%c%u", perms[i].access, perms[i].domid) + 1;
        if (used >= sizeof(text))
            return -E2BIG;
    }
    return command(local, XS_SET_PERMS, tx, path, (struct part){text, used});
}

int xs_local_get_perms(struct xs_local *local, uint32_t tx, const char *path, struct xs_perm **perms,
                       size_t *count)
{
    struct xs_perm *entries;
    char *text;
    size_t len;
    int error = query(local, XS_GET_PERMS, tx, path, nothing, &text, &len);

    if (error)
        return error;
    entries = malloc(XS_ACL_ENTRIES_MAX * sizeof(*entries));
    if (entries) {
        *count = xs_acl_parse(text, len, entries);
        *perms = entries;
    }
    free(text);
    return entries ? 0 : -ENOMEM;
}

/* ---- transactions ---- */

int xs_local_tx_start(struct xs_local *local, uint32_t *tx)
{
    struct xs_msg *reply;
    uint64_t id;
    size_t len;
    int error = request(local, XS_TRANSACTION_START, XS_TX_NONE, "", nothing, &reply);

    if (error)
        return error;
    if (xs_parse_number(payload_of(reply, &len), UINT32_MAX, &id))
        *tx = (uint32_t)id;
    else
        error = -EIO;
    xs_msg_free(reply);
    return error;
}

int xs_local_tx_commit(struct xs_local *local, uint32_t tx)
{
    return command(local, XS_TRANSACTION_END, tx, "T", nothing);
}

void xs_local_tx_abort(struct xs_local *local, uint32_t tx)
{
    command(local, XS_TRANSACTION_END, tx, "F", nothing);
}

/* ---- watches ---- */

static uint64_t token_hash(const struct xs_local *local, const char *token)
{
    return xs_hash_mix(xs_hash_bytes(local->conn->store->seed, token, strlen(token)));
}

static struct xs_local_watch *find_watch(const struct xs_local *local, const char *token)
{
    struct xs_hash_entry *entry = xs_hash_first(&local->watches, token_hash(local, token));

    for (; entry; entry = xs_hash_next(entry)) {
        struct xs_local_watch *watch = xs_container_of(entry, struct xs_local_watch, entry);

        if (!strcmp(watch->token, token))
            return watch;
    }
    return NULL;
}

int xs_local_watch(struct xs_local *local, const char *path, void (*fn)(void *data, const char *path),
                   void *data, struct xs_local_watch **out)
{
    struct xs_local_watch *watch = malloc(sizeof(*watch) + strlen(path) + 1);
    int error;

    if (!watch)
        return -ENOMEM;
    watch->fn = fn;
    watch->data = data;
    snprintf(watch->token, sizeof(watch->token), "%" PRIx64, ++local->last_token);
    strcpy(watch->path, path);
    error = command(local, XS_WATCH, XS_TX_NONE, path, (struct part){watch->token, strlen(watch->token) + 1});
    if (error) {
        free(watch);
        return error;
    }
    xs_hash_insert(&local->watches, &watch->entry, token_hash(local, watch->token));
    *out = watch;
    return 0;
}

void xs_local_unwatch(struct xs_local *local, struct xs_local_watch *watch)
{
    struct part token = {watch->token, strlen(watch->token) + 1};

    /* Without memory for the reply the store keeps the watch: its events then find nobody. */
    command(local, XS_UNWATCH, XS_TX_NONE, watch->path, token);
    xs_hash_remove(&local->watches, &watch->entry);
    free(watch);
}

unsigned int xs_local_dispatch(struct xs_local *local)
{
    /* Only what waits now: callbacks that write where they watch must not go on for ever. */
    size_t waiting = local->conn->events.count;
    char known[XENSTORE_PAYLOAD_MAX];
    unsigned int ran = 0;
    struct xs_msg *event;

    while (waiting-- && (event = xs_conn_take_event(local->conn))) {
        size_t len;
        const char *path = payload_of(event, &len);
        const struct xs_local_watch *watch = find_watch(local, path + strlen(path) + 1);

        if (watch && len <= sizeof(known)) {
            /* The callback may give way: the store that the event belongs to may be gone after it. */
            memcpy(known, path, len);
            xs_msg_free(event);
            watch->fn(watch->data, known);
            ran++;
        } else {
            xs_msg_free(event);
        }
    }
    if (local->conn->events.count)
        wake(local);
    return ran;
}

/* ---- for the administrator ---- */

int xs_local_control(struct xs_local *local, char *const *words, size_t count, char **answer)
{
    char rest[XENSTORE_PAYLOAD_MAX];
    size_t len = 0;

    if (!count)
        return -EINVAL;
    for (size_t i = 1; i < count; i++) {
        size_t size = strlen(words[i]) + 1;

        if (size > sizeof(rest) - len)
            return -E2BIG;
        memcpy(rest + len, words[i], size);
        len += size;
    }
    return query(local, XS_CONTROL, XS_TX_NONE, words[0], (struct part){rest, len}, answer, NULL);
}

int xs_local_set_quota(struct xs_local *local, int domid, const char *name, uint32_t limit)
{
    char domain[16], rest[64];
    int len;

    if (domid < 0) {
        len = snprintf(rest, sizeof(rest), "%" PRIu32, limit);
        return command(local, XS_WIRE_SET_QUOTA, XS_TX_NONE, name, (struct part){rest, (size_t)len + 1});
    }
    snprintf(domain, sizeof(domain), "%d", domid);
    len = snprintf(rest, sizeof(rest), "%s%c%" PRIu32, name, 0, limit);
    if ((size_t)len >= sizeof(rest))
        return -EINVAL;
    return command(local, XS_WIRE_SET_QUOTA, XS_TX_NONE, domain, (struct part){rest, (size_t)len + 1});
}

/* ---- domains ---- */

static int domain_command(struct xs_local *local, uint32_t type, uint16_t domid)
{
    char text[8];

    snprintf(text, sizeof(text), "%u", domid);
    return command(local, type, XS_TX_NONE, text, nothing);
}

int xs_local_introduce(struct xs_local *local, uint16_t domid, uint64_t gfn, uint32_t port)
{
    char text[8], rest[48];
    int len;

    snprintf(text, sizeof(text), "%u", domid);
    len = snprintf(rest, sizeof(rest), "%" PRIu64 "%c%" PRIu32, gfn, 0, port) + 1;
    return command(local, XS_INTRODUCE, XS_TX_NONE, text, (struct part){rest, (size_t)len});
}

int xs_local_release(struct xs_local *local, uint16_t domid)
{
    return domain_command(local, XS_RELEASE, domid);
}

int xs_local_resume(struct xs_local *local, uint16_t domid)
{
    return domain_command(local, XS_RESUME, domid);
}

bool xs_local_is_introduced(struct xs_local *local, uint16_t domid)
{
    struct xs_msg *reply;
    char text[8];
    bool introduced;
    size_t len;

    snprintf(text, sizeof(text), "%u", domid);
    if (request(local, XS_IS_DOMAIN_INTRODUCED, XS_TX_NONE, text, nothing, &reply))
        return false;
    introduced = payload_of(reply, &len)[0] == 'T';
    xs_msg_free(reply);
    return introduced;
}

/* ---- beginning and end ---- */

struct xs_local *xs_local_open(struct xs_store *store, void (*wakeup)(void *data), void *data)
{
    struct xs_local *local = calloc(1, sizeof(*local));
    struct xs_conn_config config = {
        .domid = XS_ROOT_OWNER, .privileged = true, .wakeup = wake, .data = local};

    if (!local)
        return NULL;
    local->wakeup = wakeup;
    local->data = data;
    xs_hash_init(&local->watches);
    local->conn = xs_conn_open(store, &config);
    if (!local->conn) {
        free(local);
        return NULL;
    }
    LIST_INSERT_HEAD(&store->locals, local, in_store);
    return local;
}

int xs_locals_renew(struct xs_store *store, struct xs_store *other)
{
    struct xs_local *local;
    int error = 0;

    LIST_FOREACH(local, &store->locals, in_store)
    {
        if (!error)
            error = xs_conn_renew(local->conn, other, &local->renewed);
    }
    if (error)
        xs_locals_stay(store);
    return error;
}

void xs_locals_switch(struct xs_store *store, struct xs_store *other)
{
    struct xs_local *local;

    while ((local = LIST_FIRST(&store->locals))) {
        LIST_REMOVE(local, in_store);
        xs_conn_close(local->conn);
        local->conn = local->renewed;
        local->renewed = NULL;
        LIST_INSERT_HEAD(&other->locals, local, in_store);
    }
}

void xs_locals_stay(struct xs_store *store)
{
    struct xs_local *local;

    LIST_FOREACH(local, &store->locals, in_store)
    {
        if (local->renewed)
            xs_conn_close(local->renewed);
        local->renewed = NULL;
    }
}

static void free_watch(struct xs_hash_entry *entry, void *data)
{
    (void)data;
    free(xs_container_of(entry, struct xs_local_watch, entry));
}

void xs_local_close(struct xs_local *local)
{
    local->busy = true;
    LIST_REMOVE(local, in_store);
    xs_conn_close(local->conn);
    xs_hash_for_each(&local->watches, free_watch, NULL);
    xs_hash_free(&local->watches);
    free(local);
}

// SPDX-License-Identifier: MIT
/* The store's state as records, and back; see <xenstore/state.h>. */
#include "state.h"

#include <errno.h>
#include <string.h>

#include <xen/xen.h>

#include "domain.h"
#include "quota.h"

/* Generations of a restored store are beyond all that the saved one can have used since it was saved. */
#define GENERATIONS_APART ((uint64_t)1 << 32)

/* ---- writing ---- */

static void put_perms(struct xs_writer *writer, const struct xs_acl *acl)
{
    uint16_t count = 0;

    for (uint32_t i = 0; i < acl->count; i++)
        count += !xs_acl_is_void(acl, i);
    xs_put_u16(writer, count);
    for (uint32_t i = 0; i < acl->count; i++) {
        if (xs_acl_is_void(acl, i))
            continue;
        xs_put_u16(writer, acl->entries[i].domid);
        xs_put_u8(writer, (uint8_t)acl->entries[i].access);
    }
}

/* A limit: its quota by name, as numbers may change from one program to the next. */
static void put_limit(struct xs_writer *writer, enum xs_quota quota, uint32_t limit)
{
    xs_put_string(writer, xs_quota_name(quota));
    xs_put_u32(writer, limit);
}

void xs_put_domain(struct xs_writer *writer, uint16_t domid, const struct xs_domain_state *state)
{
    xs_record_begin(writer, XS_RECORD_DOMAIN);
    xs_put_u16(writer, domid);
    xs_put_u8(writer, state->introduced);
    xs_put_u8(writer, state->shut_down);
    xs_put_u32(writer, state->features);
    xs_put_u16(writer, state->target ? state->target->domid : DOMID_INVALID);
    for (unsigned int i = 0; i < XS_QUOTA_COUNT; i++) {
        if (state->limited & (1u << i))
            put_limit(writer, (enum xs_quota)i, state->limits[i]);
    }
    xs_record_end(writer);
}

void xs_put_quota(struct xs_writer *writer, enum xs_quota quota, uint32_t limit)
{
    xs_record_begin(writer, XS_RECORD_QUOTA);
    put_limit(writer, quota, limit);
    xs_record_end(writer);
}

void xs_put_death(struct xs_writer *writer, uint16_t domid)
{
    xs_record_begin(writer, XS_RECORD_DEATH);
    xs_put_u16(writer, domid);
    xs_record_end(writer);
}

void xs_put_special(struct xs_writer *writer, enum xs_special special, const struct xs_acl *acl)
{
    xs_record_begin(writer, XS_RECORD_SPECIAL);
    put_perms(writer, acl);
    xs_put_string(writer, xs_special_path(special));
    xs_record_end(writer);
}

void xs_put_node(struct xs_writer *writer, const char *path, const struct xs_acl *acl, const void *value,
                 size_t len)
{
    xs_record_begin(writer, XS_RECORD_NODE);
    put_perms(writer, acl);
    xs_put_string(writer, path);
    xs_put_bytes(writer, value, len);
    xs_record_end(writer);
}

void xs_put_remove(struct xs_writer *writer, const char *path)
{
    xs_record_begin(writer, XS_RECORD_REMOVE);
    xs_put_string(writer, path);
    xs_record_end(writer);
}

int xs_state_flush(struct xs_writer *writer, size_t least, xs_state_write *write, void *ctx)
{
    int error;

    if (writer->failed)
        return ENOMEM;
    if (writer->len < least || !writer->len)
        return 0;
    error = write(ctx, writer->bytes, writer->len);
    writer->len = 0;
    return error;
}

/* ---- saving ---- */

/* Enough for a write to the file that follows to be worth its while. */
#define BATCH ((size_t)32 << 10)

static void save_quotas(const struct xs_store *store, struct xs_writer *writer)
{
    for (unsigned int i = 0; i < XS_QUOTA_COUNT; i++) {
        if (store->limited & (1u << i))
            xs_put_quota(writer, (enum xs_quota)i, store->limits[i]);
    }
}

static bool is_noteworthy(const struct xs_domain_state *state)
{
    return state->introduced || state->limited || state->features != XS_FEATURES;
}

/* In order: the same state is always saved as the same bytes. */
static void save_domains(const struct xs_store *store, struct xs_writer *writer)
{
    for (uint16_t domid = 0; domid < DOMID_FIRST_RESERVED; domid++) {
        const struct xs_domain *domain = xs_domain_find(store, domid);

        if (domain && is_noteworthy(&domain->state))
            xs_put_domain(writer, domid, &domain->state);
    }
}

static int save_nodes(struct xs_store *store, struct xs_writer *writer, xs_state_write *write, void *ctx)
{
    struct xs_cursor *cursor = &store->sweep;
    const struct xs_node *node = store->root;
    int error = 0;

    xs_cursor_start(cursor, store->root, "/");
    for (; node && !error; node = xs_cursor_next(cursor, true, XS_OWNERS_ANY)) {
        xs_put_node(writer, cursor->path, node->acl, xs_node_value(node), node->value_len);
        error = xs_state_flush(writer, BATCH, write, ctx);
    }
    return error;
}

int xs_store_save(struct xs_store *store, xs_state_write *write, void *ctx)
{
    struct xs_writer writer = {0};
    int error;

    xs_record_begin(&writer, XS_RECORD_STORE);
    xs_put_u32(&writer, XS_STATE_VERSION);
    xs_put_u64(&writer, store->gen);
    xs_record_end(&writer);
    for (unsigned int i = 0; i < XS_SPECIAL_COUNT; i++)
        xs_put_special(&writer, (enum xs_special)i, store->special[i]);
    save_quotas(store, &writer);
    save_domains(store, &writer);
    error = save_nodes(store, &writer, write, ctx);
    if (!error)
        error = xs_state_flush(&writer, 0, write, ctx);
    xs_writer_free(&writer);
    return error;
}

/* ---- applying ---- */

/* Reads permissions into a list, or shares `like` (may be NULL) if that says the same. */
static int take_acl(struct xs_store *store, struct xs_reader *in, struct xs_acl *like, struct xs_acl **acl)
{
    struct xs_perm entries[XS_ACL_ENTRIES_MAX];
    uint16_t count = xs_take_u16(in);

    if (!count || count > XS_ACL_ENTRIES_MAX)
        return EINVAL;
    for (uint16_t i = 0; i < count; i++) {
        entries[i].domid = xs_take_u16(in);
        entries[i].access = (char)xs_take_u8(in);
        if (in->damaged || entries[i].domid >= DOMID_FIRST_RESERVED || !strchr("nrwb", entries[i].access) ||
            !entries[i].access)
            return EINVAL;
    }
    *acl = like && xs_acl_equals(like, entries, count) ? xs_acl_ref(like) : xs_acl_new(store, entries, count);
    return *acl ? 0 : ENOMEM;
}

/* Reads a path and walks to it. */
static int take_path(struct xs_store *store, struct xs_reader *in, char path[XS_PATH_SIZE])
{
    const char *text = xs_take_string(in);

    if (in->damaged || *text != '/' || !xs_path_absolute(text, 0, path))
        return EINVAL;
    xs_tree_walk(store->root, path, &store->walk);
    return 0;
}

static void replace_root(struct xs_store *store, struct xs_node *root)
{
    xs_node_put(store->root);
    store->root = root;
}

/* Puts a node where the walk led, and counts it and its new ancestors as its owner's. */
static int put_walked(struct xs_store *store, struct xs_acl *acl, const void *value, size_t len)
{
    const struct xs_walk *walk = &store->walk;
    struct xs_node *root = xs_tree_write(walk, acl, value, len, ++store->gen);

    if (!root)
        return ENOMEM;
    if (!walk->missing)
        xs_walk_last(walk)->acl->owner->usage[XS_QUOTA_NODES]--;
    acl->owner->usage[XS_QUOTA_NODES] += walk->missing ? walk->missing : 1;
    replace_root(store, root);
    return 0;
}

static int apply_node(struct xs_store *store, struct xs_reader *in)
{
    struct xs_reader perms = *in;
    char path[XS_PATH_SIZE];
    struct xs_acl *acl;
    const void *value;
    size_t len;
    int error;

    /* The path stands behind the permissions, but says which node's list may be shared. */
    xs_take_bytes(in, xs_take_u16(in) * (sizeof(uint16_t) + sizeof(uint8_t)));
    error = take_path(store, in, path);
    if (error)
        return error;
    len = xs_reader_left(in);
    value = xs_take_bytes(in, len);
    if (len > XENSTORE_PAYLOAD_MAX)
        return EINVAL;
    error = take_acl(store, &perms, xs_walk_last(&store->walk)->acl, &acl);
    if (error)
        return error;
    error = put_walked(store, acl, value, len);
    xs_acl_put(acl);
    return error;
}

static void uncount(struct xs_store *store, const struct xs_node *top, const char *path)
{
    const struct xs_node *node = top;

    xs_cursor_start(&store->sweep, top, path);
    for (; node; node = xs_cursor_next(&store->sweep, true, XS_OWNERS_ANY))
        node->acl->owner->usage[XS_QUOTA_NODES]--;
}

static int apply_remove(struct xs_store *store, struct xs_reader *in)
{
    char path[XS_PATH_SIZE];
    struct xs_node *root;
    int error = take_path(store, in, path);

    if (error)
        return error;
    if (store->walk.missing || store->walk.found == 1)
        return EINVAL;
    root = xs_tree_remove(&store->walk, ++store->gen);
    if (!root)
        return ENOMEM;
    uncount(store, xs_walk_last(&store->walk), path);
    replace_root(store, root);
    return 0;
}

static int apply_special(struct xs_store *store, struct xs_reader *in)
{
    enum xs_special special;
    struct xs_acl *acl;
    int error = take_acl(store, in, NULL, &acl);

    if (error)
        return error;
    special = xs_special_of(xs_take_string(in));
    if (special == XS_SPECIAL_COUNT) {
        xs_acl_put(acl);
        return EINVAL;
    }
    xs_acl_put(store->special[special]);
    store->special[special] = acl;
    return 0;
}

/* The record of the domain that comes next. */
static int take_domain(struct xs_store *store, struct xs_reader *in, struct xs_domain **domain)
{
    uint16_t domid = xs_take_u16(in);

    if (in->damaged || domid >= DOMID_FIRST_RESERVED)
        return EINVAL;
    *domain = xs_domain_get(store, domid);
    return *domain ? 0 : ENOMEM;
}

static bool take_limit(struct xs_reader *in, enum xs_quota *quota, uint32_t *limit)
{
    *quota = xs_quota_of(xs_take_string(in));
    *limit = xs_take_u32(in);
    return !in->damaged && *quota < XS_QUOTA_COUNT;
}

static int apply_domain(struct xs_store *store, struct xs_reader *in)
{
    struct xs_domain_state state = {0};
    struct xs_domain *domain;
    enum xs_quota quota;
    uint16_t target;
    int error = take_domain(store, in, &domain);

    if (error)
        return error;
    state.introduced = xs_take_u8(in);
    state.shut_down = xs_take_u8(in);
    state.features = xs_take_u32(in);
    target = xs_take_u16(in);
    if ((state.features & ~(uint32_t)XS_FEATURES) ||
        (target >= DOMID_FIRST_RESERVED && target != DOMID_INVALID))
        return EINVAL;
    state.target = target == DOMID_INVALID ? NULL : xs_domain_get(store, target);
    if (!state.target && target != DOMID_INVALID)
        return ENOMEM;
    while (xs_reader_left(in)) {
        uint32_t limit;

        if (!take_limit(in, &quota, &limit))
            return EINVAL;
        state.limited |= 1u << quota;
        state.limits[quota] = limit;
    }
    domain->state = state;
    return 0;
}

static int apply_quota(struct xs_store *store, struct xs_reader *in)
{
    enum xs_quota quota;
    uint32_t limit;

    if (!take_limit(in, &quota, &limit))
        return EINVAL;
    store->limited |= 1u << quota;
    store->limits[quota] = limit;
    return 0;
}

static int apply_death(struct xs_store *store, struct xs_reader *in)
{
    struct xs_domain *domain;
    int error = take_domain(store, in, &domain);

    if (!error)
        xs_domain_bury(store, domain);
    return error;
}

/* What a new store is given at its creation may have been removed from the saved one. */
static int remove_all(struct xs_store *store)
{
    struct xs_acl *acl = store->root->acl;
    struct xs_node *root = xs_node_new((struct xs_name){"", 0}, acl, NULL, 0, store->gen);

    if (!root)
        return ENOMEM;
    uncount(store, store->root, "/");
    acl->owner->usage[XS_QUOTA_NODES]++;
    replace_root(store, root);
    return 0;
}

static int apply_store(struct xs_store *store, struct xs_reader *in)
{
    uint32_t version = xs_take_u32(in);
    uint64_t gen = xs_take_u64(in);

    if (version != XS_STATE_VERSION || gen > UINT64_MAX / 2)
        return EINVAL;
    store->gen = gen + GENERATIONS_APART;
    return remove_all(store);
}

static int apply(struct xs_store *store, uint32_t type, struct xs_reader *in)
{
    int error;

    switch (type) {
    case XS_RECORD_STORE: error = apply_store(store, in); break;
    case XS_RECORD_DOMAIN: error = apply_domain(store, in); break;
    case XS_RECORD_QUOTA: error = apply_quota(store, in); break;
    case XS_RECORD_DEATH: error = apply_death(store, in); break;
    case XS_RECORD_SPECIAL: error = apply_special(store, in); break;
    case XS_RECORD_NODE: error = apply_node(store, in); break;
    case XS_RECORD_REMOVE: error = apply_remove(store, in); break;
    default: error = EINVAL; break;
    }
    return error || xs_reader_done(in) ? error : EINVAL;
}

int xs_store_apply(struct xs_store *store, const void *records, size_t len)
{
    struct xs_reader reader = {.at = records, .end = (const char *)records + len}, payload;
    uint32_t type;
    int error = 0;

    while (!error && xs_record_next(&reader, &type, &payload))
        error = apply(store, type, &payload);
    return error || xs_reader_done(&reader) ? error : EINVAL;
}

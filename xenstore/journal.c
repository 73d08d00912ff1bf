// SPDX-License-Identifier: MIT
/* From what is about to happen to the records of the journal; see journal.h. */
#include "journal.h"

#include <errno.h>

#include "domain.h"
#include "records.h"
#include "state.h"

/* Hands the records to the hook, all at once: they are kept together or not at all. */
static int submit(struct xs_store *store, struct xs_writer *writer)
{
    int error = 0;

    if (writer->failed)
        error = ENOMEM;
    else if (writer->len)
        error = store->hooks.journal(store->hooks.ctx, writer->bytes, writer->len);
    xs_writer_free(writer);
    return error;
}

/*
 * What an update leaves behind. Its value is looked up in the finished tree: if it has been changed or
 * removed since, a later update says so again, but the ancestors that this one made stay.
 */
static void put_update(struct xs_writer *writer, const struct xs_change *change,
                       const struct xs_update *update)
{
    const struct xs_node *node;

    if (update->type == XS_UPDATE_RM) {
        xs_put_remove(writer, update->path);
        return;
    }
    node = xs_tree_find(change->root, update->path);
    xs_put_node(writer, update->path, update->acl, node ? xs_node_value(node) : NULL,
                node ? node->value_len : 0);
}

int xs_journal_change(const struct xs_change *change)
{
    struct xs_writer writer = {0};
    const struct xs_update *update;

    if (!change->store->hooks.journal)
        return 0;
    STAILQ_FOREACH(update, &change->updates, next)
    put_update(&writer, change, update);
    if (change->dying)
        xs_put_death(&writer, change->dying->domid);
    return submit(change->store, &writer);
}

int xs_journal_domain(struct xs_store *store, uint16_t domid, const struct xs_domain_state *state)
{
    struct xs_writer writer = {0};

    if (!store->hooks.journal)
        return 0;
    xs_put_domain(&writer, domid, state);
    return submit(store, &writer);
}

int xs_journal_quota(struct xs_store *store, enum xs_quota quota, uint32_t limit)
{
    struct xs_writer writer = {0};

    if (!store->hooks.journal)
        return 0;
    xs_put_quota(&writer, quota, limit);
    return submit(store, &writer);
}

int xs_journal_special(struct xs_store *store, enum xs_special special, const struct xs_acl *acl)
{
    struct xs_writer writer = {0};

    if (!store->hooks.journal)
        return 0;
    xs_put_special(&writer, special, acl);
    return submit(store, &writer);
}

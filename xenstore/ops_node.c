// SPDX-License-Identifier: MIT
/* Operations on nodes. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "acl.h"
#include "change.h"
#include "domain.h"
#include "journal.h"
#include "quota.h"
#include "transaction.h"
#include "wire.h"

/* ---- reading ---- */

/* Finds the request's node for reading `what` (XS_READ_*) of it. */
static int find_node(struct xs_request *request, unsigned int what, const struct xs_node **node)
{
    struct xs_transaction *transaction = request->transaction;
    const struct xs_node *root = transaction ? transaction->change.root : request->conn->store->root;

    if (transaction) {
        int error = xs_transaction_note(transaction, request->path, what);

        if (error)
            return error;
    }
    return xs_change_lookup(root, request->conn, request->path, XS_ACCESS_READ, node);
}

int xs_op_read(struct xs_request *request)
{
    const struct xs_node *node;
    int error = find_node(request, XS_READ_VALUE, &node);

    return error ? error : xs_answer(request, xs_node_value(node), node->value_len);
}

int xs_op_directory(struct xs_request *request)
{
    char names[XENSTORE_PAYLOAD_MAX];
    const struct xs_node *node;
    bool end;
    int error = find_node(request, XS_READ_CHILDREN, &node);

    if (error)
        return error;
    if (xs_tree_list_size(node) > sizeof(names))
        return E2BIG;
    return xs_answer(request, names, xs_tree_list(node, 0, names, sizeof(names), &end));
}

/* The generation of the list, then the names from an offset on; an empty name marks the end of the list. */
int xs_op_directory_part(struct xs_request *request)
{
    char reply[XENSTORE_PAYLOAD_MAX];
    const struct xs_node *node;
    uint64_t offset;
    size_t used;
    bool end;
    int error = find_node(request, XS_READ_CHILDREN, &node);

    if (error)
        return error;
    if (!xs_parse_number(request->second, UINT32_MAX, &offset))
        return EINVAL;
    used = (size_t)snprintf(reply, sizeof(reply), "%" PRIu64, node->children_gen) + 1;
    used += xs_tree_list(node, offset, reply + used, sizeof(reply) - used - 1, &end);
    if (end)
        reply[used++] = '\0';
    return xs_answer(request, reply, used);
}

int xs_op_get_perms(struct xs_request *request)
{
    char text[XENSTORE_PAYLOAD_MAX];
    const struct xs_node *node;
    const struct xs_acl *acl;
    size_t len;

    if (request->special < XS_SPECIAL_COUNT) {
        acl = request->conn->store->special[request->special];
        if (!(xs_acl_access(acl, request->conn) & XS_ACCESS_READ))
            return EACCES;
    } else {
        int error = find_node(request, XS_READ_PERMS, &node);

        if (error)
            return error;
        acl = node->acl;
    }
    len = xs_acl_print(acl, text, sizeof(text));
    return len ? xs_answer(request, text, len) : E2BIG;
}

/* ---- writing ---- */

/* A change of the tree that a request asks for. */
typedef int change_fn(struct xs_change *change, const struct xs_request *request);

/* A refusal or having nothing to do told the client how the node is; RM also if its parent exists. */
static int note_unchanged(struct xs_request *request)
{
    int error = xs_transaction_note(request->transaction, request->path, XS_READ_VALUE);
    char *slash = strrchr(request->path, '/');

    if (error || request->type != XS_RM || slash == request->path)
        return error;
    *slash = '\0';
    error = xs_transaction_note(request->transaction, request->path, XS_READ_VALUE);
    *slash = '/';
    return error;
}

static int perform_in_transaction(struct xs_request *request, change_fn *perform)
{
    struct xs_transaction *transaction = request->transaction;
    const struct xs_node *root = transaction->change.root;
    int error = xs_transaction_note(transaction, request->path, 0), note_error = 0;

    if (error)
        return error;
    error = perform(&transaction->change, request);
    if (transaction->change.root == root)
        note_error = note_unchanged(request);
    else if (request->type == XS_WRITE || request->type == XS_RM)
        xs_transaction_note(transaction, request->path, XS_WROTE);
    return note_error ? note_error : error;
}

static int perform_at_once(struct xs_request *request, change_fn *perform)
{
    struct xs_change change;
    int error;

    xs_change_begin(&change, request->conn->store, request->conn, false);
    error = perform(&change, request);
    if (!error)
        error = xs_change_publish(&change);
    if (error)
        xs_change_drop(&change);
    return error;
}

static int change_tree(struct xs_request *request, change_fn *perform)
{
    int error =
        request->transaction ? perform_in_transaction(request, perform) : perform_at_once(request, perform);

    return error ? error : xs_acknowledge(request);
}

static int write_node(struct xs_change *change, const struct xs_request *request)
{
    return xs_change_write(change, request->path, request->second, request->second_len);
}

int xs_op_write(struct xs_request *request)
{
    return change_tree(request, write_node);
}

static int make_node(struct xs_change *change, const struct xs_request *request)
{
    return xs_change_mkdir(change, request->path);
}

int xs_op_mkdir(struct xs_request *request)
{
    return change_tree(request, make_node);
}

static int remove_node(struct xs_change *change, const struct xs_request *request)
{
    return xs_change_rm(change, request->path);
}

int xs_op_rm(struct xs_request *request)
{
    return change_tree(request, remove_node);
}

static int set_node_perms(struct xs_change *change, const struct xs_request *request)
{
    struct xs_perm entries[XS_ACL_ENTRIES_MAX];
    size_t count = xs_acl_parse(request->second, request->second_len, entries);

    return count ? xs_change_set_perms(change, request->path, entries, count)
                 : xs_refuse(request->conn, XS_FAULT_PERMISSIONS, EINVAL);
}

/* The special nodes aren't in the tree, so no transaction holds them back. */
static int set_special_perms(const struct xs_request *request)
{
    struct xs_conn *conn = request->conn;
    struct xs_acl **acl = &conn->store->special[request->special], *new_acl;
    struct xs_perm entries[XS_ACL_ENTRIES_MAX];
    size_t count = xs_acl_parse(request->second, request->second_len, entries);
    int error;

    if (!count)
        return xs_refuse(conn, XS_FAULT_PERMISSIONS, EINVAL);
    if (xs_acl_access(*acl, conn) != XS_ACCESS_ALL)
        return EACCES;
    if (!conn->privileged && entries[0].domid != (*acl)->owner->domid)
        return EPERM;
    if (!xs_quota_admits(conn, XS_QUOTA_PERMISSIONS, count, request->path))
        return ENOSPC;
    new_acl = xs_acl_new(conn->store, entries, count);
    if (!new_acl)
        return ENOMEM;
    error = xs_journal_special(conn->store, request->special, new_acl);
    if (error) {
        xs_acl_put(new_acl);
        return error;
    }
    xs_acl_put(*acl);
    *acl = new_acl;
    return 0;
}

int xs_op_set_perms(struct xs_request *request)
{
    int error;

    if (request->special == XS_SPECIAL_COUNT)
        return change_tree(request, set_node_perms);
    error = set_special_perms(request);
    return error ? error : xs_acknowledge(request);
}

// SPDX-License-Identifier: MIT
/*
 * A new version of the tree in the making. Each operation on it either succeeds or leaves it as it was;
 * publishing it makes it the store's tree and sends the watch events, or fails without effect. An operation
 * outside a transaction is a change of its own.
 */
#ifndef XS_CHANGE_H
#define XS_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include <stddef.h>
#include <sys/queue.h>

#include "acl.h"
#include "tree.h"

struct xs_conn;

enum xs_update_type { XS_UPDATE_WRITE, XS_UPDATE_MKDIR, XS_UPDATE_RM, XS_UPDATE_SET_PERMS };

/* One operation that took place: whom to tell, and how to do it again on another tree. */
struct xs_update {
    STAILQ_ENTRY(xs_update) next;
    enum xs_update_type type;
    struct xs_domain *payer;   /* charged for this record, or NULL */
    struct xs_acl *acl;        /* of the node, afterwards; of a removed one, before */
    struct xs_acl *old_acl;    /* before SET_PERMS, else NULL */
    struct xs_acl *parent_acl; /* NULL for the root */
    struct xs_node *removed;   /* the subtree that RM took away, else NULL */
    size_t value_len;          /* of a WRITE that may have to be done again */
    const char *value;         /* behind the path */
    char path[];
};
STAILQ_HEAD(xs_update_list, xs_update);

/* How many nodes an owner gains or loses. */
struct xs_node_delta {
    struct xs_domain *owner;
    int64_t nodes;
};

struct xs_change {
    struct xs_store *store;
    struct xs_conn *conn;    /* who asks; NULL: the store itself */
    bool repeatable;         /* updates keep what it takes to do them again */
    struct xs_domain *dying; /* dies as the change is published, or NULL */
    struct xs_node *root;    /* with all updates so far */
    struct xs_update_list updates;
    struct xs_node_delta *deltas;
    size_t delta_count, delta_capacity;
};

/* Starts from the store's present tree. */
void xs_change_begin(struct xs_change *change, struct xs_store *store, struct xs_conn *conn, bool repeatable);
void xs_change_drop(struct xs_change *change);

/* Each returns 0 or a positive errno for the client. Paths are absolute and valid. */
int xs_change_write(struct xs_change *change, const char *path, const void *value, size_t len);
int xs_change_mkdir(struct xs_change *change, const char *path);
int xs_change_rm(struct xs_change *change, const char *path);
int xs_change_set_perms(struct xs_change *change, const char *path, const struct xs_perm *entries,
                        size_t count);

/* Does another change's updates on this one. The first error ends it. */
int xs_change_repeat(struct xs_change *change, const struct xs_update_list *updates);

/* 0: it is the store's tree now, and is over. ENOMEM, or an error of the journal: nothing happened; drop it.
 */
int xs_change_publish(struct xs_change *change);

/* Finds a node that the client may access in all ways of `access` (XS_ACCESS_*). 0, ENOENT or EACCES. */
int xs_change_lookup(const struct xs_node *root, const struct xs_conn *conn, const char *path,
                     unsigned int access, const struct xs_node **node);

#endif

// SPDX-License-Identifier: MIT
/*
 * Permission lists. A list never changes once made; nodes share it and count references. An entry that names
 * a domain which died after the list was made is void: the next domain with that number gets nothing by it.
 */
#ifndef XS_ACL_H
#define XS_ACL_H

#include <stdbool.h>
#include <stdint.h>

#include <stddef.h>

#include <xenstore/perm.h>
#include <xenstore/store.h>

struct xs_domain;

#define XS_ACCESS_READ  1u
#define XS_ACCESS_WRITE 2u
#define XS_ACCESS_OWNER 4u /* may change the permissions */
#define XS_ACCESS_ALL   (XS_ACCESS_READ | XS_ACCESS_WRITE | XS_ACCESS_OWNER)

struct xs_acl {
    uint32_t refs;
    uint32_t count;          /* of entries, at least 1 */
    uint64_t gen;            /* the store's generation when it was made */
    struct xs_store *store;  /* whose domains it names */
    struct xs_domain *owner; /* of entries[0]; charged for the node */
    struct xs_perm entries[];
};

/* NULL: out of memory. */
struct xs_acl *xs_acl_new(struct xs_store *store, const struct xs_perm *entries, size_t count);

/* The list of a node that `conn` creates below one with `parent`: the same, but an unprivileged client owns
 * what it creates. */
struct xs_acl *xs_acl_inherit(struct xs_acl *parent, const struct xs_conn *conn);

struct xs_acl *xs_acl_ref(struct xs_acl *acl);
void xs_acl_put(struct xs_acl *acl); /* NULL is allowed */

/* Does an entry no longer count, because its domain died? The first never is: it is everybody's default. */
bool xs_acl_is_void(const struct xs_acl *acl, uint32_t index);

/* Would a new list with these entries say the same? */
bool xs_acl_equals(const struct xs_acl *acl, const struct xs_perm *entries, size_t count);

/* What the client may do: XS_ACCESS_*. NULL is the store itself. */
unsigned int xs_acl_access(const struct xs_acl *acl, const struct xs_conn *conn);

/* The most entries one request can hold: "n0" and a NUL each. */
#define XS_ACL_ENTRIES_MAX 1365

/* Reads "n0\0r5\0…", `len` bytes. Returns the number of entries, 0 if it is malformed. */
size_t xs_acl_parse(const char *text, size_t len, struct xs_perm entries[XS_ACL_ENTRIES_MAX]);

/* Writes a list without its void entries. Returns its length, or 0 if it exceeds `size`. */
size_t xs_acl_print(const struct xs_acl *acl, char *text, size_t size);

#endif

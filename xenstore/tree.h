// SPDX-License-Identifier: MIT
/*
 * The tree of nodes, as a value: a node never changes once it can be reached from a root. Writing makes a new
 * root that shares all but the path to the change with the old one. So a transaction's snapshot is a
 * reference to a root, nothing is half done when memory runs out, and a walk may go on while the store
 * changes.
 *
 * The children of a node are an AVL tree of links sorted by name; finding one among n takes log n steps.
 */
#ifndef XS_TREE_H
#define XS_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include <stddef.h>

#include "acl.h"
#include "path.h"

struct xs_link;

struct xs_node {
    uint32_t refs;
    uint16_t name_len;
    uint16_t value_len;
    uint64_t gen;          /* of the last change of value or permissions */
    uint64_t children_gen; /* of the last creation or removal of a child */
    struct xs_acl *acl;
    struct xs_link *children; /* NULL: none */
    char bytes[];             /* name, NUL, value */
};

static inline const char *xs_node_value(const struct xs_node *node)
{
    return node->bytes + node->name_len + 1;
}

/* NULL: out of memory. The root's name is "". */
struct xs_node *xs_node_new(struct xs_name name, struct xs_acl *acl, const void *value, size_t value_len,
                            uint64_t gen);
struct xs_node *xs_node_ref(struct xs_node *node);
void xs_node_put(struct xs_node *node); /* NULL is allowed */

/* Bytes charged to the owner for a node with such a name and value. */
size_t xs_node_memory(size_t name_len, size_t value_len);

/* Where a path leads: the nodes that exist along it, root first, and what is left of the path behind them. */
struct xs_walk {
    unsigned int found;   /* nodes in chain, at least 1 */
    unsigned int missing; /* components in rest */
    const char *rest;     /* points into the path that was walked */
    const struct xs_node *chain[XS_DEPTH_MAX + 1];
};

void xs_tree_walk(const struct xs_node *root, const char *path, struct xs_walk *walk);
const struct xs_node *xs_tree_find(const struct xs_node *root, const char *path); /* NULL: there is none */

/* The node where the walk ended: the one sought, or its nearest ancestor if some are missing. */
static inline const struct xs_node *xs_walk_last(const struct xs_walk *walk)
{
    return walk->chain[walk->found - 1];
}

/*
 * A new root in which the walked path has this value and permissions; missing ancestors get the same
 * permissions and no value. `gen` becomes the generation of what changes. NULL: out of memory.
 */
struct xs_node *xs_tree_write(const struct xs_walk *walk, struct xs_acl *acl, const void *value,
                              size_t value_len, uint64_t gen);

/* A new root without the walked node, which exists and isn't the root, and what is below it. NULL: out of
 * memory. */
struct xs_node *xs_tree_remove(const struct xs_walk *walk, uint64_t gen);

/* Length of all children's names, each with its NUL. */
size_t xs_tree_list_size(const struct xs_node *node);

/*
 * Copies whole names, each with its NUL, from the first that starts at or behind `offset` in the list of all.
 * Returns the bytes copied, at most `size`; *end says whether the list ends there.
 */
size_t xs_tree_list(const struct xs_node *node, size_t offset, char *out, size_t size, bool *end);

/* A walk through a subtree, parents first. Whoever walks holds a reference to the root it walks. */
struct xs_cursor {
    unsigned int depth; /* of the current node below where the walk began */
    size_t len;
    const struct xs_node *chain[XS_DEPTH_MAX + 1];
    char path[XS_PATH_SIZE]; /* of the current node */
};

/* Stands on `top`, whose path is `path`. */
void xs_cursor_start(struct xs_cursor *cursor, const struct xs_node *top, const char *path);

/*
 * Goes to the next node, skipping what is below the current one unless `descend`. Subtrees in which nothing
 * belongs to an owner of the set are not visited. NULL at the end.
 */
const struct xs_node *xs_cursor_next(struct xs_cursor *cursor, bool descend, uint32_t owners);

/* Sets of owners are small: a domain shares its bit with few others. */
#define XS_OWNERS_ANY UINT32_MAX
static inline uint32_t xs_owner_bit(uint16_t domid)
{
    return 1u << (domid % 32);
}

#endif

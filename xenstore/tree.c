// SPDX-License-Identifier: MIT
/*
 * The tree of nodes as a persistent value; see tree.h.
 *
 * Functions that build a new version take over the references they are given ("consumed") and return a new
 * one. When memory runs out they set failed in struct build and go on with smaller trees, which are thrown
 * away at the end: so no step in between needs an error path of its own.
 */
#include "tree.h"

#include <stdlib.h>
#include <string.h>

#include "domain.h"

/* One child, and those whose names sort before and behind it. */
struct xs_link {
    uint32_t refs;
    uint32_t names_len; /* of all names here and below, each with its NUL */
    union {
        struct {
            uint32_t owners; /* of all nodes of these subtrees: xs_owner_bit */
            uint32_t height;
        };
        struct xs_link *next_dead; /* while it waits to be freed */
    };
    struct xs_link *left, *right;
    struct xs_node *node;
};

struct build {
    bool failed;
};

/* ---- nodes ---- */

size_t xs_node_memory(size_t name_len, size_t value_len)
{
    return sizeof(struct xs_node) + sizeof(struct xs_link) + name_len + 1 + value_len;
}

struct xs_node *xs_node_new(struct xs_name name, struct xs_acl *acl, const void *value, size_t value_len,
                            uint64_t gen)
{
    struct xs_node *node = malloc(sizeof(*node) + name.len + 1 + value_len);

    if (!node)
        return NULL;
    *node = (struct xs_node){
        .refs = 1,
        .name_len = (uint16_t)name.len,
        .value_len = (uint16_t)value_len,
        .gen = gen,
        .children_gen = gen,
        .acl = xs_acl_ref(acl),
    };
    memcpy(node->bytes, name.text, name.len);
    node->bytes[name.len] = '\0';
    if (value_len)
        memcpy(node->bytes + name.len + 1, value, value_len);
    acl->owner->usage[XS_QUOTA_MEMORY] += xs_node_memory(name.len, value_len);
    return node;
}

struct xs_node *xs_node_ref(struct xs_node *node)
{
    node->refs++;
    return node;
}

static struct xs_link *link_ref(struct xs_link *link)
{
    if (link)
        link->refs++;
    return link;
}

/* Drops a reference; a link nobody refers to joins the dead, whose own references are dropped later. */
static void link_drop(struct xs_link *link, struct xs_link **dead)
{
    if (!link || --link->refs)
        return;
    link->next_dead = *dead;
    *dead = link;
}

static void node_drop(struct xs_node *node, struct xs_link **dead)
{
    if (!node || --node->refs)
        return;
    node->acl->owner->usage[XS_QUOTA_MEMORY] -= xs_node_memory(node->name_len, node->value_len);
    xs_acl_put(node->acl);
    link_drop(node->children, dead);
    free(node);
}

/* Not recursive: a tree may be deeper than a small stack. */
static void bury(struct xs_link *dead)
{
    while (dead) {
        struct xs_link *link = dead;

        dead = link->next_dead;
        link_drop(link->left, &dead);
        link_drop(link->right, &dead);
        node_drop(link->node, &dead);
        free(link);
    }
}

void xs_node_put(struct xs_node *node)
{
    struct xs_link *dead = NULL;

    node_drop(node, &dead);
    bury(dead);
}

static void link_put(struct xs_link *link)
{
    struct xs_link *dead = NULL;

    link_drop(link, &dead);
    bury(dead);
}

static struct xs_name name_of(const struct xs_node *node)
{
    return (struct xs_name){node->bytes, node->name_len};
}

static int compare(struct xs_name a, struct xs_name b)
{
    int order = memcmp(a.text, b.text, a.len < b.len ? a.len : b.len);

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* ---- children, an AVL tree ---- */

static uint32_t height(const struct xs_link *link)
{
    return link ? link->height : 0;
}

static uint32_t names_len(const struct xs_link *link)
{
    return link ? link->names_len : 0;
}

static uint32_t owners(const struct xs_link *link)
{
    return link ? link->owners : 0;
}

static uint32_t node_owners(const struct xs_node *node)
{
    return xs_owner_bit(node->acl->owner->domid) | owners(node->children);
}

/* Consumes all three. */
static struct xs_link *link_new(struct build *b, struct xs_link *left, struct xs_node *node,
                                struct xs_link *right)
{
    struct xs_link *link = b->failed ? NULL : malloc(sizeof(*link));

    if (!link) {
        b->failed = true;
        link_put(left);
        xs_node_put(node);
        link_put(right);
        return NULL;
    }
    *link = (struct xs_link){
        .refs = 1,
        .names_len = names_len(left) + node->name_len + 1 + names_len(right),
        .owners = owners(left) | node_owners(node) | owners(right),
        .height = 1 + (height(left) > height(right) ? height(left) : height(right)),
        .left = left,
        .right = right,
        .node = node,
    };
    return link;
}

/* The left side is two levels too high: consumes all three. */
static struct xs_link *rotate_right(struct build *b, struct xs_link *left, struct xs_node *node,
                                    struct xs_link *right)
{
    struct xs_link *inner = left->right, *result;

    if (height(left->left) >= height(inner))
        result = link_new(b, link_ref(left->left), xs_node_ref(left->node),
                          link_new(b, link_ref(inner), node, right));
    else
        result =
            link_new(b, link_new(b, link_ref(left->left), xs_node_ref(left->node), link_ref(inner->left)),
                     xs_node_ref(inner->node), link_new(b, link_ref(inner->right), node, right));
    link_put(left);
    return result;
}

/* The right side is two levels too high: consumes all three. */
static struct xs_link *rotate_left(struct build *b, struct xs_link *left, struct xs_node *node,
                                   struct xs_link *right)
{
    struct xs_link *inner = right->left, *result;

    if (height(right->right) >= height(inner))
        result = link_new(b, link_new(b, left, node, link_ref(inner)), xs_node_ref(right->node),
                          link_ref(right->right));
    else
        result =
            link_new(b, link_new(b, left, node, link_ref(inner->left)), xs_node_ref(inner->node),
                     link_new(b, link_ref(inner->right), xs_node_ref(right->node), link_ref(right->right)));
    link_put(right);
    return result;
}

/* A link over two sides that differ by at most two levels; consumes all three. */
static struct xs_link *balance(struct build *b, struct xs_link *left, struct xs_node *node,
                               struct xs_link *right)
{
    if (height(left) > height(right) + 1)
        return rotate_right(b, left, node, right);
    if (height(right) > height(left) + 1)
        return rotate_left(b, left, node, right);
    return link_new(b, left, node, right);
}

/* The children with `node` (consumed) added, or in the place of the one of that name. */
static struct xs_link *insert(struct build *b, const struct xs_link *at, struct xs_node *node)
{
    if (!at)
        return link_new(b, NULL, node, NULL);

    int order = compare(name_of(node), name_of(at->node));

    if (!order)
        return link_new(b, link_ref(at->left), node, link_ref(at->right));
    if (order < 0)
        return balance(b, insert(b, at->left, node), xs_node_ref(at->node), link_ref(at->right));
    return balance(b, link_ref(at->left), xs_node_ref(at->node), insert(b, at->right, node));
}

static struct xs_link *remove_first(struct build *b, const struct xs_link *at)
{
    if (!at->left)
        return link_ref(at->right);
    return balance(b, remove_first(b, at->left), xs_node_ref(at->node), link_ref(at->right));
}

/* The two sides of a link whose own node goes. */
static struct xs_link *join(struct build *b, const struct xs_link *at)
{
    const struct xs_link *first = at->right;

    if (!at->left || !first)
        return link_ref(at->left ? at->left : at->right);
    while (first->left)
        first = first->left;
    return balance(b, link_ref(at->left), xs_node_ref(first->node), remove_first(b, at->right));
}

/* The children without the one of that name, which is among them. */
static struct xs_link *take_out(struct build *b, const struct xs_link *at, struct xs_name name)
{
    int order = compare(name, name_of(at->node));

    if (!order)
        return join(b, at);
    if (order < 0)
        return balance(b, take_out(b, at->left, name), xs_node_ref(at->node), link_ref(at->right));
    return balance(b, link_ref(at->left), xs_node_ref(at->node), take_out(b, at->right, name));
}

static const struct xs_node *child(const struct xs_node *node, struct xs_name name)
{
    const struct xs_link *at = node->children;

    while (at) {
        int order = compare(name, name_of(at->node));

        if (!order)
            return at->node;
        at = order < 0 ? at->left : at->right;
    }
    return NULL;
}

/* The first child behind that name (all are, if it is NULL) in whose subtree somebody of the set owns
 * something. */
static const struct xs_node *child_after(const struct xs_link *at, const struct xs_name *name, uint32_t who)
{
    if (!(owners(at) & who))
        return NULL;
    if (name && compare(*name, name_of(at->node)) >= 0)
        return child_after(at->right, name, who);

    const struct xs_node *found = child_after(at->left, name, who);

    if (found)
        return found;
    return node_owners(at->node) & who ? at->node : child_after(at->right, NULL, who);
}

/* ---- paths ---- */

void xs_tree_walk(const struct xs_node *root, const char *path, struct xs_walk *walk)
{
    const struct xs_node *node = root;
    const char *rest = path;
    struct xs_name name;

    walk->found = 0;
    walk->missing = 0;
    do {
        walk->chain[walk->found++] = node;
        walk->rest = rest;
        node = xs_path_next(&rest, &name) ? child(node, name) : NULL;
    } while (node);

    for (rest = walk->rest; xs_path_next(&rest, &name);)
        walk->missing++;
}

const struct xs_node *xs_tree_find(const struct xs_node *root, const char *path)
{
    const struct xs_node *node = root;
    struct xs_name name;

    while (node && xs_path_next(&path, &name))
        node = child(node, name);
    return node;
}

/* The same node with other children (consumed). */
static struct xs_node *with_children(struct build *b, const struct xs_node *node, struct xs_link *children,
                                     uint64_t children_gen)
{
    struct xs_node *copy =
        b->failed ? NULL
                  : xs_node_new(name_of(node), node->acl, xs_node_value(node), node->value_len, node->gen);

    if (!copy) {
        b->failed = true;
        link_put(children);
        return NULL;
    }
    copy->children = children;
    copy->children_gen = children_gen;
    return copy;
}

/* A new root in which the first `level` nodes of the chain lead to `node` (consumed), made from the bottom
 * up. */
static struct xs_node *graft(struct build *b, const struct xs_walk *walk, unsigned int level,
                             struct xs_node *node)
{
    while (level && !b->failed) {
        const struct xs_node *parent = walk->chain[--level];

        node = with_children(b, parent, insert(b, parent->children, node), parent->children_gen);
    }
    if (b->failed) {
        xs_node_put(node);
        return NULL;
    }
    return node;
}

/* The last component of rest[0 .. *len), which is cut off. */
static struct xs_name cut_last(const char *rest, size_t *len)
{
    size_t start = *len;
    struct xs_name name;

    while (start && rest[start - 1] != '/')
        start--;
    name = (struct xs_name){rest + start, *len - start};
    *len = start ? start - 1 : 0;
    return name;
}

/* The missing part of the walk as new nodes with the value at their end; returns the topmost. */
static struct xs_node *new_branch(struct build *b, const struct xs_walk *walk, struct xs_acl *acl,
                                  const void *value, size_t value_len, uint64_t gen)
{
    size_t len = strlen(walk->rest);
    struct xs_node *node = xs_node_new(cut_last(walk->rest, &len), acl, value, value_len, gen);

    if (!node)
        b->failed = true;
    for (unsigned int i = 1; i < walk->missing && !b->failed; i++) {
        struct xs_node *parent = xs_node_new(cut_last(walk->rest, &len), acl, NULL, 0, gen);

        if (!parent) {
            b->failed = true;
            break;
        }
        parent->children = insert(b, NULL, node);
        node = parent;
    }
    return node;
}

struct xs_node *xs_tree_write(const struct xs_walk *walk, struct xs_acl *acl, const void *value,
                              size_t value_len, uint64_t gen)
{
    const struct xs_node *last = xs_walk_last(walk);
    struct build b = {false};
    struct xs_node *node;

    if (!walk->missing) {
        node = xs_node_new(name_of(last), acl, value, value_len, gen);
        if (!node)
            return NULL;
        node->children = link_ref(last->children);
        node->children_gen = last->children_gen;
        return graft(&b, walk, walk->found - 1, node);
    }
    node = new_branch(&b, walk, acl, value, value_len, gen);
    if (b.failed) {
        xs_node_put(node);
        return NULL;
    }
    node = with_children(&b, last, insert(&b, last->children, node), gen);
    return graft(&b, walk, walk->found - 1, node);
}

struct xs_node *xs_tree_remove(const struct xs_walk *walk, uint64_t gen)
{
    const struct xs_node *parent = walk->chain[walk->found - 2];
    struct build b = {false};
    struct xs_link *children = take_out(&b, parent->children, name_of(xs_walk_last(walk)));

    return graft(&b, walk, walk->found - 2, with_children(&b, parent, children, gen));
}

/* ---- lists and walks ---- */

size_t xs_tree_list_size(const struct xs_node *node)
{
    return names_len(node->children);
}

/* The first child whose name starts at `offset` of the list of all or behind it, and where it starts; NULL if
 * none does. */
static const struct xs_node *child_at(const struct xs_link *at, size_t offset, size_t *start)
{
    const struct xs_node *found = NULL;
    size_t base = 0; /* where the names of this subtree start */

    while (at) {
        size_t own = base + names_len(at->left);

        if (offset <= own) {
            found = at->node;
            *start = own;
            at = at->left;
        } else {
            base = own + at->node->name_len + 1;
            at = at->right;
        }
    }
    return found;
}

size_t xs_tree_list(const struct xs_node *node, size_t offset, char *out, size_t size, bool *end)
{
    size_t copied = 0, start = 0;

    for (;;) {
        const struct xs_node *next = child_at(node->children, offset, &start);

        *end = !next;
        if (!next || copied + next->name_len + 1 > size)
            return copied;
        memcpy(out + copied, next->bytes, next->name_len + 1u);
        copied += next->name_len + 1u;
        offset = start + next->name_len + 1;
    }
}

static void descend_to(struct xs_cursor *cursor, const struct xs_node *node)
{
    cursor->path[cursor->len] = '/';
    memcpy(cursor->path + cursor->len + 1, node->bytes, node->name_len + 1u);
    cursor->len += node->name_len + 1u;
    cursor->chain[++cursor->depth] = node;
}

void xs_cursor_start(struct xs_cursor *cursor, const struct xs_node *top, const char *path)
{
    cursor->depth = 0;
    cursor->chain[0] = top;
    strcpy(cursor->path, path);
    cursor->len = strcmp(path, "/") ? strlen(path) : 0;
}

const struct xs_node *xs_cursor_next(struct xs_cursor *cursor, bool descend, uint32_t who)
{
    const struct xs_node *next = NULL;

    if (descend)
        next = child_after(cursor->chain[cursor->depth]->children, NULL, who);
    while (!next && cursor->depth) {
        struct xs_name name = name_of(cursor->chain[cursor->depth--]);

        cursor->len -= name.len + 1;
        next = child_after(cursor->chain[cursor->depth]->children, &name, who);
    }
    if (next)
        descend_to(cursor, next);
    return next;
}

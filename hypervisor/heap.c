// SPDX-License-Identifier: MIT
// Pairing heap. Every node's children form a list of heaps; insertion and the union of two heaps are one
// comparison, and the work of finding a new minimum is put off until the old one is removed.

#include <hv/heap.h>
#include <hv/printk.h>

// Both are roots or NULL, with no siblings. The one with the larger key becomes the first child of the other.
static struct heap_node *merge(struct heap_node *a, struct heap_node *b)
{
    if (!a || !b)
        return a ? a : b;
    if (b->key < a->key) {
        struct heap_node *swap = a;

        a = b;
        b = swap;
    }
    b->next = a->child;
    if (b->next)
        b->next->prev = b;
    b->prev = a;
    a->child = b;
    return a;
}

static struct heap_node *take_first(struct heap_node **list)
{
    struct heap_node *node = *list;

    if (node) {
        *list = node->next;
        node->next = node->prev = NULL;
    }
    return node;
}

// Makes one heap of a list of siblings: pairs from left to right, then all pairs from right to left. It is
// this order that gives removal its logarithmic cost.
static struct heap_node *merge_siblings(struct heap_node *list)
{
    struct heap_node *pairs = NULL, *root = NULL, *first;

    while ((first = take_first(&list)) != NULL) {
        struct heap_node *pair = merge(first, take_first(&list));

        pair->next = pairs;
        pairs = pair;
    }
    while ((first = take_first(&pairs)) != NULL)
        root = merge(root, first);
    return root;
}

void heap_insert(struct heap *heap, struct heap_node *node, uint64_t key)
{
    ASSERT(!node->queued);
    *node = (struct heap_node){.key = key, .queued = true};
    heap->min = merge(heap->min, node);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    ASSERT(node->queued);
    struct heap_node *below = merge_siblings(node->child);

    if (node == heap->min) {
        heap->min = below;
    } else {
        if (node->prev->child == node)
            node->prev->child = node->next;
        else
            node->prev->next = node->next;
        if (node->next)
            node->next->prev = node->prev;
        heap->min = merge(heap->min, below);
    }
    *node = (struct heap_node){.key = node->key};
}

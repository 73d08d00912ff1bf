// SPDX-License-Identifier: MIT
// Intrusive pairing heap: the smallest key first, insert O(1), remove O(log n) amortised, no memory of its
// own. Used by timers (key: deadline) and run queues (key: virtual time). Equal keys leave in any order.
#pragma once

#include <hv/types.h>

struct heap_node {
    struct heap_node *child, *next, *prev; // prev: left sibling, or parent when first child; NULL at the root
    uint64_t key;
    bool queued;
};

struct heap {
    struct heap_node *min; // NULL when empty
};

void heap_insert(struct heap *heap, struct heap_node *node, uint64_t key);
void heap_remove(struct heap *heap, struct heap_node *node); // node must be queued in this heap

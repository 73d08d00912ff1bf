// SPDX-License-Identifier: MIT
// Intrusive circular doubly linked lists. A list head is a node that points to itself when the list is empty.
#pragma once

#include <hv/types.h>

struct list_node {
    struct list_node *next, *prev;
};

static inline void list_init(struct list_node *head)
{
    head->next = head->prev = head;
}

static inline bool list_empty(const struct list_node *head)
{
    return head->next == head;
}

static inline void list_insert_tail(struct list_node *head, struct list_node *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

// Removes the node and leaves it an empty list of its own, so that removing it again is harmless.
static inline void list_remove(struct list_node *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

#define list_entry(node, type, member) container_of(node, type, member)
#define list_for_each(node, head) \
    for (struct list_node *node = (head)->next; node != (head); node = node->next)

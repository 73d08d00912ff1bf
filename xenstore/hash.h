// SPDX-License-Identifier: MIT
/*
 * Hash tables whose entries are members of what they hold. Inserting never fails: a table that finds no
 * memory to grow works on with longer chains.
 */
#ifndef XS_HASH_H
#define XS_HASH_H

#include <stdint.h>

#include <stddef.h>

struct xs_hash_entry {
    struct xs_hash_entry *next;
    uint64_t hash;
};

#define XS_HASH_INITIAL 8

struct xs_hash {
    struct xs_hash_entry **buckets;
    size_t size; /* a power of two */
    size_t count;
    struct xs_hash_entry *initial[XS_HASH_INITIAL];
};

#define xs_container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

void xs_hash_init(struct xs_hash *table);
void xs_hash_free(struct xs_hash *table); /* its own memory, not the entries */

void xs_hash_insert(struct xs_hash *table, struct xs_hash_entry *entry, uint64_t hash);
void xs_hash_remove(struct xs_hash *table, struct xs_hash_entry *entry);

/* The first entry with that hash, then the next one: the caller compares keys. NULL at the end. */
struct xs_hash_entry *xs_hash_first(const struct xs_hash *table, uint64_t hash);
struct xs_hash_entry *xs_hash_next(const struct xs_hash_entry *entry);

/* Calls fn for each entry; fn may free the entry it gets but not change the table otherwise. */
void xs_hash_for_each(struct xs_hash *table, void (*fn)(struct xs_hash_entry *entry, void *data), void *data);

/*
 * Continues a hash over more bytes. Start from a secret seed. The hash of a path's every prefix comes from
 * one pass over it; finish each with xs_hash_mix.
 */
uint64_t xs_hash_bytes(uint64_t hash, const void *bytes, size_t len);
uint64_t xs_hash_mix(uint64_t hash);

#endif

// SPDX-License-Identifier: MIT
/* Hash tables with chains; see hash.h. */
#include "hash.h"

#include <stdlib.h>
#include <string.h>

void xs_hash_init(struct xs_hash *table)
{
    memset(table, 0, sizeof(*table));
    table->buckets = table->initial;
    table->size = XS_HASH_INITIAL;
}

void xs_hash_free(struct xs_hash *table)
{
    if (table->buckets != table->initial)
        free(table->buckets);
    xs_hash_init(table);
}

static struct xs_hash_entry **bucket_of(const struct xs_hash *table, uint64_t hash)
{
    return &table->buckets[hash & (table->size - 1)];
}

static void grow(struct xs_hash *table)
{
    struct xs_hash old = *table;
    struct xs_hash_entry **buckets = calloc(old.size * 2, sizeof(*buckets));

    if (!buckets)
        return;
    table->buckets = buckets;
    table->size = old.size * 2;
    for (size_t i = 0; i < old.size; i++) {
        struct xs_hash_entry *entry = old.buckets[i];

        while (entry) {
            struct xs_hash_entry *next = entry->next;
            struct xs_hash_entry **bucket = bucket_of(table, entry->hash);

            entry->next = *bucket;
            *bucket = entry;
            entry = next;
        }
    }
    if (old.buckets != table->initial)
        free(old.buckets);
}

void xs_hash_insert(struct xs_hash *table, struct xs_hash_entry *entry, uint64_t hash)
{
    if (table->count >= table->size)
        grow(table);

    struct xs_hash_entry **bucket = bucket_of(table, hash);

    entry->hash = hash;
    entry->next = *bucket;
    *bucket = entry;
    table->count++;
}

void xs_hash_remove(struct xs_hash *table, struct xs_hash_entry *entry)
{
    struct xs_hash_entry **link = bucket_of(table, entry->hash);

    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    table->count--;
}

static struct xs_hash_entry *matching(struct xs_hash_entry *entry, uint64_t hash)
{
    while (entry && entry->hash != hash)
        entry = entry->next;
    return entry;
}

struct xs_hash_entry *xs_hash_first(const struct xs_hash *table, uint64_t hash)
{
    return matching(*bucket_of(table, hash), hash);
}

struct xs_hash_entry *xs_hash_next(const struct xs_hash_entry *entry)
{
    return matching(entry->next, entry->hash);
}

void xs_hash_for_each(struct xs_hash *table, void (*fn)(struct xs_hash_entry *entry, void *data), void *data)
{
    for (size_t i = 0; i < table->size; i++) {
        struct xs_hash_entry *entry = table->buckets[i];

        while (entry) {
            struct xs_hash_entry *next = entry->next;

            fn(entry, data);
            entry = next;
        }
    }
}

uint64_t xs_hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *byte = bytes;

    /* FNV-1a. What a guest can put into one table is bounded by its quotas, so keyed and quick is good
     * enough. */
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ byte[i]) * 0x100000001b3ULL;
    return hash;
}

uint64_t xs_hash_mix(uint64_t hash)
{
    hash ^= hash >> 32;
    hash *= 0xd6e8feb86659fd93ULL;
    return hash ^ (hash >> 32);
}

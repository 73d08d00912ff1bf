// SPDX-License-Identifier: MIT
//
// Allocation bitmaps, for pages, gfns and stack addresses: bit n is set while item n is taken.

#include <stdbool.h>
#include "kit.h"

#define WORD_BITS 64

static bool bit_taken(const uint64_t *map, size_t bit)
{
    return map[bit / WORD_BITS] >> bit % WORD_BITS & 1;
}

// First free item in [from, bits), `bits` if none. Full words are skipped whole.
static size_t next_free(const uint64_t *map, size_t bits, size_t from)
{
    while (from < bits) {
        uint64_t free = ~map[from / WORD_BITS] >> from % WORD_BITS;
        if (free) {
            from += (size_t)__builtin_ctzll(free);
            return from < bits ? from : bits;
        }
        from = (from / WORD_BITS + 1) * WORD_BITS;
    }
    return bits;
}

static size_t find_run(const uint64_t *map, size_t bits, size_t count, size_t from)
{
    for (size_t first = next_free(map, bits, from); first < bits;) {
        size_t end = first + 1;
        if (count > bits - first)
            break;
        while (end < first + count && !bit_taken(map, end))
            end++;
        if (end == first + count)
            return first;
        first = next_free(map, bits, end);
    }
    return bits;
}

size_t bitmap_take(uint64_t *map, size_t bits, size_t count, size_t *hint)
{
    size_t first = find_run(map, bits, count, *hint);
    if (first == bits)
        first = find_run(map, bits, count, 0);
    if (first == bits)
        return bits;
    bitmap_set(map, first, count);
    *hint = first + count;
    return first;
}

// The bits of word `word` that belong to [first, end).
static uint64_t word_mask(size_t word, size_t first, size_t end)
{
    uint64_t mask = ~UINT64_C(0);
    if (word == first / WORD_BITS)
        mask &= ~UINT64_C(0) << first % WORD_BITS;
    if (word == end / WORD_BITS)
        mask &= (UINT64_C(1) << end % WORD_BITS) - 1;
    return mask;
}

void bitmap_set(uint64_t *map, size_t first, size_t count)
{
    size_t end = first + count;
    for (size_t word = first / WORD_BITS; word * WORD_BITS < end; word++)
        map[word] |= word_mask(word, first, end);
}

void bitmap_give(uint64_t *map, size_t first, size_t count, size_t *hint)
{
    size_t end = first + count;
    for (size_t word = first / WORD_BITS; word * WORD_BITS < end; word++)
        map[word] &= ~word_mask(word, first, end);
    if (first < *hint)
        *hint = first;
}

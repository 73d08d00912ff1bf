// SPDX-License-Identifier: MIT
// Looks code addresses up in the symbol table for panics.

#include <hv/string.h>
#include <hv/symbols.h>

// The layout is described in scripts/gen-symbols.
extern const uint64_t hv_symbol_base;
extern const uint32_t hv_symbol_count;
extern const uint32_t hv_symbol_offsets[];
extern const char hv_symbol_names[];

#define LAST_SYMBOL_MAX 0x10000 // the last function has no successor to end it

const char *symbol_lookup(uint64_t address, uint64_t *offset)
{
    uint64_t distance = address - hv_symbol_base;
    const char *name = hv_symbol_names;
    uint32_t i = 0;

    *offset = address;
    if (hv_symbol_count == 0 || address < hv_symbol_base ||
        distance >= hv_symbol_offsets[hv_symbol_count - 1] + LAST_SYMBOL_MAX)
        return "?";
    for (; i + 1 < hv_symbol_count && hv_symbol_offsets[i + 1] <= distance; i++)
        name += strlen(name) + 1;
    *offset = distance - hv_symbol_offsets[i];
    return name;
}

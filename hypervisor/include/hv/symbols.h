// SPDX-License-Identifier: MIT
// Names for code addresses, from the table that scripts/gen-symbols makes at the end of the build.
#pragma once

#include <hv/types.h>

// The function `address` lies in, and how far: "?" with the address itself as offset when there is none.
const char *symbol_lookup(uint64_t address, uint64_t *offset);

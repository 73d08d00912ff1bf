// SPDX-License-Identifier: MIT
// Numbers for randomised tests: the same in every run.
#pragma once

#include <stdint.h>

static uint64_t random_state = 88172645463325252UL;

static inline uint64_t random_below(uint64_t limit)
{
    random_state ^= random_state << 13; // xorshift64
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % limit;
}

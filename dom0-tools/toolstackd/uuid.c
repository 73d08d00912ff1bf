// SPDX-License-Identifier: MIT
/* Fresh UUIDs (RFC 4122, version 4) for domains whose configuration names none. They need to differ, not to
 * be secret. */
#include <stdint.h>
#include <string.h>

#include <guest/cpu.h>
#include <guest/time.h>

#include "toolstackd.h"

/* One step of splitmix64. */
static uint64_t mix(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void uuid_choose(uint8_t uuid[16])
{
    static uint64_t state;
    uint64_t words[2];

    state += rdtsc() ^ (time_wall_now() << 20);
    words[0] = mix(&state);
    words[1] = mix(&state);
    memcpy(uuid, words, 16);
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40); /* version 4: random */
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80); /* variant of RFC 4122 */
}

// SPDX-License-Identifier: MIT
//
// Burns CPU time for ever and never gives way: other domains must go on all the same. "cli" does so with
// interrupts off, "seconds=N" ends it after that long.

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <guest/cpu.h>
#include <guest/thread.h>
#include <guest/time.h>
#include "../test.h"

int main(int argc, char **argv)
{
    uint64_t deadline = DEADLINE_NEVER;
    unsigned seconds;
    printf("spinning\n");
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "cli"))
            interrupts_disable();
        else if (sscanf(argv[i], "seconds=%u", &seconds) == 1)
            deadline = time_after(seconds * NS_PER_S);
    }
    while (time_now() < deadline)
        for (volatile unsigned i = 0; i < 1000000; i++)
            ;
    interrupts_enable();
    return test_end("spin");
}

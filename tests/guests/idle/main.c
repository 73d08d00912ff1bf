// SPDX-License-Identifier: MIT
//
// Does nothing, for ever: what costs time now is the hypervisor's doing. "seconds=N" ends it after that long.

#include <stdint.h>
#include <stdio.h>
#include <guest/thread.h>
#include <guest/time.h>
#include "../test.h"

int main(int argc, char **argv)
{
    unsigned seconds;
    printf("idle\n");
    if (argc < 2 || sscanf(argv[1], "seconds=%u", &seconds) != 1)
        thread_sleep_until(DEADLINE_NEVER);
    thread_sleep(seconds * NS_PER_S);
    return test_end("idle");
}

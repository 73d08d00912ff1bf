// SPDX-License-Identifier: MIT
//
// The smallest guest: says who it is, then powers off.

#include <stdint.h>
#include <stdio.h>
#include <guest/cpu.h>
#include <guest/main.h>
#include <guest/mem.h>

int main(int argc, char **argv)
{
    uint64_t ticks = rdtsc() - guest_entry_tsc();
    struct mem_info memory;
    mem_info(&memory);
    printf("hello from domain %u, %llu KiB of memory, %llu free; entry to main took %llu ticks\n",
           guest_domid(), (unsigned long long)memory.total >> 10, (unsigned long long)memory.free >> 10,
           (unsigned long long)ticks);
    for (int i = 1; i < argc; i++)
        printf("argument %d: %s\n", i, argv[i]);
    printf("TEST hello: PASS\n");
    return 0;
}

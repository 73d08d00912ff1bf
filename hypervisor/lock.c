// SPDX-License-Identifier: MIT
// The way of a lock that is taken, out of line: the other way is then a few instructions in its caller.

#include <hv/lock.h>

void spin_wait(const struct spinlock *lock, uint16_t ticket)
{
    // Acquire: what the previous holder wrote before its release must be visible to us.
    while (__atomic_load_n(&lock->owner, __ATOMIC_ACQUIRE) != ticket)
        arch_cpu_relax();
}

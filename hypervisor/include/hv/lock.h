// SPDX-License-Identifier: MIT
// Ticket spinlocks. The hypervisor runs with interrupts closed except in guest mode, in the idle halt and in
// preempt_check(), and no lock is held at any of these, so a lock never has to disable interrupts.
#pragma once

#include <hv/lock_order.h>
#include <hv/types.h>

struct spinlock {
    uint16_t next;  // ticket handed to the next taker
    uint16_t owner; // ticket being served
    uint8_t rank;   // enum lock_rank
};

#define SPINLOCK(rank_) \
    {                   \
        .rank = (rank_) \
    }

static inline void spin_lock_init(struct spinlock *lock, enum lock_rank rank)
{
    *lock = (struct spinlock)SPINLOCK(rank);
}

void arch_cpu_relax(void);
void spin_wait(const struct spinlock *lock, uint16_t ticket); // until the ticket is served

#ifdef HV_DEBUG
// Panic when `lock` is out of order, or unlocked by a cpu that does not hold it (lock_check.c).
void lock_check_acquire(const struct spinlock *lock, const struct spinlock *held_pair);
void lock_check_release(const struct spinlock *lock);
// Panics when this cpu holds any lock: an interrupt handler may want it.
void lock_check_none_held(void);
#else
static inline void lock_check_acquire(const struct spinlock *lock, const struct spinlock *held_pair)
{
    (void)lock, (void)held_pair;
}
static inline void lock_check_release(const struct spinlock *lock)
{
    (void)lock;
}
static inline void lock_check_none_held(void)
{
}
#endif

static inline void spin_acquire(struct spinlock *lock)
{
    uint16_t ticket = __atomic_fetch_add(&lock->next, 1, __ATOMIC_RELAXED);
    // Acquire: what the previous holder wrote before its release must be visible to us.
    if (unlikely(__atomic_load_n(&lock->owner, __ATOMIC_ACQUIRE) != ticket))
        spin_wait(lock, ticket);
}

static inline void spin_lock(struct spinlock *lock)
{
    lock_check_acquire(lock, NULL);
    spin_acquire(lock);
}

static inline void spin_unlock(struct spinlock *lock)
{
    lock_check_release(lock);
    __atomic_store_n(&lock->owner, (uint16_t)(lock->owner + 1), __ATOMIC_RELEASE);
}

// Two locks of the same rank, which may be the same lock.
static inline void spin_lock_pair(struct spinlock *a, struct spinlock *b)
{
    struct spinlock *first = a < b ? a : b, *second = a < b ? b : a;
    spin_lock(first);
    if (first != second) {
        lock_check_acquire(second, first);
        spin_acquire(second);
    }
}

static inline void spin_unlock_pair(struct spinlock *a, struct spinlock *b)
{
    if (a != b)
        spin_unlock(b);
    spin_unlock(a);
}

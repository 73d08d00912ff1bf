// SPDX-License-Identifier: MIT
//
// Cooperative threads on one vCPU. A thread runs until it yields, waits, sleeps, joins or exits; in between
// nothing else runs but interrupt entry, so data shared between threads needs no locks across code that does
// none of these. Blocking kit functions (console_read, xs_*, mutex_lock, ...) do give way. Every thread has
// its own newlib context (errno, stdio buffers) and a stack with an unmapped guard page below.
#ifndef GUEST_THREAD_H
#define GUEST_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct thread;

#define THREAD_STACK_DEFAULT (64 * 1024)
#define DEADLINE_NEVER       UINT64_MAX

// Starts fn(arg) as a new thread. stack_size is rounded up to whole pages, 0 means THREAD_STACK_DEFAULT; name
// is copied (15 characters). NULL with errno ENOMEM when memory lacks.
struct thread *thread_create(const char *name, void (*fn)(void *), void *arg, size_t stack_size);

// Waits until the thread ends, then frees it. Exactly one thread joins another, or the thread is detached.
void thread_join(struct thread *thread);
void thread_detach(struct thread *thread);

void thread_exit(void) __attribute__((noreturn));
struct thread *thread_current(void);
const char *thread_name(const struct thread *thread);

// Lets every other runnable thread and all pending event handlers run once.
void thread_yield(void);

// Sleeps until time_now() reaches the deadline (ns), or for a time.
void thread_sleep_until(uint64_t deadline);
void thread_sleep(uint64_t ns);

// A queue of threads waiting for something. Waking is legal from event handlers.
struct waitq {
    struct thread *first, *last;
};
#define WAITQ_INIT \
    {              \
        NULL, NULL \
    }

// Waits on the queue until woken (true) or until the deadline passed (false). Nothing runs between the
// caller's last check of its condition and its being queued, so no wake-up is lost.
bool waitq_wait(struct waitq *queue, uint64_t deadline);
void waitq_wake_one(struct waitq *queue);
void waitq_wake_all(struct waitq *queue);

// Waits until the condition holds; false if the deadline passed first and it still doesn't.
#define waitq_wait_event(queue, condition, deadline)                           \
    ({                                                                         \
        bool waitq_in_time_ = true;                                            \
        while (!(condition) && (waitq_in_time_ = waitq_wait(queue, deadline))) \
            ;                                                                  \
        waitq_in_time_ || (condition);                                         \
    })

// A mutex for critical sections that give way inside. Not recursive.
struct mutex {
    struct thread *owner;
    struct waitq waiters;
};
#define MUTEX_INIT       \
    {                    \
        NULL, WAITQ_INIT \
    }

void mutex_lock(struct mutex *mutex);
bool mutex_trylock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex); // by its owner only

#endif

// SPDX-License-Identifier: MIT
//
// A thread as scheduler and wait queues see it.
#ifndef GUEST_THREAD_STATE_H
#define GUEST_THREAD_STATE_H

#include <reent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <guest/thread.h>

struct thread {
    uint64_t rsp;                // while not running
    struct _reent *reent;        // newlib's context: own_reent, or the global one in the main thread
    struct thread *next;         // in the one queue it is in
    struct waitq *waiting_on;    // that queue, if it is a wait queue
    struct thread *next_sleeper; // in the list of deadlines
    uint64_t deadline;           // DEADLINE_NEVER when in no such list
    bool timed_out;
    bool ended, detached;
    struct waitq joiners;
    size_t stack_first, stack_pages; // pages of the stack window, the guard page first
    void (*fn)(void *);
    void *arg;
    char name[16];
    struct _reent own_reent;
};

// sync.c
void waitq_append(struct waitq *queue, struct thread *thread);
struct thread *waitq_pop(struct waitq *queue); // NULL when empty
void waitq_remove(struct waitq *queue, struct thread *thread);

// thread.c: makes a thread that is in no queue runnable.
void thread_wake(struct thread *thread);
// Puts the current thread aside, in a queue (NULL: none) and until a deadline; false if that passed.
bool thread_block(struct waitq *queue, uint64_t deadline);

#endif

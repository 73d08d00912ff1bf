// SPDX-License-Identifier: MIT
//
// Wait queues and mutexes. No atomics: threads change places only where they ask to.

#include <guest/shutdown.h>
#include <guest/thread.h>
#include "thread_state.h"

void waitq_append(struct waitq *queue, struct thread *thread)
{
    thread->next = NULL;
    if (queue->last)
        queue->last->next = thread;
    else
        queue->first = thread;
    queue->last = thread;
}

struct thread *waitq_pop(struct waitq *queue)
{
    struct thread *thread = queue->first;
    if (!thread)
        return NULL;
    queue->first = thread->next;
    if (!queue->first)
        queue->last = NULL;
    return thread;
}

void waitq_remove(struct waitq *queue, struct thread *thread)
{
    struct thread *before = NULL;
    for (struct thread *at = queue->first; at != thread; at = at->next)
        before = at;
    if (before)
        before->next = thread->next;
    else
        queue->first = thread->next;
    if (queue->last == thread)
        queue->last = before;
}

bool waitq_wait(struct waitq *queue, uint64_t deadline)
{
    return thread_block(queue, deadline);
}

void waitq_wake_one(struct waitq *queue)
{
    struct thread *thread = waitq_pop(queue);
    if (thread)
        thread_wake(thread);
}

void waitq_wake_all(struct waitq *queue)
{
    while (queue->first)
        waitq_wake_one(queue);
}

bool mutex_trylock(struct mutex *mutex)
{
    if (mutex->owner)
        return false;
    mutex->owner = thread_current();
    return true;
}

void mutex_lock(struct mutex *mutex)
{
    if (mutex->owner == thread_current())
        guest_panic("thread \"%s\" locks a mutex it holds", thread_name(thread_current()));
    if (mutex_trylock(mutex))
        return;
    waitq_wait(&mutex->waiters, DEADLINE_NEVER); // mutex_unlock makes us the owner: first come, first served
}

void mutex_unlock(struct mutex *mutex)
{
    if (mutex->owner != thread_current())
        guest_panic("thread \"%s\" unlocks a mutex it doesn't hold", thread_name(thread_current()));
    mutex->owner = mutex->waiters.first;
    waitq_wake_one(&mutex->waiters);
}

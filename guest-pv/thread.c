// SPDX-License-Identifier: MIT
//
// The scheduler: one queue of runnable threads, one list of deadlines, and HLT when both have nothing to do.
// It runs on the stack of the thread that gives way, so switching costs one context save. Handlers of events
// run there too, with `handlers_running` set, which makes any attempt to block a panic instead of a mystery.

#include <errno.h>
#include <reent.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <guest/cpu.h>
#include <guest/event.h>
#include <guest/mem.h>
#include <guest/shutdown.h>
#include <guest/thread.h>
#include <guest/time.h>
#include "kit.h"
#include "thread_state.h"

#define STACK_PAGES     16384 // the stack window: 64 MiB of addresses
#define MAIN_STACK_SIZE (256 * 1024)
#define MXCSR_DEFAULT   0x1f80u
#define X87_CW_DEFAULT  0x037fu

void thread_switch(uint64_t *save_rsp, uint64_t load_rsp); // thread_switch.S
void thread_begin(void);

static struct thread *current;
static struct waitq runnable;
static struct thread *sleepers; // ascending by deadline
static struct thread *garbage;  // a detached thread that ended, until its stack is no longer in use
static bool handlers_running;

static uint64_t stack_taken[BITMAP_WORDS(STACK_PAGES)];
static size_t stack_hint;

struct thread *thread_current(void)
{
    return current;
}

const char *thread_name(const struct thread *thread)
{
    return thread->name;
}

void thread_enter_handler(void)
{
    handlers_running = true;
}

void thread_leave_handler(void)
{
    handlers_running = false;
}

bool thread_may_block(void)
{
    return current && !handlers_running;
}

// ---- stacks
// -------------------------------------------------------------------------------------------------------

static uint64_t stack_address(size_t page)
{
    return STACK_WINDOW + page * PAGE_SIZE;
}

static void stack_free(size_t first, size_t pages)
{
    for (size_t i = 1; i < pages; i++) {
        uint64_t pa = paging_unmap_page(stack_address(first + i));
        if (pa != INVALID_GFN)
            page_free((void *)pa, 1);
    }
    bitmap_give(stack_taken, first, pages, &stack_hint);
}

// Backs all but the first page, which stays unmapped as a guard.
static bool stack_alloc(struct thread *thread, size_t size)
{
    size_t pages = 1 + (size + PAGE_SIZE - 1) / PAGE_SIZE;
    size_t first = bitmap_take(stack_taken, STACK_PAGES, pages, &stack_hint);
    if (first == STACK_PAGES)
        return false;
    for (size_t i = 1; i < pages; i++) {
        void *page = page_alloc(1);
        if (!page || paging_map_page(stack_address(first + i), (uintptr_t)page)) {
            if (page)
                page_free(page, 1);
            stack_free(first, pages);
            return false;
        }
    }
    thread->stack_first = first;
    thread->stack_pages = pages;
    return true;
}

// ---- life and death
// -----------------------------------------------------------------------------------------------

// What thread_switch() expects to find on a stack it goes to.
struct saved_context {
    uint32_t mxcsr, x87_cw;
    uint64_t r15, r14, r13, r12, rbx, rbp;
    void (*rip)(void);
};

static void prepare_stack(struct thread *thread)
{
    uint64_t top = stack_address(thread->stack_first + thread->stack_pages);
    // 8 below alignment, as if thread_begin were called: it calls thread_main on an aligned stack.
    struct saved_context *context = (void *)(top - 16 - sizeof(*context));
    *context = (struct saved_context){.mxcsr = MXCSR_DEFAULT, .x87_cw = X87_CW_DEFAULT, .rip = thread_begin};
    thread->rsp = (uintptr_t)context;
}

static struct thread *new_thread(const char *name, void (*fn)(void *), void *arg, size_t stack_size)
{
    struct thread *thread = calloc(1, sizeof(*thread));
    if (!thread || !stack_alloc(thread, stack_size ? stack_size : THREAD_STACK_DEFAULT)) {
        free(thread);
        errno = ENOMEM;
        return NULL;
    }
    strncpy(thread->name, name, sizeof(thread->name) - 1);
    thread->fn = fn;
    thread->arg = arg;
    thread->deadline = DEADLINE_NEVER;
    prepare_stack(thread);
    return thread;
}

struct thread *thread_create(const char *name, void (*fn)(void *), void *arg, size_t stack_size)
{
    struct thread *thread = new_thread(name, fn, arg, stack_size);
    if (!thread)
        return NULL;
    _REENT_INIT_PTR(&thread->own_reent);
    thread->reent = &thread->own_reent;
    waitq_append(&runnable, thread);
    return thread;
}

static void destroy(struct thread *thread)
{
    _reclaim_reent(thread->reent);
    stack_free(thread->stack_first, thread->stack_pages);
    free(thread);
}

static void collect_garbage(void)
{
    struct thread *thread = garbage;
    garbage = NULL;
    if (thread)
        destroy(thread);
}

// First C function of every thread.
void thread_main(void)
{
    collect_garbage();
    current->fn(current->arg);
    thread_exit();
}

static void schedule(void);

void thread_exit(void)
{
    current->ended = true;
    waitq_wake_all(&current->joiners);
    if (current->detached)
        garbage = current;
    schedule();
    __builtin_unreachable();
}

void thread_join(struct thread *thread)
{
    while (!thread->ended)
        waitq_wait(&thread->joiners, DEADLINE_NEVER);
    destroy(thread);
}

void thread_detach(struct thread *thread)
{
    thread->detached = true;
    if (thread->ended)
        destroy(thread);
}

// ---- scheduling
// ---------------------------------------------------------------------------------------------------

static void sleepers_insert(struct thread *thread)
{
    struct thread **at = &sleepers;
    while (*at && (*at)->deadline <= thread->deadline)
        at = &(*at)->next_sleeper;
    thread->next_sleeper = *at;
    *at = thread;
}

static void sleepers_remove(struct thread *thread)
{
    for (struct thread **at = &sleepers; *at; at = &(*at)->next_sleeper) {
        if (*at == thread) {
            *at = thread->next_sleeper;
            return;
        }
    }
}

void thread_wake(struct thread *thread)
{
    if (thread->deadline != DEADLINE_NEVER) {
        sleepers_remove(thread);
        thread->deadline = DEADLINE_NEVER;
    }
    waitq_append(&runnable, thread);
}

static void wake_expired(void)
{
    if (!sleepers)
        return;
    uint64_t now = time_now();
    while (sleepers && sleepers->deadline <= now) {
        struct thread *thread = sleepers;
        thread->timed_out = true;
        if (thread->waiting_on)
            waitq_remove(thread->waiting_on, thread);
        thread_wake(thread);
    }
}

// Halts until an interrupt, unless an event came since the last look: STI takes effect after the next
// instruction, so nothing gets in between it and HLT.
static void idle(void)
{
    if (sleepers)
        time_arm(sleepers->deadline);
    interrupts_disable();
    if (event_any_pending())
        interrupts_enable();
    else
        __asm__ volatile("sti; hlt" ::: "memory");
}

static void switch_to(struct thread *next)
{
    struct thread *before = current;
    if (next == before)
        return;
    current = next;
    _impure_ptr = next->reent;
    thread_switch(&before->rsp, next->rsp);
    collect_garbage();
}

// Goes on with the next runnable thread; the caller has queued the current one somewhere, or ended it.
static void schedule(void)
{
    struct thread *next;
    if (!thread_may_block())
        guest_panic("blocking inside an event handler");
    for (;;) {
        event_dispatch();
        wake_expired();
        next = waitq_pop(&runnable);
        if (next)
            break;
        idle();
    }
    switch_to(next);
}

void thread_yield(void)
{
    waitq_append(&runnable, current);
    schedule();
}

bool thread_block(struct waitq *queue, uint64_t deadline)
{
    current->timed_out = false;
    current->deadline = deadline;
    if (queue)
        waitq_append(queue, current);
    current->waiting_on = queue;
    if (deadline != DEADLINE_NEVER)
        sleepers_insert(current);
    schedule();
    return !current->timed_out;
}

void thread_sleep_until(uint64_t deadline)
{
    thread_block(NULL, deadline);
}

void thread_sleep(uint64_t ns)
{
    thread_sleep_until(time_after(ns));
}

// Start-up becomes thread "main", on newlib's own global context, never to come back to the boot stack.
void thread_init(void (*main_fn)(void *))
{
    static uint64_t boot_rsp;
    struct thread *thread = new_thread("main", main_fn, NULL, MAIN_STACK_SIZE);
    if (!thread)
        guest_panic("no memory for the first thread");
    thread->reent = _global_impure_ptr;
    current = thread;
    thread_switch(&boot_rsp, thread->rsp);
    __builtin_unreachable();
}

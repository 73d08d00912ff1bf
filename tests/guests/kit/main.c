// SPDX-License-Identifier: MIT
//
// The guest kit's own promises: threads, waiting, memory, clocks, newlib, the store client.

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/time.h>
#include <guest/event.h>
#include <guest/mem.h>
#include <guest/thread.h>
#include <guest/time.h>
#include <guest/xenstore.h>
#include "../test.h"

// ---- threads
// ------------------------------------------------------------------------------------------------------

static char trace[32];
static size_t traced;

static void trace_letter(void *letter)
{
    for (int i = 0; i < 3; i++) {
        trace[traced++] = *(const char *)letter;
        thread_yield();
    }
}

static void test_round_robin(void)
{
    struct thread *a = thread_create("a", trace_letter, "A", 0);
    struct thread *b = thread_create("b", trace_letter, "B", 0);
    thread_join(a);
    thread_join(b);
    CHECK(!strcmp(trace, "ABABAB"));
}

static void set_errno(void *value)
{
    errno = *(int *)value;
    thread_yield();
    CHECK_EQUAL(errno, *(int *)value);
}

static void test_errno_is_per_thread(void)
{
    int one = 1, two = 2;
    errno = 3;
    struct thread *a = thread_create("one", set_errno, &one, 0);
    struct thread *b = thread_create("two", set_errno, &two, 0);
    thread_join(a);
    thread_join(b);
    CHECK_EQUAL(errno, 3);
}

static struct mutex mutex = MUTEX_INIT;
static int counter;

static void count_slowly(void *unused)
{
    (void)unused;
    for (int i = 0; i < 100; i++) {
        mutex_lock(&mutex);
        int seen = counter;
        thread_yield();
        counter = seen + 1;
        mutex_unlock(&mutex);
    }
}

static void test_mutex(void)
{
    struct thread *threads[5];
    for (int i = 0; i < 5; i++)
        threads[i] = thread_create("counter", count_slowly, NULL, 4096);
    for (int i = 0; i < 5; i++)
        thread_join(threads[i]);
    CHECK_EQUAL(counter, 500);
}

static void nap(void *ms)
{
    thread_sleep(*(unsigned *)ms * NS_PER_MS);
    trace[traced++] = (char)('0' + *(unsigned *)ms / 10);
}

static void test_sleep(void)
{
    unsigned naps[] = {30, 10, 20};
    struct thread *threads[3];
    traced = 0;
    uint64_t start = time_now();
    for (int i = 0; i < 3; i++)
        threads[i] = thread_create("nap", nap, &naps[i], 0);
    for (int i = 0; i < 3; i++)
        thread_join(threads[i]);
    CHECK(!memcmp(trace, "123", 3));
    CHECK(time_now() - start >= 30 * NS_PER_MS);
    CHECK(time_now() - start < 5 * NS_PER_S);
}

static struct waitq queue = WAITQ_INIT;
static bool ready;

static void make_ready(void *unused)
{
    (void)unused;
    thread_sleep(NS_PER_MS);
    ready = true;
    waitq_wake_all(&queue);
}

static void test_wait_queue(void)
{
    CHECK(!waitq_wait(&queue, time_after(NS_PER_MS)));
    CHECK(!waitq_wait_event(&queue, ready, time_after(NS_PER_MS)));
    thread_detach(thread_create("maker", make_ready, NULL, 0));
    CHECK(waitq_wait_event(&queue, ready, time_after(5 * NS_PER_S)));
    CHECK(queue.first == NULL && queue.last == NULL);
}

static void nothing(void *unused)
{
    (void)unused;
}

static void test_threads_leave_nothing(void)
{
    struct mem_info before, after;
    thread_join(thread_create("warm up", nothing, NULL, 0));
    mem_info(&before);
    for (int i = 0; i < 2000; i++)
        thread_join(thread_create("short", nothing, NULL, 0));
    mem_info(&after);
    CHECK_EQUAL(before.free - after.free, 0);
}

static void say(void *unused)
{
    (void)unused;
    printf("printed by a thread with stdio buffers of its own\n");
}

// ---- memory
// -------------------------------------------------------------------------------------------------------

static void test_heap_takes_all_memory(void)
{
    struct mem_info before, after;
    struct block {
        struct block *next;
        unsigned char bytes[65536 - sizeof(struct block *)];
    } *blocks = NULL, *block;
    size_t count = 0;
    mem_info(&before);
    uint64_t slack = (1 << 20) + before.free / 256; // page tables, which stay
    while ((block = malloc(sizeof(*block)))) {
        memset(block->bytes, (int)count, sizeof(block->bytes));
        block->next = blocks;
        blocks = block;
        count++;
    }
    mem_info(&after);
    printf("malloc got %zu of %llu KiB free\n", count * 64, (unsigned long long)before.free >> 10);
    CHECK(after.free < 1 << 20);
    CHECK(count * 65536 + slack > before.free);
    while (blocks) {
        block = blocks;
        CHECK(block->bytes[0] == (unsigned char)--count);
        CHECK(block->bytes[sizeof(block->bytes) - 1] == (unsigned char)count);
        blocks = block->next;
        free(block);
    }
    mem_info(&after);
    CHECK(before.free - after.free < slack);
}

static void test_calloc_clears(void)
{
    unsigned char *dirty = malloc(1 << 20);
    memset(dirty, 0xaa, 1 << 20);
    free(dirty);
    unsigned char *clean = calloc(1, 1 << 20);
    size_t wrong = 0;
    for (size_t i = 0; i < 1 << 20; i++)
        wrong += clean[i] != 0;
    CHECK_EQUAL(wrong, 0);
    free(clean);
}

static void test_pages(void)
{
    struct mem_info before, after;
    mem_info(&before);
    char *pages = page_alloc(300);
    CHECK(pages && mem_gfn_of(pages) == (uintptr_t)pages >> 12);
    memset(pages, 1, 300 * PAGE_SIZE);
    page_free(pages, 100);
    page_free(pages + 100 * PAGE_SIZE, 200);
    mem_info(&after);
    CHECK_EQUAL(after.free, before.free);
    CHECK(!page_alloc((size_t)1 << 40));
    int on_stack;
    char *on_heap = malloc(1);
    CHECK(mem_gfn_of(&on_stack) != INVALID_GFN);
    CHECK(mem_gfn_of(on_heap) != INVALID_GFN);
    CHECK(mem_gfn_of(NULL) == INVALID_GFN);
    free(on_heap);
}

static void test_gfn_window(void)
{
    uint64_t a = gfn_window_alloc(10), b = gfn_window_alloc(1);
    CHECK(a >= 1 << 20 && b >= a + 10);
    CHECK(mem_gfn_of(mem_of_gfn(a)) == a);
    gfn_window_free(a, 10);
    gfn_window_free(b, 1);
    CHECK(gfn_window_alloc(1u << 20) == INVALID_GFN);
}

// ---- clocks, newlib
// ---------------------------------------------------------------------------------------------------

static void test_clocks(void)
{
    uint64_t last = time_now();
    for (int i = 0; i < 1000; i++) {
        uint64_t now = time_now();
        CHECK(now >= last);
        last = now;
    }
    struct timeval tv;
    gettimeofday(&tv, NULL);
    CHECK(tv.tv_sec > 900000000);
    CHECK_EQUAL(time_after(UINT64_MAX), DEADLINE_NEVER);
}

static void test_newlib(void)
{
    char text[64];
    snprintf(text, sizeof(text), "%.3f %g %lld %zu", 3.14159, 1e100, -1234567890123456789LL, sizeof(text));
    CHECK(!strcmp(text, "3.142 1e+100 -1234567890123456789 64"));
    CHECK(strtod("2.5e3", NULL) == 2500.0);
    CHECK(open("/files/no such file", O_RDONLY) == -1 && errno == ENOENT);
    CHECK(open("/etc/passwd", O_RDONLY) == -1 && errno == ENOENT);
    CHECK(write(7, "", 0) == -1 && errno == EBADF);
    CHECK(isatty(1));
}

// ---- the store
// ----------------------------------------------------------------------------------------------------

static unsigned fired;

static void on_change(const char *path, void *arg)
{
    CHECK(!strncmp(path, arg, strlen(arg)));
    fired++;
}

static int write_both(xs_tx tx, void *value)
{
    int rc = xs_write(tx, "data/a", value, strlen(value));
    return rc ? rc : xs_write(tx, "data/b", value, strlen(value));
}

static int refuse(xs_tx tx, void *unused)
{
    (void)unused;
    xs_write(tx, "data/a", "lost", 4);
    return -EPERM;
}

static void test_store_nodes(void)
{
    unsigned count = 0, domid = 0;
    char *value;
    CHECK_EQUAL(xs_scanf(XS_NONE, "domid", "%u", &domid), 1);
    CHECK_EQUAL(xs_printf(XS_NONE, "data/test", "%d apples", 3), 0);
    value = xs_read(XS_NONE, "data/test", NULL);
    CHECK(value && !strcmp(value, "3 apples"));
    free(value);
    CHECK(!xs_read(XS_NONE, "data/nothing", NULL) && errno == ENOENT);
    CHECK_EQUAL(xs_mkdir(XS_NONE, "data/dir/sub"), 0);
    char **names = xs_ls(XS_NONE, "data/dir", &count);
    CHECK(names && count == 1 && !strcmp(names[0], "sub"));
    free(names);
    CHECK_EQUAL(xs_rm(XS_NONE, "data/dir"), 0);
    CHECK(xs_write(XS_NONE, "/local/domain/0/name", "mine", 4) == -EACCES);
    char **perms = xs_get_perms(XS_NONE, "data/test", &count);
    CHECK(perms && count >= 1);
    free(perms);
    char *path = xs_domain_path((domid_t)domid);
    CHECK(path && !strncmp(path, "/local/domain/", 14));
    free(path);
}

static void test_store_transactions(void)
{
    CHECK_EQUAL(xs_transaction(write_both, "both"), 0);
    CHECK_EQUAL(xs_transaction(refuse, NULL), -EPERM);
    char *value = xs_read(XS_NONE, "data/a", NULL);
    CHECK(value && !strcmp(value, "both"));
    free(value);
}

static void test_store_watches(void)
{
    struct xs_watch *watch = xs_watch("data/watched", on_change, "data/watched");
    CHECK(watch != NULL);
    for (int i = 0; i < 100 && fired < 1; i++)
        thread_sleep(10 * NS_PER_MS);
    CHECK_EQUAL(fired, 1);
    xs_write(XS_NONE, "data/watched/below", "x", 1);
    for (int i = 0; i < 100 && fired < 2; i++)
        thread_sleep(10 * NS_PER_MS);
    CHECK_EQUAL(fired, 2);
    xs_unwatch(watch);
    xs_write(XS_NONE, "data/watched/below", "y", 1);
    thread_sleep(20 * NS_PER_MS);
    CHECK_EQUAL(fired, 2);
}

static void hammer_store(void *key)
{
    for (int i = 0; i < 50; i++) {
        int seen = -1;
        xs_printf(XS_NONE, key, "%d", i);
        CHECK_EQUAL(xs_scanf(XS_NONE, key, "%d", &seen), 1);
        CHECK_EQUAL(seen, i);
    }
}

static void test_store(void)
{
    if (!xs_available()) {
        test_note(TEST_SKIP, "this domain has no store");
        return;
    }
    test_store_nodes();
    test_store_transactions();
    test_store_watches();
    struct thread *a = thread_create("a", hammer_store, "data/one", 0);
    struct thread *b = thread_create("b", hammer_store, "data/two", 0);
    thread_join(a);
    thread_join(b);
}

int main(void)
{
    printf("testing the guest kit\n"); // stdout has its buffer now, not at the far end of a full heap
    test_round_robin();
    test_errno_is_per_thread();
    test_mutex();
    test_sleep();
    test_wait_queue();
    test_threads_leave_nothing();
    thread_join(thread_create("speaker", say, NULL, 0));
    test_calloc_clears();
    test_pages();
    test_heap_takes_all_memory();
    test_gfn_window();
    test_clocks();
    test_newlib();
    test_store();
    return test_end("kit");
}

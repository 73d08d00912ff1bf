// SPDX-License-Identifier: MIT
//
// A client of the store that trusts nothing: it counts in a node of its own, directly and in transactions in
// turn, reads each number back, and waits until its watch has told of it. `seconds=N` (10) is how long.

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <guest/main.h>
#include <guest/thread.h>
#include <guest/time.h>
#include <guest/xenstore.h>
#include "../test.h"

#define fail(...)   (test_note(TEST_FAIL, __VA_ARGS__), false)
#define EVENT_LIMIT (20 * NS_PER_S) // for what a busy store tells

static struct waitq told;
static unsigned long seen, events;

static unsigned long read_number(const char *path)
{
    unsigned long number = 0;
    return xs_scanf(XS_NONE, path, "%lu", &number) == 1 ? number : 0;
}

static void on_change(const char *path, void *unused)
{
    (void)unused;
    events++;
    seen = read_number(path);
    waitq_wake_all(&told);
}

static int write_both(xs_tx tx, void *number)
{
    unsigned long before, now = *(unsigned long *)number;
    int rc = xs_scanf(tx, "data/count", "%lu", &before);
    if (rc == 1 && before + 1 != now)
        return -EPROTO;
    rc = xs_printf(tx, "data/count", "%lu", now);
    return rc ? rc : xs_printf(tx, "data/copy", "%lu", now);
}

static int write_number(unsigned long number)
{
    if (number % 2)
        return xs_printf(XS_NONE, "data/count", "%lu", number);
    return xs_transaction(write_both, &number);
}

static bool check(unsigned long number)
{
    int rc = write_number(number);
    if (rc)
        return fail("writing %lu: %s", number, strerror(-rc));
    if (read_number("data/count") != number)
        return fail("what was written isn't there: %lu", number);
    if (number % 2 == 0 && read_number("data/copy") != number)
        return fail("half a transaction is there: %lu", number);
    if (!waitq_wait_event(&told, seen == number, time_after(EVENT_LIMIT)))
        return fail("the watch did not tell of %lu, but of %lu", number, seen);
    return true;
}

// More names than fit one reply.
static void check_long_list(void)
{
    unsigned count = 0, wanted = 200;
    char path[64];
    for (unsigned i = 0; i < wanted; i++) {
        snprintf(path, sizeof(path), "data/list/a-name-of-some-length-%03u", i);
        if (xs_mkdir(XS_NONE, path))
            test_note(TEST_FAIL, "mkdir %s", path);
    }
    char **names = xs_ls(XS_NONE, "data/list", &count);
    CHECK(names);
    CHECK_EQUAL(count, wanted);
    for (unsigned i = 0; names && i < count; i++) {
        snprintf(path, sizeof(path), "a-name-of-some-length-%03u", i);
        CHECK(!strcmp(names[i], path));
    }
    free(names);
    CHECK_EQUAL(xs_rm(XS_NONE, "data/list"), 0);
}

int main(int argc, char **argv)
{
    unsigned long seconds = 10, number = 0;
    for (int i = 1; i < argc; i++)
        sscanf(argv[i], "seconds=%lu", &seconds);
    uint64_t end = time_after(seconds * NS_PER_S);
    int rc = xs_printf(XS_NONE, "data/count", "0");
    if (rc) {
        test_note(TEST_FAIL, "the first write: %s", strerror(-rc));
    } else if (!xs_watch("data/count", on_change, NULL)) {
        test_note(TEST_FAIL, "no watch: %s", strerror(errno));
    } else {
        check_long_list();
        while (time_now() < end && check(number + 1))
            number++;
    }
    printf("%lu numbers written, %lu events\n", number, events);
    return test_end("store");
}

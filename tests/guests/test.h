// SPDX-License-Identifier: MIT
//
// What every test guest is written with: checks that go on after a failure, and one closing line,
// `TEST <name>: PASS`, `TEST <name>: SKIP <why>` or `TEST <name>: FAIL <first failure>`. The worst outcome
// wins.
#ifndef TESTS_GUESTS_TEST_H
#define TESTS_GUESTS_TEST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <guest/hypercall.h>

enum test_outcome { TEST_PASS, TEST_SKIP, TEST_FAIL };

// Weak: one of each however many files include this.
__attribute__((weak)) enum test_outcome test_worst;
__attribute__((weak)) char test_why[160];

// Notes an outcome and says so at once; the text of the first of the worst kind goes into the closing line.
__attribute__((format(printf, 2, 3), unused)) static void test_note(enum test_outcome outcome,
                                                                    const char *format, ...)
{
    char text[sizeof(test_why)];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    printf("%s: %s\n", outcome == TEST_FAIL ? "failed" : "skipped", text);
    if (outcome > test_worst) {
        test_worst = outcome;
        snprintf(test_why, sizeof(test_why), "%s", text);
    }
}

#define CHECK(condition) \
    ((condition) ? (void)0 : test_note(TEST_FAIL, "%s:%d: %s", __FILE_NAME__, __LINE__, #condition))

#define CHECK_EQUAL(actual, expected)                                                                  \
    do {                                                                                               \
        long long actual_ = (long long)(actual), expected_ = (long long)(expected);                    \
        if (actual_ != expected_)                                                                      \
            test_note(TEST_FAIL, "%s:%d: %s is %lld (0x%llx), not %s = %lld", __FILE_NAME__, __LINE__, \
                      #actual, actual_, actual_, #expected, expected_);                                \
    } while (0)

// True on Proxenos: for what it promises beyond real Xen.
__attribute__((unused)) static bool test_on_proxenos(void)
{
    char extra[XEN_EXTRAVERSION_LEN] = "";
    HYPERVISOR_xen_version(XENVER_extraversion, extra);
    return strstr(extra, "proxenos");
}

// Prints the closing line; the result is main's.
__attribute__((unused)) static int test_end(const char *name)
{
    static const char *const words[] = {"PASS", "SKIP", "FAIL"};
    if (test_worst == TEST_PASS)
        printf("TEST %s: PASS\n", name);
    else
        printf("TEST %s: %s %s\n", name, words[test_worst], test_why);
    return test_worst == TEST_FAIL;
}

#endif

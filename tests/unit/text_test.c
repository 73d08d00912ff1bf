// SPDX-License-Identifier: MIT
// Text: formatting against the C library's, numbers, the string functions, the log ring.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"

#include <hv/cmdline.h>
#include <hv/console.h>
#include <hv/printk.h>

// The hypervisor's own libc functions beside the real ones.
#define memcmp  hv_memcmp
#define strlen  hv_strlen
#define strnlen hv_strnlen
#define strcmp  hv_strcmp
#define strncmp hv_strncmp
#define strchr  hv_strchr
#include "../../hypervisor/libc.c"
#undef memcmp
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr

// Both formatters must agree, on the text and on its length, whatever the room.
#define assert_formats(...)                                                                        \
    do {                                                                                           \
        for (size_t room = 0; room < 80; room += 7) {                                              \
            char ours[80] = "", theirs[80] = "";                                                   \
            int n = hv_snprintf(ours, room, __VA_ARGS__), m = snprintf(theirs, room, __VA_ARGS__); \
            assert_string_equal(ours, theirs);                                                     \
            assert_int_equal(n, m);                                                                \
        }                                                                                          \
    } while (0)

static void test_format_numbers(void **state)
{
    (void)state;
    assert_formats("%d %i %u %x", -5, 0, 4000000000U, 0xbeefU);
    assert_formats("%d|%ld|%lld", INT32_MIN, INT64_MIN, (long long)INT64_MAX);
    assert_formats("%lu|%lx|%zu|%zx", ~0UL, ~0UL, (size_t)7, (size_t)255);
    assert_formats("%hu|%hhu|%hx", 70000, 300, 0x12345);
    assert_formats("%5d|%-5d|%05d|%05d|", 42, 42, 42, -42);
    assert_formats("%016lx|%8x|%-8x|%2x", 0x1234UL, 0xabU, 0xabU, 0x12345U);
    assert_formats("%70d|", 1);
    assert_formats("%p", (void *)0x1234);
}

static void test_format_text(void **state)
{
    (void)state;
    assert_formats("%s|%10s|%-10s|%.2s|%5.1s|%.0s|", "hello", "hello", "hello", "hello", "hello", "hello");
    assert_formats("%c%c|%3c|%-3c|", 'a', 'b', 'c', 'd');
    assert_formats("100%% of %s", "it");
    assert_formats("plain");
    char unterminated[3] = {'a', 'b', 'c'};
    assert_formats("%.3s", unterminated);
}

static void test_format_ends_with_its_string(void **state)
{
    static const char *const cut[] = {"abc%", "abc%-", "abc%0", "abc%12", "abc%l", "abc%."};
    char buf[16];

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cut); i++) {
        // Not a literal on purpose: a compiler would refuse these.
        const char *volatile fmt = cut[i];
        hv_snprintf(buf, sizeof(buf), fmt);
        assert_string_equal(buf, "abc");
    }
}

static void test_parse_number(void **state)
{
    static const struct {
        const char *text;
        uint64_t value;
        const char *rest;
    } good[] = {
        {"0", 0, ""},
        {"42x", 42, "x"},
        {"0x1F", 31, ""},
        {"0xabcdefG", 0xabcdefUL << 30, ""},
        {"64M", 64UL << 20, ""},
        {"2k,", 2048, ","},
        {"1g", 1UL << 30, ""},
        {"18446744073709551615", ~0UL, ""},
        {"007", 7, ""},
        {"12 ", 12, " "},
    };
    static const char *const bad[] = {"",  "x", "-1", "0x", "0xg", "18446744073709551616", "17179869184G",
                                      "M", " 1"};
    const char *end;
    uint64_t value;

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
        assert_true(parse_number(good[i].text, &end, &value));
        assert_int_equal(value, good[i].value);
        assert_string_equal(end, good[i].rest);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(parse_number(bad[i], &end, &value));
}

static void test_strlcpy(void **state)
{
    char buf[4];

    (void)state;
    assert_int_equal(hv_strlcpy(buf, "ab", sizeof(buf)), 2);
    assert_string_equal(buf, "ab");
    assert_int_equal(hv_strlcpy(buf, "abcdef", sizeof(buf)), 6);
    assert_string_equal(buf, "abc");
    assert_int_equal(hv_strlcpy(buf, "xyz", 1), 3);
    assert_string_equal(buf, "");
}

static int sign_of(int n)
{
    return (n > 0) - (n < 0);
}

static void test_libc(void **state)
{
    static const char *const words[] = {"", "a", "ab", "abc", "abd", "b", "\xff", "ab\xfe"};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        assert_int_equal(hv_strlen(words[i]), strlen(words[i]));
        assert_int_equal(hv_strnlen(words[i], 2), strnlen(words[i], 2));
        assert_ptr_equal(hv_strchr(words[i], 'b'), strchr(words[i], 'b'));
        assert_ptr_equal(hv_strchr(words[i], 0), strchr(words[i], 0));
        for (unsigned j = 0; j < ARRAY_SIZE(words); j++) {
            assert_int_equal(sign_of(hv_strcmp(words[i], words[j])), sign_of(strcmp(words[i], words[j])));
            for (size_t n = 0; n < 4; n++)
                assert_int_equal(sign_of(hv_strncmp(words[i], words[j], n)),
                                 sign_of(strncmp(words[i], words[j], n)));
        }
    }
    assert_int_equal(hv_memcmp("a\0b", "a\0b", 3), 0);
    assert_true(hv_memcmp("a\0b", "a\0\xff", 3) < 0);
    assert_int_equal(hv_memcmp("a", "b", 0), 0);
}

// --- the log ---

static size_t read_log(char *buf, size_t size, uint64_t *pos)
{
    size_t n = log_read(buf, size - 1, pos, false);

    buf[n] = '\0';
    return n;
}

static void test_log_levels(void **state)
{
    char buf[256];
    uint64_t pos = ~0UL;

    (void)state;
    log_read(buf, 0, &(uint64_t){0}, true); // empties the ring
    pos = 0;
    hv_options.log_level = LOG_WARNING;
    harness_console_clear();
    log_info("quiet %d", 1);
    log_warning("loud %d", 2);
    assert_string_equal(harness_console, "(PXN) loud 2\n");
    read_log(buf, sizeof(buf), &pos);
    assert_string_equal(buf, "(PXN) quiet 1\n(PXN) loud 2\n");
    assert_int_equal(read_log(buf, sizeof(buf), &pos), 0);
    hv_options.log_level = -1;
    harness_console_clear();
    log_error("nobody hears this");
    assert_string_equal(harness_console, "");
    hv_options.log_level = LOG_INFO;
}

static void test_log_lines_begin_a_line(void **state)
{
    (void)state;
    harness_console_clear();
    console_write("prompt> ", 8);
    log_error("x");
    log_error("y");
    console_write("ls\n", 3);
    log_error("z");
    assert_string_equal(harness_console, "prompt> \n(PXN) x\n(PXN) y\nls\n(PXN) z\n");
}

static void test_long_lines_are_cut(void **state)
{
    char text[2000], buf[4096];
    uint64_t pos = 0;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    log_read(buf, 0, &(uint64_t){0}, true);
    log_debug("%s", text);
    size_t n = read_log(buf, sizeof(buf), &pos);
    assert_true(n > 400 && n < 600);
    assert_int_equal(buf[n - 1], '\n');
    assert_int_equal(strspn(buf + 6, "x"), n - 7);
}

// A reader that fell behind goes on at the oldest byte that is left.
static void test_log_ring_wraps(void **state)
{
    static char buf[100000];
    uint64_t pos = 0, before = 0;

    (void)state;
    log_read(buf, 0, &before, true);
    log_debug("before");
    log_init();
    size_t kept = log_read(buf, sizeof(buf), &before, false);
    assert_int_equal(kept, strlen("(PXN) before\n"));
    assert_memory_equal(buf, "(PXN) before\n", kept);
    for (unsigned i = 0; i < 5000; i++)
        log_debug("line %u", i);
    size_t n = log_read(buf, sizeof(buf) - 1, &pos, false);
    buf[n] = '\0';
    assert_int_equal(n, 65536);
    assert_non_null(strstr(buf, "line 4999\n"));
    assert_null(strstr(buf, "line 10\n"));
    assert_null(strstr(buf, "before"));
    uint64_t end = pos;
    log_debug("more");
    n = log_read(buf, 5, &pos, false);
    assert_int_equal(n, 5);
    assert_memory_equal(buf, "(PXN)", 5);
    assert_int_equal(pos, end + 5);
}

static void panic_with_detail(void *arg)
{
    panic("out of %s", (const char *)arg);
}

static void test_panic_is_always_heard(void **state)
{
    (void)state;
    hv_options.log_level = -1;
    assert_true(harness_panics(panic_with_detail, "ink"));
    assert_string_equal(harness_console, "PANIC: out of ink\n");
    harness_console_clear();
    log_debug("registers");
    assert_string_equal(harness_console, "(PXN) registers\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format_numbers),
        cmocka_unit_test(test_format_text),
        cmocka_unit_test(test_format_ends_with_its_string),
        cmocka_unit_test(test_parse_number),
        cmocka_unit_test(test_strlcpy),
        cmocka_unit_test(test_libc),
        cmocka_unit_test(test_log_levels),
        cmocka_unit_test(test_log_lines_begin_a_line),
        cmocka_unit_test(test_long_lines_are_cut),
        cmocka_unit_test(test_log_ring_wraps),
        cmocka_unit_test(test_panic_is_always_heard), // last: from then on every line is shown
    };

    harness_init(); // log_init() needs the page allocator
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
// Unit tests of xl's command lines, its table rows and its JSON.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dom0/json.h>
#include <dom0/xl.h>

#include "../../dom0-tools/xl/xl_commands.h"

static const struct xl_command sample = {
    .name = "sample",
    .arguments = "DOMAIN [KEY=VALUE]...",
    .summary = "Does nothing",
    .min_arguments = 1,
    .max_arguments = 2,
    .options = {{'c', "console", NULL, "Connect"},
                {'f', "defconfig", "FILE", "Read FILE"},
                {0, "json", NULL, "Print JSON"}},
};

const struct xl_command *xl_command_get(size_t n)
{
    return n == 0 ? &sample : NULL;
}

// Parse the words of `line`, parted by single blanks.
static int parse(const char *line, struct xl_args *args, bool *help, struct error *err)
{
    static char words[200];
    static char *argv[16];
    int argc = 0;

    strcpy(words, line);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    *help = false;
    return xl_parse(&sample, argc, argv, args, help, err);
}

static void options_stand_anywhere(void **state)
{
    struct xl_args args;
    struct error err;
    bool help;

    (void)state;
    assert_int_equal(parse("one -c two --json", &args, &help, &err), 0);
    assert_int_equal(args.argc, 2);
    assert_string_equal(args.argv[0], "one");
    assert_string_equal(args.argv[1], "two");
    assert_true(xl_given(&args, "console"));
    assert_true(xl_given(&args, "json"));
    assert_false(xl_given(&args, "defconfig"));
    assert_null(xl_value(&args, "defconfig"));
    assert_int_equal(parse("-- -c", &args, &help, &err), 0);
    assert_string_equal(args.argv[0], "-c");
    assert_int_equal(parse("-", &args, &help, &err), 0);
    assert_string_equal(args.argv[0], "-");
}

static void options_take_values_in_every_form(void **state)
{
    static const char *const forms[] = {"a -f x",          "a -fx",           "-cf x a",
                                        "a --defconfig x", "--defconfig=x a", "-cfx a"};

    (void)state;
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        struct xl_args args;
        struct error err;
        bool help;

        assert_int_equal(parse(forms[i], &args, &help, &err), 0);
        assert_string_equal(xl_value(&args, "defconfig"), "x");
        assert_int_equal(args.argc, 1);
        assert_string_equal(args.argv[0], "a");
    }
}

static void wrong_words_are_named(void **state)
{
    static const char *const cases[][2] = {
        {"a -x", "no option '-x'"},    {"a --xyz", "no option '--xyz'"}, {"a --con", "no option '--con'"},
        {"a -f", "'-f' wants a FILE"}, {"a --json=1", "takes no value"}, {"a --defconfig", "wants a FILE"},
        {"", "wants DOMAIN"},          {"-c", "wants DOMAIN"},           {"a b c", "too many: 'c'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct xl_args args;
        struct error err;
        bool help;

        assert_int_equal(parse(cases[i][0], &args, &help, &err), -EINVAL);
        assert_non_null(strstr(err.text, cases[i][1]));
    }
}

static void help_comes_before_everything_behind_it(void **state)
{
    struct xl_args args;
    struct error err;
    bool help;

    (void)state;
    assert_int_equal(parse("--help --nonsense", &args, &help, &err), 0);
    assert_true(help);
    assert_int_equal(parse("a b c -h", &args, &help, &err), 0);
    assert_true(help);
}

// What `print` writes, in a buffer to free.
static char *written(void (*print)(FILE *out))
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    print(out);
    fclose(out);
    return text;
}

static void print_sample_help(FILE *out)
{
    xl_print_help("xl", &sample, out);
}

static void help_shows_usage_and_options(void **state)
{
    char *text = written(print_sample_help);

    (void)state;
    assert_string_equal(text,
                        "Usage: xl sample [OPTION]... DOMAIN [KEY=VALUE]...\n\nDoes nothing.\n\nOptions:\n"
                        "  -c, --console            Connect\n"
                        "  -f, --defconfig FILE     Read FILE\n"
                        "      --json               Print JSON\n");
    free(text);
}

// The expected texts are what Xen 4.17's xl prints for the same figures.
static void rows_have_the_columns_of_the_original(void **state)
{
    struct xen_domctl_getdomaininfo info = {.domain = 0,
                                            .flags = XEN_DOMINF_running,
                                            .tot_pages = 512 * 256,
                                            .nr_online_vcpus = 1,
                                            .cpu_time = UINT64_C(12349999999)};
    char row[XL_LIST_ROW_MAX];

    (void)state;
    assert_string_equal(XL_LIST_HEADER,
                        "Name                                        ID   Mem VCPUs\tState\tTime(s)");
    xl_format_row(row, "Domain-0", &info);
    assert_string_equal(row,
                        "Domain-0                                     0   512     1     r-----      12.3");
    info.domain = 17;
    info.flags = XEN_DOMINF_blocked | XEN_DOMINF_paused;
    info.cpu_time = 0;
    xl_format_row(row, "guest", &info);
    assert_string_equal(row,
                        "guest                                       17   512     1     -bp---       0.0");
    info.flags = XEN_DOMINF_shutdown | XEN_DOMINF_dying | SHUTDOWN_crash << XEN_DOMINF_shutdownshift;
    xl_format_row(row, "guest", &info);
    assert_string_equal(row,
                        "guest                                       17   512     1     ---scd       0.0");
    info.flags = XEN_DOMINF_shutdown | 200u << XEN_DOMINF_shutdownshift;
    xl_format_row(row, "guest", &info);
    assert_string_equal(row,
                        "guest                                       17   512     1     ---s?-       0.0");
}

static void uptimes_are_written_like_the_original_s(void **state)
{
    static const struct {
        uint64_t seconds;
        bool brief;
        const char *text;
    } cases[] = {
        {0, false, " 0:00:00"},
        {3 * 3600 + 25 * 60 + 7, false, " 3:25:07"},
        {86400 + 11 * 3600, false, "1 day, 11:00:00"},
        {10 * 86400 + 59, true, "10 days,  0:00"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char text[XL_UPTIME_MAX];

        xl_format_uptime(text, cases[i].seconds, cases[i].brief);
        assert_string_equal(text, cases[i].text);
    }
}

static void print_sample_json(FILE *out)
{
    struct json json;

    json_init(&json, out);
    json_begin_array(&json, NULL);
    json_begin_object(&json, NULL);
    json_string(&json, "name", "a\"\\\n\x01\xe4");
    json_number(&json, "n", UINT64_MAX);
    json_seconds(&json, "s", 1002003004);
    json_string(&json, "none", NULL);
    json_begin_array(&json, "empty");
    json_end_array(&json);
    json_end_object(&json);
    json_begin_object(&json, NULL);
    json_end_object(&json);
    json_number(&json, NULL, 1);
    json_end_array(&json);
}

static void json_is_well_formed(void **state)
{
    char *text = written(print_sample_json);

    (void)state;
    assert_string_equal(
        text, "[\n  {\n    \"name\": \"a\\\"\\\\\\n\\u0001\\u00e4\",\n    \"n\": 18446744073709551615,\n"
              "    \"s\": 1.002003004,\n    \"none\": null,\n    \"empty\": []\n"
              "  },\n  {},\n  1\n]\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_stand_anywhere),
        cmocka_unit_test(options_take_values_in_every_form),
        cmocka_unit_test(wrong_words_are_named),
        cmocka_unit_test(help_comes_before_everything_behind_it),
        cmocka_unit_test(help_shows_usage_and_options),
        cmocka_unit_test(rows_have_the_columns_of_the_original),
        cmocka_unit_test(uptimes_are_written_like_the_original_s),
        cmocka_unit_test(json_is_well_formed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

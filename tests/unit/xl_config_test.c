// SPDX-License-Identifier: MIT
// Unit tests of xl's configuration: the grammar with the place of every error, and the meaning of the keys.
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

#include <dom0/config_file.h>
#include <dom0/domain_settings.h>
#include <dom0/toolstack.h>

// A copy of exact size, so that the sanitizer sees a read behind the end.
static bool parse(struct config_file *file, const char *text, struct config_error *error)
{
    size_t length = strlen(text);
    char *copy = malloc(length ? length : 1);
    bool ok;

    memcpy(copy, text, length);
    ok = config_file_parse(file, copy, length, error);
    free(copy);
    return ok;
}

static const struct config_value *value_of(const struct config_file *file, const char *key)
{
    const struct config_setting *setting = config_file_find(file, key);

    assert_non_null(setting);
    return &setting->value;
}

static void parses_every_kind_of_value(void **state)
{
    static const char text[] = "# a comment\n"
                               "name = \"one\" # behind a value\n"
                               "memory=256;vcpus = 0x10 ; maxmem = 010\r\n"
                               "\n"
                               "extra = 'say \\'hi\\'\\t\\x41\\102'\n"
                               "empty = \"\"\n"
                               "list = [ 'a', # comment in a list\n"
                               "  7, [ \"b\" ], ]\n"
                               "nothing = []";
    struct config_file file = {NULL};
    struct config_error error;
    const struct config_value *list;

    (void)state;
    assert_true(parse(&file, text, &error));
    assert_string_equal(value_of(&file, "name")->string, "one");
    assert_int_equal(value_of(&file, "memory")->number, 256);
    assert_int_equal(value_of(&file, "vcpus")->number, 16);
    assert_int_equal(value_of(&file, "maxmem")->number, 8);
    assert_string_equal(value_of(&file, "extra")->string, "say 'hi'\tAB");
    assert_string_equal(value_of(&file, "empty")->string, "");
    list = value_of(&file, "list");
    assert_int_equal(list->type, CONFIG_LIST);
    assert_int_equal(list->count, 3);
    assert_string_equal(list->items[0].string, "a");
    assert_int_equal(list->items[1].number, 7);
    assert_string_equal(list->items[2].items[0].string, "b");
    assert_int_equal(value_of(&file, "nothing")->count, 0);
    assert_null(config_file_find(&file, "nam"));
    assert_int_equal(config_file_find(&file, "extra")->line, 5);
    assert_int_equal(config_file_find(&file, "vcpus")->column, 12);
    config_file_clear(&file);
}

static void the_last_value_of_a_key_counts(void **state)
{
    struct config_file file = {NULL};
    struct config_error error;

    (void)state;
    assert_true(parse(&file, "a = 1\nl = ['x']\na = 'two'\nl += ['y', 'z']\nm += [1]", &error));
    assert_string_equal(value_of(&file, "a")->string, "two");
    assert_int_equal(value_of(&file, "l")->count, 3);
    assert_string_equal(value_of(&file, "l")->items[2].string, "z");
    assert_int_equal(value_of(&file, "m")->count, 1);
    config_file_clear(&file);
}

static void errors_name_their_place(void **state)
{
    static const struct {
        const char *text;
        unsigned line, column;
        const char *message; // a part of it
    } cases[] = {
        {"name \"x\"", 1, 6, "expected '=', found '\"'"},
        {"\n  name = ", 2, 10, "found end of file"},
        {"a = 1\nname = \"open\nb = 2", 2, 8, "no closing \""},
        {"name = 'open", 1, 8, "no closing '"},
        {"a = 12x", 1, 5, "'12x' is not a number"},
        {"name = foo", 1, 8, "strings need quotes"},
        {"a = 99999999999999999999", 1, 5, "too large"},
        {"a = 1 b = 2", 1, 7, "end of line or ';'"},
        {"= 1", 1, 1, "expected a setting"},
        {"9a = 1", 1, 1, "expected a setting"},
        {"a = [ 1 2 ]", 1, 9, "',' or ']'"},
        {"a = [ 1,\n\n", 3, 1, "found end of file"},
        {"a = [[[[[[[[[1]]]]]]]]]", 1, 13, "nested"},
        {"a = 'x\\q'", 1, 8, "escape"},
        {"a = '\\x0'", 1, 7, "does not fit"},
        {"a = '\\777'", 1, 7, "does not fit"},
        {"a += 1 +", 1, 8, "end of line"},
        {"a + 1", 1, 4, "'=' after '+'"},
        {"\x01", 1, 1, "byte 0x01"},
        {"a = 1; b = [1]; a += [2]", 1, 17, "joins two lists"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct config_file file = {NULL};
        struct config_error error = {0};

        assert_false(parse(&file, cases[i].text, &error));
        assert_non_null(strstr(error.message, cases[i].message));
        assert_int_equal(error.line, cases[i].line);
        assert_int_equal(error.column, cases[i].column);
        config_file_clear(&file);
    }
}

static void every_cut_of_a_file_is_survived(void **state)
{
    static const char text[] =
        "name = \"a\\x41\\n\" ; list = [ 'x', [ 1, 2 ], \"\\\"\" ]\nlist += [ 3 ] # end";

    (void)state;
    for (size_t length = 0; length <= strlen(text); length++) {
        struct config_file file = {NULL};
        struct config_error error;
        char *cut = malloc(length + 1);

        memcpy(cut, text, length);
        cut[length] = '\0';
        parse(&file, cut, &error);
        config_file_clear(&file);
        free(cut);
    }
}

static void overrides_take_words_as_the_shell_leaves_them(void **state)
{
    struct config_file file = {NULL};
    struct config_error error;

    (void)state;
    assert_true(parse(&file, "memory = 64\nname = 'a'", &error));
    assert_true(config_file_override(&file, "memory=256", &error));
    assert_true(config_file_override(&file, "extra=console=hvc0 quiet", &error));
    assert_true(config_file_override(&file, "kernel=/files/a b", &error));
    assert_true(config_file_override(&file, "name='quoted'", &error));
    assert_true(config_file_override(&file, "list=['x', 1]", &error));
    assert_true(config_file_override(&file, "root=", &error));
    assert_true(config_file_override(&file, "version=6.1", &error));
    assert_int_equal(value_of(&file, "memory")->number, 256);
    assert_string_equal(value_of(&file, "extra")->string, "console=hvc0 quiet");
    assert_string_equal(value_of(&file, "kernel")->string, "/files/a b");
    assert_string_equal(value_of(&file, "name")->string, "quoted");
    assert_int_equal(value_of(&file, "list")->count, 2);
    assert_string_equal(value_of(&file, "root")->string, "");
    assert_string_equal(value_of(&file, "version")->string, "6.1");
    assert_false(config_file_override(&file, "memory", &error));
    assert_false(config_file_override(&file, "=1", &error));
    assert_false(config_file_override(&file, "a b=1", &error));
    assert_false(config_file_override(&file, "list=['x'", &error));
    config_file_clear(&file);
}

// ---- the meaning ----

static char warnings[1024];

static void warn(const char *line)
{
    strncat(warnings, line, sizeof(warnings) - strlen(warnings) - 2);
    strcat(warnings, "\n");
}

static int read_settings(const char *text, struct domain_settings *settings, struct error *err)
{
    struct config_file file = {NULL};
    struct config_error error;
    int rc;

    warnings[0] = '\0';
    assert_true(parse(&file, text, &error));
    rc = domain_settings_read(&file, "a.cfg", settings, warn, err);
    config_file_clear(&file);
    return rc;
}

#define MINIMUM "name = 'a'\nkernel = '/files/k'\n"

static void settings_have_defaults(void **state)
{
    static const uint8_t none[16];
    struct domain_settings s;
    struct error err;

    (void)state;
    assert_int_equal(read_settings(MINIMUM, &s, &err), 0);
    assert_string_equal(s.name, "a");
    assert_string_equal(s.kernel, "/files/k");
    assert_null(s.ramdisk);
    assert_string_equal(s.cmdline, "");
    assert_int_equal(s.memory_mib, DEFAULT_MEMORY_MIB);
    assert_int_equal(s.maxmem_mib, DEFAULT_MEMORY_MIB);
    assert_int_equal(s.vcpus, 1);
    assert_int_equal(s.on_poweroff, ACTION_DESTROY);
    assert_int_equal(s.on_reboot, ACTION_RESTART);
    assert_int_equal(s.on_crash, ACTION_DESTROY);
    assert_memory_equal(s.uuid, none, 16);
    assert_string_equal(warnings, "");
    domain_settings_clear(&s);
}

static void settings_are_read(void **state)
{
    struct domain_settings s, copy;
    struct error err;
    char uuid[UUID_TEXT_SIZE];

    (void)state;
    assert_int_equal(
        read_settings(MINIMUM "type = 'pvh'\nramdisk = '/files/i'\nroot = '/dev/xvda'\nextra = 'ro quiet'\n"
                              "memory = 256\nmaxmem = 512\nvcpus = 1\non_crash = 'preserve'\n"
                              "on_reboot = 'rename-restart'\non_poweroff = 'restart'\n"
                              "uuid = '3D2A4C1E-6f5b-4a39-8c77-0123456789ab'\n",
                      &s, &err),
        0);
    assert_int_equal(domain_settings_copy(&copy, &s), 0);
    domain_settings_clear(&s);
    assert_string_equal(copy.cmdline, "root=/dev/xvda ro quiet");
    assert_string_equal(copy.ramdisk, "/files/i");
    assert_int_equal(copy.memory_mib, 256);
    assert_int_equal(copy.maxmem_mib, 512);
    assert_int_equal(copy.on_crash, ACTION_PRESERVE);
    assert_int_equal(copy.on_reboot, ACTION_RENAME_RESTART);
    assert_int_equal(copy.on_poweroff, ACTION_RESTART);
    uuid_format(copy.uuid, uuid);
    assert_string_equal(uuid, "3d2a4c1e-6f5b-4a39-8c77-0123456789ab");
    domain_settings_clear(&copy);
}

static void odd_settings_warn(void **state)
{
    struct domain_settings s;
    struct error err;

    (void)state;
    assert_int_equal(read_settings(MINIMUM
                                   "cmdline = 'c'\nextra = 'e'\ndisk = []\n  on_crash = 'coredump-restart'",
                                   &s, &err),
                     0);
    assert_string_equal(s.cmdline, "c");
    assert_int_equal(s.on_crash, ACTION_RESTART);
    assert_non_null(strstr(warnings, "a.cfg:5:1: unknown key 'disk' is ignored"));
    assert_non_null(strstr(
        warnings, "a.cfg:6:3: on_crash: core dumps are not written, taking 'coredump-restart' as 'restart'"));
    assert_non_null(strstr(warnings, "root and extra are ignored"));
    domain_settings_clear(&s);
}

static void wrong_settings_are_refused_by_name(void **state)
{
    static const char *const cases[][2] = {
        {"", "needs a name"},
        {"name = 'a'", "needs a kernel"},
        {MINIMUM "type = 'hvm'", "a.cfg:3:1: type: 'hvm' guests are not supported"},
        {MINIMUM "type = 1", "type: wants a string in quotes"},
        {MINIMUM "memory = 0", "memory: a domain cannot run with 0 MiB"},
        {MINIMUM "memory = -1", "memory: -1 is out of range"},
        {MINIMUM "memory = 9000000000000", "out of range"},
        {MINIMUM "memory = '256'", "memory: wants a number without quotes"},
        {MINIMUM "memory = 256\nmaxmem = 128", "maxmem = 128 is less than memory = 256"},
        {MINIMUM "vcpus = 2", "exactly one vCPU for now, not 2"},
        {MINIMUM "vcpus = 0", "exactly one vCPU for now, not 0"},
        {MINIMUM "on_crash = 'explode'", "on_crash: 'explode' is none of"},
        {MINIMUM "uuid = '3d2a4c1e6f5b-4a39-8c77-0123456789ab'", "uuid: "},
        {MINIMUM "uuid = '3d2a4c1e-6f5b-4a39-8c77-0123456789a'", "uuid: "},
        {MINIMUM "uuid = '3d2a4c1e-6f5b-4a39-8c77-0123456789abc'", "uuid: "},
        {MINIMUM "uuid = '00000000-0000-0000-0000-000000000000'", "uuid: "},
        {"kernel = 'k'\nname = ''", "cannot be empty"},
        {"kernel = 'k'\nname = '12'", "is a number"},
        {"kernel = 'k'\nname = 'a b'", "neither blanks"},
        {"kernel = 'k'\nname = 'a/b'", "neither blanks"},
        {"kernel = 'k'\nname = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'",
         "is longer than 63"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct domain_settings s;
        struct error err = {0};

        assert_int_equal(read_settings(cases[i][0], &s, &err), -EINVAL);
        assert_non_null(strstr(err.text, cases[i][1]));
        assert_null(s.kernel);
    }
}

static void overridden_settings_have_no_line(void **state)
{
    struct config_file file = {NULL};
    struct config_error error;
    struct domain_settings s;
    struct error err;

    (void)state;
    assert_true(config_file_override(&file, "type=pv", &error));
    assert_int_equal(domain_settings_read(&file, "a.cfg", &s, warn, &err), -EINVAL);
    assert_string_equal(
        err.text, "command line: type: 'pv' guests are not supported, Proxenos runs type = \"pvh\" only");
    config_file_clear(&file);
}

static void every_shutdown_has_its_policy(void **state)
{
    struct domain_settings s = {
        .on_poweroff = ACTION_RESTART, .on_reboot = ACTION_DESTROY, .on_crash = ACTION_RENAME_RESTART};

    (void)state;
    assert_int_equal(toolstack_policy(&s, SHUTDOWN_poweroff), ACTION_RESTART);
    assert_int_equal(toolstack_policy(&s, SHUTDOWN_reboot), ACTION_DESTROY);
    assert_int_equal(toolstack_policy(&s, SHUTDOWN_suspend), ACTION_PRESERVE);
    assert_int_equal(toolstack_policy(&s, SHUTDOWN_crash), ACTION_RENAME_RESTART);
    assert_int_equal(toolstack_policy(&s, SHUTDOWN_watchdog), ACTION_RENAME_RESTART);
    assert_int_equal(toolstack_policy(&s, 200), ACTION_RENAME_RESTART);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_every_kind_of_value),
        cmocka_unit_test(the_last_value_of_a_key_counts),
        cmocka_unit_test(errors_name_their_place),
        cmocka_unit_test(every_cut_of_a_file_is_survived),
        cmocka_unit_test(overrides_take_words_as_the_shell_leaves_them),
        cmocka_unit_test(settings_have_defaults),
        cmocka_unit_test(settings_are_read),
        cmocka_unit_test(odd_settings_warn),
        cmocka_unit_test(wrong_settings_are_refused_by_name),
        cmocka_unit_test(overridden_settings_have_no_line),
        cmocka_unit_test(every_shutdown_has_its_policy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

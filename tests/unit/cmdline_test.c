// SPDX-License-Identifier: MIT
// The hypervisor's boot options, and that docs/boot-options.md knows each of them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"

// The table of options is private to it.
#include "../../hypervisor/cmdline.c"

static void parse(const char *cmdline)
{
    cmdline_parse(cmdline);
    harness_console_clear();
    hv_options.log_level = LOG_INFO;
    cmdline_report();
}

static void test_defaults(void **state)
{
    (void)state;
    parse("");
    assert_string_equal(harness_console, "");
    assert_string_equal(hv_options.console, "com1,vga");
    assert_int_equal(hv_options.com_baud, 115200);
    assert_int_equal(hv_options.dom0_mem, 64 << 20);
    assert_true(hv_options.reboot_on_panic);
    assert_false(hv_options.no_power_off);
}

static void test_each_option(void **state)
{
    (void)state;
    cmdline_parse("  console=com2  com1=9600 loglvl=none dom0_mem=128M panic=halt noreboot ");
    assert_int_equal(hv_options.log_level, -1);
    assert_string_equal(hv_options.console, "com2");
    assert_int_equal(hv_options.com_baud, 9600);
    assert_int_equal(hv_options.dom0_mem, 128 << 20);
    assert_false(hv_options.reboot_on_panic);
    assert_true(hv_options.no_power_off);
    cmdline_parse("console=vga,com1,com2");
    assert_string_equal(hv_options.console, "vga,com1,com2");
    cmdline_parse("loglvl=all panic=reboot");
    assert_int_equal(hv_options.log_level, LOG_DEBUG);
    assert_true(hv_options.reboot_on_panic);
}

static void test_mitigations(void **state)
{
    static const struct {
        const char *line;
        uint32_t on, off;
    } cases[] = {
        {"spec-ctrl=no", 0, 0x1f},
        {"spec-ctrl=yes", 0, 0},
        {"spec-ctrl=no,ibpb=yes", 1 << SPEC_IBPB, 0x1f & ~(1 << SPEC_IBPB)},
        {"spec-ctrl=l1d-flush=no,md-clear=yes", 1 << SPEC_MD_CLEAR, 1 << SPEC_L1D_FLUSH},
        {"spec-ctrl=retpoline=yes,ibrs=no,retpoline=no", 0, 1 << SPEC_IBRS | 1 << SPEC_RETPOLINE},
        {"spec-ctrl=ibpb=no,yes", 0, 0},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        cmdline_parse(cases[i].line);
        assert_int_equal(hv_options.spec_on, cases[i].on);
        assert_int_equal(hv_options.spec_off, cases[i].off);
    }
}

static void test_bad_options_are_named(void **state)
{
    static const char *const bad[] = {
        "loglvl=",
        "loglvl=loud",
        "com1=115201",
        "com1=0",
        "com1=fast",
        "dom0_mem=",
        "dom0_mem=1M",
        "dom0_mem=64Mx",
        "dom0_mem=100000001",
        "panic=",
        "panic=never",
        "noreboot=1",
        "norebootx",
        "quiet",
        "=",
        "console",
        "console=",
        "console=hvc0",
        "console=com1,",
        "console=com1,,vga",
        "console=com11",
        "console=com1,com1,com1,com1,com1,com1,com1",
        "spec-ctrl=",
        "spec-ctrl=ibpb",
        "spec-ctrl=ibpb=",
        "spec-ctrl=ibpb=maybe",
        "spec-ctrl=no,",
        "spec-ctrl=no,rdcl=no",
        "spec-ctrl=no=no",
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        struct hv_options before = hv_options;

        parse(bad[i]);
        assert_non_null(strstr(harness_console, "not understood: "));
        assert_non_null(strstr(harness_console, bad[i]));
        assert_int_equal(hv_options.dom0_mem, before.dom0_mem);
        assert_int_equal(hv_options.com_baud, before.com_baud);
        assert_int_equal(hv_options.spec_off, before.spec_off);
    }
}

static void test_a_bad_option_spoils_no_other(void **state)
{
    (void)state;
    parse("foo dom0_mem=32M bar=1 com1=57600");
    assert_int_equal(hv_options.dom0_mem, 32 << 20);
    assert_int_equal(hv_options.com_baud, 57600);
    assert_non_null(strstr(harness_console, "foo"));
    assert_non_null(strstr(harness_console, "bar=1"));
}

static void test_words_without_end(void **state)
{
    static char line[4096];

    (void)state;
    memset(line, 'x', sizeof(line) - 1);
    parse(line);
    assert_non_null(strstr(harness_console, "not understood"));
    for (unsigned i = 0; i + 2 < sizeof(line); i += 2)
        memcpy(line + i, "y ", 2);
    parse(line); // more complaints than are kept
}

static void test_documented(void **state)
{
    static char text[32768];
    FILE *file = fopen("docs/boot-options.md", "r");

    (void)state;
    assert_non_null(file); // unit tests run at the top of the tree
    size_t n = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[n] = '\0';
    for (unsigned i = 0; i < ARRAY_SIZE(options); i++) {
        char heading[64];

        snprintf(heading, sizeof(heading), "`%s", options[i].name);
        assert_non_null(strstr(text, heading));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),    cmocka_unit_test(test_bad_options_are_named),
        cmocka_unit_test(test_each_option), cmocka_unit_test(test_a_bad_option_spoils_no_other),
        cmocka_unit_test(test_mitigations), cmocka_unit_test(test_words_without_end),
        cmocka_unit_test(test_documented),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

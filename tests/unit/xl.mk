# SPDX-License-Identifier: MIT
# dom0's tools: what of xl, the shell and the console daemon is pure enough to run on the host.
unit-tests += xl_config_test xl_command_test xl_shell_test xl_console_test xl_store_test xl_crash_test xenstore_tool_test

xenstore_tool_test-srcs = tests/unit/xenstore_tool_test.c dom0-tools/xenstore/text.c dom0-tools/xenstore/walk.c \
    $(xenstore-srcs)
xl_config_test-srcs = tests/unit/xl_config_test.c dom0-tools/xl/config_file.c dom0-tools/xl/domain_settings.c \
    dom0-tools/toolstackd/policy.c dom0-tools/ctl/error.c
xl_command_test-srcs = tests/unit/xl_command_test.c dom0-tools/xl/options.c dom0-tools/xl/list_format.c \
    dom0-tools/xl/json.c dom0-tools/ctl/error.c
xl_shell_test-srcs = tests/unit/xl_shell_test.c dom0-tools/shell/complete.c dom0-tools/shell/files.c \
    dom0-tools/shell/history.c dom0-tools/shell/line_edit.c dom0-tools/shell/words.c dom0-tools/drivers/keymap.c \
    dom0-tools/ctl/error.c
xl_console_test-srcs = tests/unit/xl_console_test.c dom0-tools/consoled/console_log.c dom0-tools/consoled/console_ring.c
xl_store_test-srcs = tests/unit/xl_store_test.c dom0-tools/toolstackd/store_entries.c dom0-tools/xl/domain_settings.c \
    dom0-tools/ctl/error.c $(xenstore-srcs)
xl_crash_test-srcs = tests/unit/xl_crash_test.c dom0-tools/toolstackd/crash_reason.c

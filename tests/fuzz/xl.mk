# SPDX-License-Identifier: MIT
fuzz-tests += xl_fuzz
xl_fuzz-srcs = tests/fuzz/xl_fuzz.c dom0-tools/xl/config_file.c dom0-tools/xl/domain_settings.c \
    dom0-tools/shell/words.c dom0-tools/shell/line_edit.c dom0-tools/shell/history.c dom0-tools/ctl/error.c

# SPDX-License-Identifier: MIT
dom0-srcs += \
    dom0-tools/ctl/call.c \
    dom0-tools/ctl/domain.c \
    dom0-tools/ctl/error.c \
    dom0-tools/ctl/extents.c \
    dom0-tools/ctl/hvm.c \
    dom0-tools/ctl/machine.c \
    dom0-tools/ctl/memory.c

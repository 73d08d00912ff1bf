# SPDX-License-Identifier: MIT
# The part that runs on the host too; unit tests and fuzzers link it.
builder-core-srcs := \
    dom0-tools/builder/acpi.c \
    dom0-tools/builder/elf.c \
    dom0-tools/builder/guest_memory.c \
    dom0-tools/builder/image.c \
    dom0-tools/builder/load.c \
    dom0-tools/builder/start_info.c \
    dom0-tools/builder/unpack.c \
    dom0-tools/builder/vcpu_context.c

dom0-srcs += $(builder-core-srcs) dom0-tools/builder/domain.c

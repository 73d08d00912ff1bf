# SPDX-License-Identifier: MIT
# What firmware and boot loaders hand over. (-Iarch/x86_64/include: see tests/unit/boot.mk.)
fuzz-tests += multiboot_fuzz acpi_fuzz
multiboot_fuzz-srcs = tests/fuzz/multiboot_fuzz.c arch/x86_64/boot/multiboot.c arch/x86_64/boot/memory_map.c
acpi_fuzz-srcs = tests/fuzz/acpi_fuzz.c arch/x86_64/acpi.c

$(addprefix $(BUILD)/fuzz-obj/tests/fuzz/,multiboot_fuzz.o acpi_fuzz.o): private HOST_CFLAGS += -Iarch/x86_64/include

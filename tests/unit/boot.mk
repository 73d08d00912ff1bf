# SPDX-License-Identifier: MIT
# What the machine is brought up with and can run on the host: the boot loader's tables, the screen, ACPI, page tables, text.
unit-tests += multiboot_test screen_test acpi_test pt_test text_test cmdline_test lock_test clock_test

multiboot_test-srcs = tests/unit/multiboot_test.c arch/x86_64/boot/multiboot.c arch/x86_64/boot/memory_map.c
screen_test-srcs = tests/unit/screen_test.c arch/x86_64/screen.c arch/x86_64/framebuffer.c
acpi_test-srcs = tests/unit/acpi_test.c arch/x86_64/acpi.c
pt_test-srcs = tests/unit/pt_test.c arch/x86_64/pt.c arch/x86_64/pt_host.c
text_test-srcs = tests/unit/text_test.c $(hv-core-srcs)
# It includes cmdline.c, for its table.
cmdline_test-srcs = tests/unit/cmdline_test.c $(filter-out hypervisor/cmdline.c,$(hv-core-srcs))
lock_test-srcs = tests/unit/lock_test.c $(hv-core-srcs)
# It includes cmos.c and time.c.
clock_test-srcs = tests/unit/clock_test.c

boot-test-objects = $(addprefix $(BUILD)/host/tests/unit/,multiboot_test.o screen_test.o acpi_test.o pt_test.o clock_test.o)
$(boot-test-objects) $(BUILD)/host/arch/%.o $(BUILD)/fuzz-obj/arch/%.o: private HOST_CFLAGS += -Iarch/x86_64/include

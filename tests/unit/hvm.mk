# SPDX-License-Identifier: MIT
# Tests of hvm/: the sources that touch no machine state run on a fake vendor, hvm_fake.c.
hvm-fake = tests/unit/hvm_fake.c
hvm-dir = arch/x86_64/hvm

unit-tests += speculation_test
speculation_test-srcs = tests/unit/speculation_test.c

unit-tests += mov_decoder_test guest_walk_test hvm_interrupts_test cpuid_test hvm_io_test hvm_context_test
mov_decoder_test-srcs = tests/unit/mov_decoder_test.c $(hvm-dir)/mov_decoder.c
guest_walk_test-srcs = tests/unit/guest_walk_test.c $(hvm-fake) $(hvm-dir)/guest_walk.c
hvm_interrupts_test-srcs = tests/unit/hvm_interrupts_test.c $(hvm-fake) $(hvm-dir)/inject.c $(hvm-dir)/vlapic.c \
    $(hvm-dir)/upcall.c
cpuid_test-srcs = tests/unit/cpuid_test.c $(hvm-fake) $(hvm-dir)/cpuid.c
hvm_io_test-srcs = tests/unit/hvm_io_test.c $(hvm-fake) $(hvm-dir)/io.c $(hvm-dir)/mmio.c $(hvm-dir)/mov_decoder.c \
    $(hvm-dir)/msr.c $(hvm-dir)/mtrr.c
hvm_context_test-srcs = tests/unit/hvm_context_test.c $(hvm-fake) $(hvm-dir)/context.c $(hvm-dir)/mtrr.c

$(foreach name,hvm_fake speculation_test mov_decoder_test guest_walk_test hvm_interrupts_test cpuid_test hvm_io_test hvm_context_test,\
    $(BUILD)/host/tests/unit/$(name).o): private HOST_CFLAGS += -Iarch/x86_64/include

unit-tests += vmx_check_test
vmx_check_test-srcs = tests/unit/vmx_check_test.c arch/x86_64/vmx/check.c
$(BUILD)/host/tests/unit/vmx_check_test.o $(BUILD)/host/arch/x86_64/vmx/%.o: private HOST_CFLAGS += -Iarch/x86_64/include

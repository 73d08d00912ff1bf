# SPDX-License-Identifier: MIT
# Tests of the hypervisor's core. hv-core-srcs is all of it that a test can link: the harness takes the place of
# arch/, the C library that of libc.c, and neither hv_start() nor the building of dom0 is called.
hv-core-srcs = tests/unit/harness.c hypervisor/lock_check.c \
    $(filter-out $(addprefix hypervisor/,main.c dom0_build.c elf.c symbols.c libc.c lock_check.c),$(hv-srcs))

# The order of locks is checked in every host test.
$(BUILD)/host/hypervisor/%.o $(BUILD)/fuzz-obj/hypervisor/%.o: private HOST_CFLAGS += -DHV_DEBUG

unit-tests += timer_test evtchn_test sched_test domain_test hypercall_test
timer_test-srcs = tests/unit/timer_test.c $(hv-core-srcs)
evtchn_test-srcs = tests/unit/evtchn_test.c $(hv-core-srcs)
sched_test-srcs = tests/unit/sched_test.c $(hv-core-srcs)
domain_test-srcs = tests/unit/domain_test.c $(hv-core-srcs)
hypercall_test-srcs = tests/unit/hypercall_test.c $(hv-core-srcs)

# SPDX-License-Identifier: MIT
# Tests of memory, grants and the toolstack's calls. Those of the lower parts run on a machine of nothing but memory, the
# others on the whole core.
memory-machine-srcs = tests/unit/memory_machine.c hypervisor/lock.c hypervisor/lock_check.c \
    hypervisor/boot_mem.c hypervisor/page_alloc.c

unit-tests += boot_mem_test elf_test page_alloc_test slab_test dom0_build_test
boot_mem_test-srcs = tests/unit/boot_mem_test.c $(memory-machine-srcs)
elf_test-srcs = tests/unit/elf_test.c hypervisor/elf.c
page_alloc_test-srcs = tests/unit/page_alloc_test.c $(memory-machine-srcs)
slab_test-srcs = tests/unit/slab_test.c hypervisor/slab.c $(memory-machine-srcs)
dom0_build_test-srcs = tests/unit/dom0_build_test.c hypervisor/dom0_build.c hypervisor/elf.c $(memory-machine-srcs)

# On the real page tables.
unit-tests += p2m_test
p2m_test-srcs = tests/unit/p2m_test.c hypervisor/p2m.c arch/x86_64/hvm/p2m.c arch/x86_64/pt.c arch/x86_64/pt_npt.c \
    $(memory-machine-srcs)
$(BUILD)/host/tests/unit/p2m_test.o: private HOST_CFLAGS += -Iarch/x86_64/include

# On the whole core, with failing allocations and continuations on demand.
faults-srcs = tests/unit/faults.c $(hv-core-srcs)
faults-libs = $(addprefix -Wl$(comma)--wrap=,hv_alloc page_alloc page_alloc_domain preempt_check)
comma := ,
$(BUILD)/host/tests/unit/faults.o $(BUILD)/fuzz-obj/tests/unit/faults.o: private HOST_CFLAGS += -DHV_DEBUG

unit-tests += memory_op_test
memory_op_test-srcs = tests/unit/memory_op_test.c $(faults-srcs)
memory_op_test-libs = $(faults-libs)

unit-tests += gnttab_test
gnttab_test-srcs = tests/unit/gnttab_test.c $(faults-srcs)
gnttab_test-libs = $(faults-libs)

unit-tests += domctl_test
domctl_test-srcs = tests/unit/domctl_test.c $(faults-srcs)
domctl_test-libs = $(faults-libs)

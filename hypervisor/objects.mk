# SPDX-License-Identifier: MIT
# The architecture-neutral core.
hv-srcs += hypervisor/main.c
hv-srcs += hypervisor/hypercall.c hypervisor/multicall.c hypervisor/guest_access.c hypervisor/priv.c
hv-srcs += hypervisor/domain.c hypervisor/vcpu.c hypervisor/sched.c hypervisor/sched_op.c
hv-srcs += hypervisor/heap.c hypervisor/timer.c hypervisor/softirq.c hypervisor/irq.c
hv-srcs += hypervisor/evtchn.c hypervisor/evtchn_2l.c hypervisor/evtchn_op.c
hv-srcs += hypervisor/vcpu_op.c hypervisor/physdev_op.c hypervisor/hvm_op.c
hv-srcs += hypervisor/version.c hypervisor/console_io.c
hv-srcs += hypervisor/boot_mem.c hypervisor/page_alloc.c hypervisor/slab.c hypervisor/p2m.c hypervisor/memory_op.c
hv-srcs += hypervisor/gnttab.c hypervisor/gnttab_map.c hypervisor/gnttab_copy.c hypervisor/gnttab_op.c
hv-srcs += hypervisor/domctl.c hypervisor/sysctl.c hypervisor/dom0_build.c hypervisor/elf.c
hv-srcs += hypervisor/printk.c hypervisor/string.c hypervisor/libc.c hypervisor/cmdline.c hypervisor/console.c
hv-srcs += hypervisor/symbols.c hypervisor/lock.c $(if $(filter 1,$(DEBUG)),hypervisor/lock_check.c)

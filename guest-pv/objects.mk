# SPDX-License-Identifier: MIT
#
# The PVH guest kit: everything that dom0, test guests and a user's program link with beside newlib.
guest-pv-srcs += guest-pv/entry.S guest-pv/trap_entry.S guest-pv/thread_switch.S
guest-pv-srcs += guest-pv/start.c guest-pv/args.c guest-pv/module.c guest-pv/trap.c guest-pv/cpu.c
guest-pv-srcs += guest-pv/bitmap.c guest-pv/paging.c guest-pv/page_alloc.c guest-pv/heap.c guest-pv/gfn_window.c guest-pv/foreign.c
guest-pv-srcs += guest-pv/event.c guest-pv/time.c guest-pv/thread.c guest-pv/sync.c
guest-pv-srcs += guest-pv/console.c guest-pv/console_line.c guest-pv/gnttab.c guest-pv/xenstore.c guest-pv/xenstore_ring.c
guest-pv-srcs += guest-pv/hypercall.c guest-pv/error.c guest-pv/shutdown.c guest-pv/syscalls.c

# SPDX-License-Identifier: MIT
arch-srcs += arch/x86_64/boot/boot.S arch/x86_64/boot/start.c
arch-srcs += arch/x86_64/boot/multiboot.c arch/x86_64/boot/memory_map.c
arch-srcs += arch/x86_64/cpu.c arch/x86_64/percpu.c arch/x86_64/desc.c
arch-srcs += arch/x86_64/entry.S arch/x86_64/traps.c arch/x86_64/mem.c
arch-srcs += arch/x86_64/pt.c arch/x86_64/pt_host.c arch/x86_64/mm.c
arch-srcs += arch/x86_64/acpi.c arch/x86_64/apic.c arch/x86_64/ioapic.c
arch-srcs += arch/x86_64/time.c arch/x86_64/cmos.c
arch-srcs += arch/x86_64/uart.c arch/x86_64/console.c
arch-srcs += arch/x86_64/screen.c arch/x86_64/vga.c arch/x86_64/framebuffer.c
arch-srcs += arch/x86_64/machine.c arch/x86_64/power.c arch/x86_64/debug_keys.c
arch-srcs += arch/x86_64/speculation.c arch/x86_64/thunks.S

-include arch/x86_64/hvm/objects.mk

// SPDX-License-Identifier: MIT
// Exceptions and interrupts of the hypervisor itself.
#pragma once

#include <hv/types.h>

// What entry.S leaves on the stack.
struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
    uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss; // pushed by the processor
};

void interrupt_serve(unsigned vector);        // acknowledged, interrupts closed
void trap_dispatch(struct trap_frame *frame); // from entry.S
void dump_state(void);                        // registers that need no frame, and a backtrace of the caller

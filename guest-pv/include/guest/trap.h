// SPDX-License-Identifier: MIT
//
// Exceptions and interrupts. An exception nobody handles prints its registers and ends the domain with
// SHUTDOWN_crash. A handler may change the frame (skip the instruction, say) and return true to resume.
// Handlers run with interrupts off on a stack of their own (IST), so a stack overflow is reported like any
// other fault and newlib's code may keep its red zone. A fault inside a handler is reported in place of the
// first.
#ifndef GUEST_TRAP_H
#define GUEST_TRAP_H

#include <stdbool.h>
#include <stdint.h>

struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error; // error is 0 for vectors without an error code
    uint64_t rip, cs, rflags, rsp, ss;
};

typedef bool (*trap_handler)(struct trap_frame *frame);

// Sets the handler of vector 0..255 and returns the one before (NULL: none). An interrupt vector (32 and up)
// without a handler ends the domain too.
trap_handler trap_set_handler(unsigned vector, trap_handler handler);

#endif

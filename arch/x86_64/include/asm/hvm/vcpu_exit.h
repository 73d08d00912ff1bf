// SPDX-License-Identifier: MIT
// What the vendor files and the neutral code exchange: the guest's general registers, one tagged union that
// says why a guest stopped, and events to inject. Nothing in it belongs to one vendor.
#pragma once

#include <hv/types.h>

#define GPR_RSP 4

// Numbered as in instruction encodings, so that a decoder can index gpr[]. What is rarely looked at or
// written stays with the vendor: RSP, whose place is unused here (SREG_RSP), and RFLAGS, of which this is a
// copy made at each exit (hvm_set_rflags writes both).
struct guest_regs {
    union {
        uint64_t gpr[16];
        struct {
            uint64_t rax, rcx, rdx, rbx, unused_rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
        };
    };
    uint64_t rip, rflags;
};

enum exit_kind {
    EXIT_INTERRUPT, // a machine interrupt
    EXIT_NMI,       // already delivered to the host when the exit is handled
    EXIT_AGAIN,     // the vendor has seen to it: enter again, the guest may be able to take an interrupt now
    EXIT_HYPERCALL,
    EXIT_CPUID,
    EXIT_MSR_READ,
    EXIT_MSR_WRITE,
    EXIT_IO,
    EXIT_NPF,
    EXIT_APIC_WRITE, // the processor has stored to a register of the local APIC's page
    EXIT_HLT,
    EXIT_PAUSE,
    EXIT_EXCEPTION, // one that is intercepted; it goes back to the guest
    EXIT_MACHINE_CHECK,
    EXIT_SHUTDOWN, // triple fault
    EXIT_XSETBV,
    EXIT_CACHE_FLUSH, // WBINVD, INVD
    EXIT_UNDEFINED,   // an instruction that does not exist for guests: #UD
    EXIT_DENIED,      // a privileged counter or the like: #GP(0)
    EXIT_INIT,        // a machine INIT signal
    EXIT_INVALID,     // the cpu refused the guest's state
    EXIT_UNKNOWN,
    EXIT_KINDS
};

enum event_type { EVENT_INTERRUPT, EVENT_NMI, EVENT_EXCEPTION };

struct guest_event {
    enum event_type type;
    uint8_t vector;
    bool has_error_code;
    uint32_t error_code;
};

struct vcpu_exit {
    enum exit_kind kind;
    uint64_t next_rip; // behind the instruction that exited, where there was one
    union {
        struct {
            uint8_t vector; // acknowledged; 0: it still waits for the window to be opened
        } interrupt;
        struct {
            uint8_t cpl;
            uint8_t width; // of the code: 16, 32 or 64
        } hypercall;
        struct {
            uint16_t port;
            uint8_t size; // bytes: 1, 2, 4
            bool in, string, rep;
            uint8_t address_bits; // of the string address: 16, 32, 64
        } io;
        struct {
            unsigned offset; // in the page
        } apic_write;
        struct {
            gpa_t gpa;
            bool write, exec;
            bool present;    // a permission violation of a present translation
            bool table_walk; // while the cpu read or updated the guest's own page tables
        } npf;
        struct {
            uint64_t code, info1, info2; // raw numbers for the log
            const char *why;             // static text
        } raw;                           // INVALID, UNKNOWN
        struct guest_event exception;
    };
};

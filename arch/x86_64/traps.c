// SPDX-License-Identifier: MIT
// Exceptions and interrupts of the hypervisor itself. An exception ends in a panic with everything known,
// unless the instruction was expected to fault (rdmsr_safe and its like). Interrupts arrive only where they
// are let in: guest mode, the idle halt and preempt_check().

#include <hv/arch.h>
#include <hv/console.h>
#include <hv/irq.h>
#include <hv/printk.h>
#include <hv/symbols.h>
#include <hv/timer.h>

#include <asm/apic.h>
#include <asm/cpu.h>
#include <asm/machine.h>
#include <asm/traps.h>
#include <asm/x86_defs.h>

#define MAX_BACKTRACE 24

// Both fields are relative to their own addresses.
struct extable_entry {
    int32_t faulting, fixup;
};

extern const struct extable_entry extable_start[], extable_end[];
extern const char image_text[], image_rodata[];

// The exception being reported, for dump_state() to print after the message. NULL for an ordinary panic.
static const struct trap_frame *reported_frame;

static bool apply_fixup(struct trap_frame *frame)
{
    for (const struct extable_entry *e = extable_start; e < extable_end; e++) {
        if (frame->rip != (uint64_t)&e->faulting + e->faulting)
            continue;
        frame->rip = (uint64_t)&e->fixup + e->fixup;
        return true;
    }
    return false;
}

static const char *exception_name(uint64_t vector)
{
    static const char *const names[] = {
        [VECTOR_DE] = "#DE divide error",
        [VECTOR_DB] = "#DB debug",
        [VECTOR_NMI] = "non-maskable interrupt",
        [VECTOR_BP] = "#BP breakpoint",
        [VECTOR_OF] = "#OF overflow",
        [VECTOR_BR] = "#BR bound range",
        [VECTOR_UD] = "#UD invalid opcode",
        [VECTOR_NM] = "#NM no coprocessor",
        [VECTOR_DF] = "#DF double fault",
        [VECTOR_TS] = "#TS invalid TSS",
        [VECTOR_NP] = "#NP segment not present",
        [VECTOR_SS] = "#SS stack fault",
        [VECTOR_GP] = "#GP general protection",
        [VECTOR_PF] = "#PF page fault",
        [VECTOR_MF] = "#MF x87 error",
        [VECTOR_AC] = "#AC alignment check",
        [VECTOR_MC] = "#MC machine check",
        [VECTOR_XM] = "#XM SIMD error",
    };

    return vector < ARRAY_SIZE(names) && names[vector] ? names[vector] : "reserved exception";
}

static void log_address(const char *what, uint64_t address)
{
    uint64_t offset;
    const char *name = symbol_lookup(address, &offset);

    log_error("%s%016lx %s+0x%lx", what, address, name, offset);
}

static bool in_text(uint64_t address)
{
    return address >= (uint64_t)image_text && address < (uint64_t)image_rodata;
}

// Where RBP points in a function.
struct stack_frame {
    const struct stack_frame *caller;
    uint64_t return_address;
};

// Follows the frame pointers as long as they climb through stack memory.
static void log_backtrace(const struct stack_frame *frame)
{
    for (unsigned i = 0; i < MAX_BACKTRACE; i++) {
        if (!mm_is_stack((uint64_t)frame) || !mm_is_stack((uint64_t)&frame->return_address))
            break;
        if (!in_text(frame->return_address))
            break;
        log_address("  from ", frame->return_address);
        if (frame->caller <= frame)
            break;
        frame = frame->caller;
    }
}

static void log_frame(const struct trap_frame *f)
{
    log_address("RIP ", f->rip);
    log_error("CS %04lx SS %04lx RSP %016lx RFLAGS %08lx error %lx", f->cs, f->ss, f->rsp, f->rflags,
              f->error);
    log_error("RAX %016lx RBX %016lx RCX %016lx RDX %016lx", f->rax, f->rbx, f->rcx, f->rdx);
    log_error("RSI %016lx RDI %016lx RBP %016lx R8  %016lx", f->rsi, f->rdi, f->rbp, f->r8);
    log_error("R9  %016lx R10 %016lx R11 %016lx R12 %016lx", f->r9, f->r10, f->r11, f->r12);
    log_error("R13 %016lx R14 %016lx R15 %016lx", f->r13, f->r14, f->r15);
}

static void log_machine_check_banks(void)
{
    uint64_t cap, status, address;

    if (!rdmsr_safe(MSR_MCG_CAP, &cap))
        return;
    for (unsigned bank = 0; bank < (cap & 0xff); bank++) {
        if (!rdmsr_safe(MSR_MC0_STATUS + 4 * bank, &status) || !(status >> 63))
            continue;
        bool has_address = status >> 58 & 1;
        if (has_address && rdmsr_safe(MSR_MC0_ADDR + 4 * bank, &address))
            log_error("machine check bank %u: status %016lx, address %016lx", bank, status, address);
        else
            log_error("machine check bank %u: status %016lx", bank, status);
    }
}

void dump_state(void)
{
    const struct trap_frame *frame = reported_frame;

    if (frame)
        log_frame(frame);
    if (frame && frame->vector == VECTOR_MC)
        log_machine_check_banks();
    log_error("CR0 %08lx CR2 %016lx CR3 %016lx CR4 %08lx cpu %u", read_cr0(), read_cr2(), read_cr3(),
              read_cr4(), this_cpu()->id);
    // Without an exception: from the caller of panic(), which called arch_panic_halt(), which called us.
    const struct stack_frame *own = __builtin_frame_address(0);
    log_backtrace(frame ? (const struct stack_frame *)frame->rbp : own->caller->caller);
}

// A fault on the stack itself cannot be pushed there, so an overflow arrives as a double fault.
static void __attribute__((noreturn)) report_double_fault(const char *name)
{
    unsigned cpu;

    if (mm_is_stack_guard(read_cr2(), &cpu))
        panic("%s: stack overflow on cpu %u", name, cpu);
    panic("%s", name);
}

static void __attribute__((noreturn)) report_page_fault(const struct trap_frame *frame, const char *name)
{
    uint64_t address = read_cr2();

    panic("%s: %s of %lx, %s", name,
          frame->error & 0x10 ? "execution" : (frame->error & PF_WRITE ? "write" : "read"), address,
          frame->error & 1 ? "not permitted" : "not mapped");
}

static void __attribute__((noreturn)) report_exception(const struct trap_frame *frame)
{
    const char *name = exception_name(frame->vector);

    reported_frame = frame;
    switch (frame->vector) {
    case VECTOR_PF: report_page_fault(frame, name);
    case VECTOR_DF: report_double_fault(name);
    case VECTOR_MC:
    case VECTOR_NMI: panic("%s", name);
    default: panic("%s, error code %lx", name, frame->error);
    }
}

static void serve_gsi(unsigned gsi)
{
    if (console_owns_gsi(gsi))
        console_interrupt(gsi);
    else
        irq_deliver(gsi);
}

void interrupt_serve(unsigned vector)
{
    if (vector == SPURIOUS_VECTOR)
        return; // not in service: no EOI
    apic_eoi();
    if (vector >= GSI_VECTOR_BASE && vector < GSI_VECTOR_BASE + NR_GSIS)
        serve_gsi(vector - GSI_VECTOR_BASE);
    else if (vector == TIMER_VECTOR)
        timer_interrupt();
    else if (vector == APIC_ERROR_VECTOR)
        apic_error();
    else if (vector != KICK_VECTOR)
        log_warning("interrupt at vector %02x, which nobody uses", vector);
}

// The hypervisor sets no breakpoint and does not step through itself, and an exit turns off what a guest has
// set. But QEMU leaves a guest's breakpoints on hypervisor code in force, and Bochs delivers a guest's
// single-step trap here, so a guest can bring this about: it is not for us.
static void ignore_debug_exception(struct trap_frame *frame)
{
    frame->rflags |= RFLAGS_RF; // past a breakpoint
}

void trap_dispatch(struct trap_frame *frame)
{
    if (frame->vector >= 32)
        interrupt_serve(frame->vector);
    else if (frame->vector == VECTOR_DB)
        ignore_debug_exception(frame);
    else if (frame->vector == VECTOR_NMI || frame->vector == VECTOR_MC || !apply_fixup(frame))
        report_exception(frame);
}

// SPDX-License-Identifier: MIT
// The contract between the core and an architecture: the core declares, arch/ implements. Control comes back
// into the core at eight points only: hv_start, cpu_online, hypercall_dispatch, irq_deliver (and
// timer_interrupt, console_input), p2m_fault, softirq_run, vcpu_block, domain_crash.
#pragma once

#include <hv/boot_info.h>
#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/types.h>

// --- core, called by arch ---

// The boot cpu, with the console up and boot_mem filled; never returns.
void hv_start(void) __attribute__((noreturn));
// Core state of a pcpu, on that pcpu, before it has timers or runs guests. cpu->id and apic_id are set; ids
// go from 0 up.
void cpu_online(struct cpu *cpu);

// --- the machine ---

// ACPI, interrupt controllers, time, vendor virtualisation; panics with the reason.
void arch_init_machine(void);
// Memory for the page records, an array indexed by frame number: those of RAM are zero-filled and writable,
// those of other frames below the end of RAM read as zeros. Takes from the boot allocator; panics when that
// is not enough.
void *arch_frame_table(size_t record_size);
// The run loop of this pcpu: softirqs, guest entry, exits, idle halt.
void arch_run_loop(void) __attribute__((noreturn));

void arch_irq_window(void);       // opens interrupts for one instant; no lock held
void arch_kick_cpu(unsigned cpu); // makes another cpu leave guest mode or halt and look at its softirqs
void arch_poweroff(void) __attribute__((noreturn));
void arch_reset(void) __attribute__((noreturn));
void arch_panic_halt(void)
    __attribute__((noreturn)); // after the message: dump state, then reset or halt per options
void arch_console_puts(const char *bytes, size_t n); // to every console device, synchronously

// --- time ---

uint64_t arch_now(void);            // system time: ns since the hypervisor started, monotonic on all cpus
uint64_t arch_boot_wallclock(void); // ns since 1970-01-01 UTC at system time 0
void arch_timer_program(uint64_t deadline); // ns; a past one fires at once; TIME_NEVER turns it off
// The constants of the public vcpu_time_info: system_time = base + ((tsc - tsc_timestamp) << shift) * mul
// >> 32.
struct arch_clock {
    uint64_t tsc_timestamp, system_time;
    uint32_t mul;
    int8_t shift;
    bool tsc_stable; // one TSC for all cpus, invariant: XEN_PVCLOCK_TSC_STABLE_BIT
    uint32_t tsc_khz;
};
extern struct arch_clock arch_clock;

// --- domains and vcpus ---

int arch_domain_create(struct domain *d);
void arch_domain_destroy(struct domain *d);
int arch_vcpu_create(struct vcpu *v);
void arch_vcpu_destroy(struct vcpu *v);
// Saves prev's context (NULL: none) and loads next's (NULL: none) on this cpu: FPU, debug registers, TSC_AUX,
// vendor state.
void arch_vcpu_switch(struct vcpu *prev, struct vcpu *next);
// The vcpu has something new to look at (event, NMI) while it may be running: makes it pass through entry
// again.
void arch_vcpu_kick(struct vcpu *v);
// True when an unmasked interrupt of any kind could be delivered: HLT must not block.
bool arch_vcpu_interrupt_pending(struct vcpu *v);
void arch_vcpu_dump(const struct vcpu *v); // registers and last hypercalls to the log, LOG_ERROR
void arch_vcpu_start_pvh(struct vcpu *v, uint32_t entry,
                         uint32_t start_info);           // dom0's vcpu 0: 32-bit flat state
int arch_vcpu_initialise(struct vcpu *v, gva_t context); // VCPUOP_initialise; -XEN_ENOSYS until SMP guests

// HVM context of the stock 4.17 layout (arch-x86/hvm/save.h), for XEN_DOMCTL_{get,set}hvmcontext. Buffers are
// copies in hypervisor memory. set: 0 or -XEN_E*, checks everything before it changes anything. get: size
// needed if buf is NULL.
int arch_hvm_context_set(struct domain *d, const void *buf, uint32_t size);
long arch_hvm_context_get(struct domain *d, void *buf, uint32_t size);
#define ARCH_HVM_CONTEXT_MAX 16384U

// HVM_PARAM_CALLBACK_IRQ was set to `value` (checked: -XEN_EINVAL for kinds that need devices we don't
// emulate).
int arch_set_callback_irq(struct domain *d, uint64_t value);
int arch_set_upcall_vector(struct vcpu *v,
                           uint8_t vector); // HVMOP_set_evtchn_upcall_vector, through the vLAPIC

// --- guest-physical memory: the tables behind p2m.c. Called with the p2m lock held. ---

unsigned arch_gpa_bits(void); // width of guest-physical addresses
int arch_p2m_init(struct domain *d);
// Sets 2^order pages (ORDER_4K/2M/1G, gfn and mfn naturally aligned); P2M_HOLE clears. Splits larger leaves
// as needed. -XEN_ENOMEM when the pool is exhausted, nothing changed then. The caller flushes.
int arch_p2m_set(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned order, enum p2m_type type);
struct p2m_entry arch_p2m_get(struct domain *d, gfn_t gfn); // any gfn: a hole beyond the guest's width
void arch_p2m_flush(struct domain *d); // no cpu uses a stale translation of d when this returns
// Visits every present leaf from gfn `*cursor` up, at most `budget` leaves, and clears it; *cursor is moved
// on. True when the end was reached; all table pages are free then.
bool arch_p2m_teardown(struct domain *d, uint64_t *cursor, unsigned budget,
                       void (*leaf)(struct domain *d, struct p2m_entry entry));

// The host address of guest-virtual memory, through v's own page tables and paging mode, with its permissions
// for a supervisor access. NULL: not mapped, not writable, or not memory. The tables are the guest's: each
// level is checked. The caller holds the p2m lock of v's domain, and uses the rest of that page until it
// releases it.
void *arch_guest_memory(struct vcpu *v, uint64_t va, bool write);

// --- machine devices for the hardware domain ---

bool arch_gsi_available(unsigned gsi); // edge-triggered and not the hypervisor's own
void arch_gsi_mask(unsigned gsi, bool masked);
// May the hardware domain map this frame as MMIO? (not RAM, not the hypervisor's devices)
bool arch_mmio_allowed(mfn_t mfn);
// E820 map that dom0 gets: the machine's own regions as [start, end) with dom0's RAM and boot modules as the
// caller passes them. See dom0_build.c.

// --- sysctl figures ---

struct arch_machine_info {
    unsigned nr_cpus, threads_per_core, cores_per_socket;
    uint32_t cpu_khz;
    uint32_t hw_cap[8]; // as XEN_SYSCTL_physinfo wants them
    bool hvm, hap;
    const char *virt_name;   // "svm" or "vmx"
    const char *speculation; // its mitigations, for people: up to 127 characters
};
void arch_machine_info(struct arch_machine_info *info);
void arch_debug_key(char key); // writes the report that the key stands for to the log

// SPDX-License-Identifier: MIT
// The vendor-neutral half of hardware virtualisation: what arch keeps per vcpu and per domain, and the entry
// points of the files in hvm/.
#pragma once

#include <asm/cpu.h>
#include <asm/hvm/vcpu_exit.h>
#include <asm/hvm/virt_ops.h>
#include <asm/hvm/vlapic.h>
#include <asm/pt.h>
#include <asm/x86_defs.h>
#include <hv/domain.h>
#include <hv/hypercall.h>
#include <hv/types.h>
#include <hv/vcpu.h>

#define HYPERCALL_TRACE 16 // calls remembered per vcpu for the crash record
#define MTRR_VARIABLE   8
#define MTRR_FIXED      11

// Things that entry has to look at besides a due upcall. One word, so that an entry with nothing to do tests
// it once.
enum vcpu_attention {
    ATTENTION_REINJECT = 1 << 0,  // arch_vcpu.reinject
    ATTENTION_EXCEPTION = 1 << 1, // arch_vcpu.exception
    ATTENTION_NMI = 1 << 2,
    ATTENTION_VLAPIC = 1 << 3, // perhaps an unmasked bit in IRR
    ATTENTION_FLUSH = 1 << 4,  // guest-physical translations have changed
};

struct hypercall_record {
    struct hypercall call; // its arguments as the handler left them
    uint64_t rip;
    long result;
    struct hypercall_record *next; // of a ring
};

// A remembered walk of guest page tables: see guest_walk.c.
#define GUEST_WALKS       8    // power of two
#define GUEST_WALK_UNUSED ~0UL // no page begins there

struct guest_walk_step {
    const uint64_t *entry; // host address of a table entry
    uint64_t value;        // what it held
};

#define GUEST_WALK_STEPS 4

struct guest_walk {
    uint64_t page;              // guest-virtual, GUEST_WALK_UNUSED: none
    struct guest_paging paging; // when it was walked
    uint64_t epoch;             // p2m.epoch then: the host addresses below are good until it changes
    struct guest_walk_step
        steps[GUEST_WALK_STEPS]; // from the top table down; those not needed change nothing
    void *memory[2];             // host address of the page: to be read, to be written; NULL: not for that
};

struct arch_vcpu {
    struct guest_regs regs; // valid whenever the vcpu is not in guest mode
    uint32_t attention;     // enum vcpu_attention, bits set atomically by any cpu
    bool in_guest;          // from the last look at `attention` to the exit
    void *vendor;           // struct svm_vcpu or vmx_vcpu
    struct vcpu_exit exit;  // the latest

    struct guest_event reinject, exception;

    // Registers the vendor's entry does not switch; in the machine while `loaded`.
    void *fpu; // XSAVE (or FXSAVE) area, one page
    uint64_t xcr0;
    uint64_t dr[4];
    uint64_t tsc_aux;

    struct vlapic vlapic;
    uint8_t upcall_vector; // HVMOP_set_evtchn_upcall_vector, 0: none

    // Stored, without effect.
    uint64_t mtrr_def_type, mtrr_fixed[MTRR_FIXED], mtrr_variable[2 * MTRR_VARIABLE];

    struct guest_walk walks[GUEST_WALKS]; // by page number; under the p2m lock

    struct hypercall_record trace[HYPERCALL_TRACE];
    struct hypercall_record *trace_next; // the oldest
};

struct arch_domain {
    uint64_t serial;         // no other domain ever has the same
    struct pt pt;            // guest-physical memory
    uint8_t callback_vector; // HVM_PARAM_CALLBACK_IRQ of the vector kind, 0: none
    void *vendor;            // struct svm_domain or vmx_domain
    // Where the processor virtualises the local APIC's page, what it wants to find in its place; NULL: it
    // does not. To the core it is a hole.
    void *apic_page;
    // Under the p2m lock: where arch_p2m_teardown hands its leaves.
    void (*teardown_leaf)(struct domain *d, struct p2m_entry entry);
};

extern struct pt_format pt_format_npt, pt_format_ept; // max_order is set when the cpu is known

// Boot cpu: chooses virt_ops and enables this cpu. Panics with the reason when there is no virtualisation.
void hvm_init(void);
void hvm_enable_cpu(void); // every other cpu

// Serves softirqs, and idles, until there is a vcpu to run.
struct vcpu *hvm_wait_for_vcpu(struct cpu *cpu);

// --- exit.c and the handlers ---
unsigned hvm_code_width(const struct vcpu *v); // 16, 32 or 64
unsigned hvm_cpl(const struct vcpu *v);        // current privilege level, 0 to 3
extern void (*const hvm_exit_handlers[EXIT_KINDS])(struct vcpu *v, const struct vcpu_exit *exit);
void hvm_hypercall(struct vcpu *v, const struct vcpu_exit *exit);
void hvm_cpuid(struct vcpu *v, const struct vcpu_exit *exit);
void hvm_msr_read(struct vcpu *v, const struct vcpu_exit *exit);
void hvm_msr_write(struct vcpu *v, const struct vcpu_exit *exit);
void hvm_io(struct vcpu *v, const struct vcpu_exit *exit);
void hvm_npf(struct vcpu *v, const struct vcpu_exit *exit);
void hvm_xsetbv(struct vcpu *v, const struct vcpu_exit *exit);

// --- inject.c ---
// Before an entry that has something to look at. Returns v->arch, so that the way of an entry without need
// not keep it in a register that would have to be saved.
struct arch_vcpu *hvm_attend(struct vcpu *v, uint32_t attention);
// The delivery of this event was interrupted: it comes again at the next entry.
void hvm_reinject(struct vcpu *v, const struct guest_event *event);
void hvm_raise(struct vcpu *v, uint8_t vector);                      // exception without error code
void hvm_raise_error(struct vcpu *v, uint8_t vector, uint32_t code); // with one
void hvm_raise_single_step(struct vcpu *v); // the trap behind a completed instruction
void hvm_raise_page_fault(struct vcpu *v, uint64_t address, uint32_t code);
void hvm_attention(struct vcpu *v, uint32_t bits); // from any cpu

// --- p2m.c ---
bool hvm_map_apic_page(
    struct domain *d); // false: there is none, it is there already, or no memory for tables

// --- guest_walk.c, mmio.c ---
void guest_walk_init(struct vcpu *v);
#define INSN_MAX 15
unsigned hvm_fetch(struct vcpu *v, uint8_t bytes[INSN_MAX]); // code at CS:RIP; how many bytes could be read
// Carries out the MOV at CS:RIP that accessed gpa, where there is a device or nothing. False, with the reason
// in *why: the instruction is beyond this decoder.
bool hvm_mmio(struct vcpu *v, gpa_t gpa, const char **why);

// --- fpu.c ---
void fpu_init(void);
int fpu_create(struct vcpu *v);
void fpu_destroy(struct vcpu *v);
void fpu_save(struct vcpu *v);
void fpu_load(struct vcpu *v);
uint64_t fpu_guest_xcr0_mask(void); // XCR0 bits guests may set, 0: no XSAVE
bool fpu_xcr0_valid(uint64_t xcr0);
void fpu_get_legacy(const struct vcpu *v, uint8_t regs[512]); // FXSAVE image of a vcpu that is not loaded
void fpu_set_legacy(struct vcpu *v, const uint8_t regs[512]);

// --- msr.c ---
bool hvm_get_msr(struct vcpu *v, uint32_t msr, uint64_t *value);
bool hvm_set_msr(struct vcpu *v, uint32_t msr, uint64_t value);

// --- mtrr.c ---
void mtrr_init(struct vcpu *v);
bool mtrr_read(struct vcpu *v, uint32_t msr, uint64_t *value);
bool mtrr_write(struct vcpu *v, uint32_t msr, uint64_t value);

// --- hypercall_page.c ---
#define MSR_XEN_HYPERCALL_PAGE 0x40000000U
bool hypercall_page_write(struct domain *d, uint64_t value); // a write to that MSR

// --- cpuid.c ---
void cpuid_policy_init(void);
bool cpuid_guest_has(unsigned feature); // XEN_X86_FEATURE_*
bool cpuid_arch_caps(uint64_t *value);  // MSR_ARCH_CAPS for guests; false: they have none

// --- cr.c ---
const char *hvm_check_state(uint64_t cr0, uint64_t cr4, uint64_t efer); // NULL, or what is wrong
uint64_t efer_writable(void);
uint64_t hvm_cr4_valid(void); // bits guests may set

static inline void hvm_set_rflags(struct vcpu *v, uint64_t rflags)
{
    v->arch->regs.rflags = rflags;
    virt_ops->set_sreg(v, SREG_RFLAGS, rflags);
}

// The instruction before `rip` has been carried out for the guest.
static inline void hvm_advance_to(struct vcpu *v, uint64_t rip)
{
    struct guest_regs *regs = &v->arch->regs;

    regs->rip = rip;
    if (likely(!(regs->rflags & (RFLAGS_RF | RFLAGS_TF))))
        return;
    hvm_set_rflags(v, regs->rflags & ~RFLAGS_RF); // cleared by every completed instruction
    if (regs->rflags & RFLAGS_TF)
        hvm_raise_single_step(v);
}

static inline void hvm_advance(struct vcpu *v, const struct vcpu_exit *exit)
{
    hvm_advance_to(v, exit->next_rip);
}

// SPDX-License-Identifier: MIT
// Port accesses of guests. There is no device behind any port: reads float to ones and writes are lost. Two
// ports read as zero instead, because a kernel that probes for the device there would poll all-ones for a
// long time: counter 2 of the interval timer, and the data of the CMOS clock ("update in progress").

#include <hv/guest_access.h>

#include <asm/hvm/hvm.h>
#include <asm/hvm/virt_ops.h>

#define PORT_PIT_COUNTER2 0x42
#define PORT_CMOS_DATA    0x71

static uint32_t floating(uint16_t port)
{
    return port == PORT_PIT_COUNTER2 || port == PORT_CMOS_DATA ? 0 : ~0U;
}

static uint64_t mask_of(unsigned bits)
{
    return bits == 64 ? ~0UL : (1UL << bits) - 1;
}

// Writes to a register as an instruction with this operand size does.
static void set_register(uint64_t *reg, unsigned bytes, uint32_t value)
{
    if (bytes == 4)
        *reg = value;
    else
        *reg = (*reg & ~mask_of(8 * bytes)) | (value & mask_of(8 * bytes));
}

static uint64_t string_address(struct vcpu *v, uint64_t rdi)
{
    struct guest_segment_state es;

    if (hvm_code_width(v) == 64)
        return rdi;
    virt_ops->get_segment(v, SEG_ES, &es);
    return (uint32_t)(es.base + rdi);
}

// Moves an index or count register of the string's address size by delta.
static void step(uint64_t *reg, unsigned address_bits, int64_t delta)
{
    uint64_t mask = mask_of(address_bits), next = (*reg + delta) & mask;

    *reg = address_bits == 16 ? (*reg & ~mask) | next : next; // 32-bit results clear the upper half
}

// One INS or OUTS. REP is left to the guest: RIP moves on with the last one, so a long string stays
// interruptible.
static void string(struct vcpu *v, const struct vcpu_exit *exit)
{
    struct guest_regs *r = &v->arch->regs;
    unsigned bits = exit->io.address_bits, size = exit->io.size;
    uint64_t mask = mask_of(bits);
    uint32_t value = floating(exit->io.port);

    if (exit->io.rep && (r->rcx & mask) == 0) {
        hvm_advance(v, exit);
        return;
    }
    if (exit->io.in) {
        uint64_t linear = string_address(v, r->rdi & mask);

        // Our write would be a supervisor's, so a program that may use ports could write to its kernel.
        if (hvm_cpl(v) != 0) {
            hvm_raise_error(v, VECTOR_GP, 0);
            return;
        }
        if (copy_to_guest(GVA(linear), &value, size)) {
            hvm_raise_page_fault(v, linear, PF_WRITE);
            return;
        }
    }
    step(exit->io.in ? &r->rdi : &r->rsi, bits, r->rflags & RFLAGS_DF ? -(int64_t)size : size);
    if (exit->io.rep)
        step(&r->rcx, bits, -1);
    if (!exit->io.rep || (r->rcx & mask) == 0)
        hvm_advance(v, exit);
}

void hvm_io(struct vcpu *v, const struct vcpu_exit *exit)
{
    if (unlikely(exit->io.string)) {
        string(v, exit);
        return;
    }
    if (exit->io.in)
        set_register(&v->arch->regs.rax, exit->io.size, floating(exit->io.port));
    hvm_advance(v, exit);
}

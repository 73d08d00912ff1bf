// SPDX-License-Identifier: MIT
// How long an intercepted instruction is, on machines that do not say (no NRIPS). The opcodes are known from
// the exit code; prefixes in front of them are legal, so the bytes have to be looked at. That takes a walk of
// the guest's page tables, so each vcpu remembers the last instructions by address and address space. A guest
// that rewrites such an instruction with other prefixes, at the same address, in the same address space, gets
// an instruction pointer that is off by them, and harms nobody else.

#include "svm.h"

struct opcode {
    uint8_t bytes[3];
    uint8_t length;
    uint8_t or_last; // another value the last byte may have, 0: none
};

// The opcode behind an exit code; length 0: not one that is completed for the guest.
static struct opcode opcode_of(uint32_t exit_code, bool write)
{
    switch (exit_code) {
    case SVM_EXIT_CPUID: return (struct opcode){.bytes = {0x0f, 0xa2}, .length = 2};
    case SVM_EXIT_MSR: return (struct opcode){.bytes = {0x0f, write ? 0x30 : 0x32}, .length = 2};
    case SVM_EXIT_HLT: return (struct opcode){.bytes = {0xf4}, .length = 1};
    case SVM_EXIT_PAUSE: return (struct opcode){.bytes = {0x90}, .length = 1}; // F3 counts as a prefix
    case SVM_EXIT_INVD:                                                        // QEMU reports INVD as WBINVD
    case SVM_EXIT_WBINVD: return (struct opcode){.bytes = {0x0f, 0x09}, .length = 2, .or_last = 0x08};
    case SVM_EXIT_VMMCALL: return (struct opcode){.bytes = {0x0f, 0x01, 0xd9}, .length = 3};
    case SVM_EXIT_XSETBV: return (struct opcode){.bytes = {0x0f, 0x01, 0xd1}, .length = 3};
    default: return (struct opcode){};
    }
}

static bool is_prefix(uint8_t byte, bool long_mode)
{
    switch (byte) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
    case 0x64:
    case 0x65:
    case 0x66:
    case 0x67:
    case 0xf2:
    case 0xf3: return true;
    default: return long_mode && (byte & 0xf0) == 0x40; // REX
    }
}

static bool matches(const uint8_t *bytes, const struct opcode *opcode)
{
    unsigned last = opcode->length - 1;

    for (unsigned i = 0; i < last; i++)
        if (bytes[i] != opcode->bytes[i])
            return false;
    return bytes[last] == opcode->bytes[last] || (opcode->or_last && bytes[last] == opcode->or_last);
}

static unsigned measure(struct vcpu *v, uint32_t exit_code)
{
    const struct vmcb *vmcb = svm_of(v)->vmcb;
    uint8_t bytes[INSN_MAX];
    unsigned n = hvm_fetch(v, bytes), i = 0;
    struct opcode opcode = opcode_of(exit_code, vmcb->exit_info1 & 1);

    while (i < n && is_prefix(bytes[i], vmcb_is_64bit(vmcb)))
        i++;
    if (!opcode.length || i + opcode.length > n || !matches(bytes + i, &opcode))
        return 0;
    return i + opcode.length;
}

bool svm_find_next_rip(struct vcpu *v, struct insn_record *record)
{
    const struct vmcb *vmcb = svm_of(v)->vmcb;
    unsigned length = measure(v, vmcb->exit_code);
    uint64_t next = vmcb->rip + length;

    if (!length)
        return false;
    *record = (struct insn_record){
        .rip = vmcb->rip,
        .cr3 = vmcb->cr3,
        .exit_code = vmcb->exit_code,
        .next_rip = vmcb_is_64bit(vmcb) ? next : (uint32_t)next,
    };
    return true;
}

// SPDX-License-Identifier: MIT
// See mov_decoder.h. Instruction formats: Intel SDM vol. 2, chapter 2 and appendix A.

#include "mov_decoder.h"

struct decoder {
    const uint8_t *bytes;
    unsigned n, at;
    bool overrun;
    unsigned width;        // of the code
    unsigned operand_size; // bytes, of word-sized opcodes
    unsigned address_size; // bits
    uint8_t rex;
};

#define REX_B 1U
#define REX_R 4U
#define REX_W 8U

static uint8_t next(struct decoder *d)
{
    if (d->at >= d->n) {
        d->overrun = true;
        return 0;
    }
    return d->bytes[d->at++];
}

static uint64_t immediate(struct decoder *d, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)next(d) << 8 * i;
    return value;
}

// Sets the sizes and returns the first opcode byte.
static uint8_t prefixes(struct decoder *d)
{
    bool size66 = false, size67 = false;
    uint8_t byte;

    for (;;) {
        byte = next(d);
        if (byte == 0x66)
            size66 = true;
        else if (byte == 0x67)
            size67 = true;
        else if (byte != 0x26 && byte != 0x2e && byte != 0x36 && byte != 0x3e && byte != 0x64 && byte != 0x65)
            break;
    }
    if (d->width == 64 && (byte & 0xf0) == 0x40) { // REX counts only right in front of the opcode
        d->rex = byte;
        byte = next(d);
    }
    d->operand_size = d->rex & REX_W ? 8 : (d->width == 16) != size66 ? 2 : 4;
    if (d->width == 64)
        d->address_size = size67 ? 32 : 64;
    else
        d->address_size = (d->width == 16) != size67 ? 16 : 32;
    return byte;
}

static unsigned displacement16(uint8_t mod, uint8_t rm)
{
    if (mod == 0)
        return rm == 6 ? 2 : 0;
    return mod;
}

static unsigned displacement32(uint8_t mod, uint8_t rm, uint8_t sib)
{
    if (mod == 0)
        return rm == 5 || (rm == 4 && (sib & 7) == 5) ? 4 : 0;
    return mod == 1 ? 1 : 4;
}

// Skips the address and returns the reg field, without REX. False: the operand is a register, so this
// instruction can't have faulted here.
static bool modrm(struct decoder *d, uint8_t *reg)
{
    uint8_t byte = next(d), mod = byte >> 6, rm = byte & 7;

    if (mod == 3)
        return false;
    *reg = byte >> 3 & 7;
    if (d->address_size == 16) {
        (void)immediate(d, displacement16(mod, rm));
    } else {
        uint8_t sib = rm == 4 ? next(d) : 0;
        (void)immediate(d, displacement32(mod, rm, sib));
    }
    return true;
}

static void set_register(const struct decoder *d, struct mov_insn *insn, uint8_t reg, unsigned size)
{
    insn->size = size;
    // Without REX, byte registers 4 to 7 are the second bytes of the first four.
    insn->high_byte = size == 1 && !d->rex && reg >= 4;
    insn->gpr = insn->high_byte ? reg - 4 : reg | (d->rex & REX_R ? 8 : 0);
}

// 88 to 8b: between a register and memory.
static bool mov_register(struct decoder *d, uint8_t opcode, struct mov_insn *insn)
{
    uint8_t reg;

    if (!modrm(d, &reg))
        return false;
    insn->write = !(opcode & 2);
    insn->memory_size = opcode & 1 ? d->operand_size : 1;
    set_register(d, insn, reg, insn->memory_size);
    return true;
}

// c6 and c7, /0: an immediate to memory.
static bool mov_immediate(struct decoder *d, uint8_t opcode, struct mov_insn *insn)
{
    uint8_t reg;

    if (!modrm(d, &reg) || reg != 0)
        return false;
    insn->write = insn->immediate = true;
    insn->size = insn->memory_size = opcode & 1 ? d->operand_size : 1;
    if (insn->size == 8)
        insn->value = (uint64_t)(int32_t)immediate(d, 4);
    else
        insn->value = immediate(d, insn->size);
    return true;
}

// a0 to a3: between the accumulator and an absolute address.
static bool mov_absolute(struct decoder *d, uint8_t opcode, struct mov_insn *insn)
{
    (void)immediate(d, d->address_size / 8);
    insn->write = opcode & 2;
    insn->size = insn->memory_size = opcode & 1 ? d->operand_size : 1;
    return true;
}

// 0f b6, b7, be, bf: a byte or word into a larger register.
static bool mov_extend(struct decoder *d, struct mov_insn *insn)
{
    uint8_t opcode = next(d), reg;

    if ((opcode & 0xf6) != 0xb6 || !modrm(d, &reg))
        return false;
    insn->memory_size = opcode & 1 ? 2 : 1;
    insn->sign_extend = opcode & 8;
    set_register(d, insn, reg, d->operand_size);
    return true;
}

static bool decode(struct decoder *d, struct mov_insn *insn)
{
    uint8_t opcode = prefixes(d);

    switch (opcode) {
    case 0x88 ... 0x8b: return mov_register(d, opcode, insn);
    case 0xc6 ... 0xc7: return mov_immediate(d, opcode, insn);
    case 0xa0 ... 0xa3: return mov_absolute(d, opcode, insn);
    case 0x0f: return mov_extend(d, insn);
    default: return false;
    }
}

const char *mov_decode(const uint8_t *bytes, unsigned n, unsigned width, struct mov_insn *insn)
{
    struct decoder d = {.bytes = bytes, .n = n, .width = width};

    *insn = (struct mov_insn){};
    bool known = decode(&d, insn);
    if (d.overrun)
        return "its bytes can't be read";
    if (!known)
        return "no device there, and the instruction is not a MOV";
    insn->length = d.at;
    return NULL;
}

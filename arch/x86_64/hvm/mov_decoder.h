// SPDX-License-Identifier: MIT
// Decodes the few instructions kernels use on memory-mapped registers: MOV in its forms with one memory
// operand, MOVZX and MOVSX. Where the memory is comes from the fault, so address bytes are only skipped.
// Pure: no guest state.
#pragma once

#include <hv/types.h>

struct mov_insn {
    unsigned length;     // bytes, prefixes included
    bool write;          // to memory
    uint8_t memory_size; // bytes: 1, 2, 4, 8
    uint8_t size;        // of the register operand
    bool sign_extend;    // a read of memory_size into a register of `size`
    bool immediate;      // the source is `value`, not a register
    uint64_t value;
    uint8_t gpr;    // register operand
    bool high_byte; // AH, CH, DH or BH: bits 15:8 of gpr
};

// `width` of the code: 16, 32 or 64. NULL when decoded, else what stands in the way.
const char *mov_decode(const uint8_t *bytes, unsigned n, unsigned width, struct mov_insn *insn);

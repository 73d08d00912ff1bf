// SPDX-License-Identifier: MIT
// Memory type range registers: kept so that a guest reads back what it wrote, without effect, since all its
// memory is write-back (but for a hardware domain's devices, whose nested mappings are uncached).

#include <asm/hvm/hvm.h>

#define MTRR_CAP_VALUE  (1UL << 10 | 1UL << 8 | MTRR_VARIABLE) // write-combining, fixed ranges
#define DEF_TYPE_ENABLE (1UL << 11)
#define DEF_TYPE_BITS   0xcffUL // enable bits and the type
#define TYPE_WRITE_BACK 6

void mtrr_init(struct vcpu *v)
{
    v->arch->mtrr_def_type = DEF_TYPE_ENABLE | TYPE_WRITE_BACK;
}

static uint64_t *place_of(struct arch_vcpu *arch, uint32_t msr)
{
    if (msr == MSR_MTRR_DEF_TYPE)
        return &arch->mtrr_def_type;
    if (msr - MSR_MTRR_PHYSBASE0 < 2 * MTRR_VARIABLE)
        return &arch->mtrr_variable[msr - MSR_MTRR_PHYSBASE0];
    if (msr == MSR_MTRR_FIX64K)
        return &arch->mtrr_fixed[0];
    if (msr == MSR_MTRR_FIX16K_80 || msr == MSR_MTRR_FIX16K_A0)
        return &arch->mtrr_fixed[1 + msr - MSR_MTRR_FIX16K_80];
    if (msr - MSR_MTRR_FIX4K_C0 < 8)
        return &arch->mtrr_fixed[3 + msr - MSR_MTRR_FIX4K_C0];
    return NULL;
}

static bool type_valid(uint8_t type)
{
    return type <= 6 && type != 2 && type != 3;
}

static bool value_valid(uint32_t msr, uint64_t value)
{
    if (msr == MSR_MTRR_DEF_TYPE)
        return !(value & ~DEF_TYPE_BITS) && type_valid(value);
    if (msr - MSR_MTRR_PHYSBASE0 < 2 * MTRR_VARIABLE)
        return (msr & 1) || (!(value & 0xf00) && type_valid(value)); // odd: a mask
    for (unsigned i = 0; i < 8; i++)
        if (!type_valid(value >> 8 * i))
            return false;
    return true;
}

bool mtrr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    const uint64_t *place = place_of(v->arch, msr);

    if (msr == MSR_MTRR_CAP)
        *value = MTRR_CAP_VALUE;
    else if (place)
        *value = *place;
    return place || msr == MSR_MTRR_CAP;
}

bool mtrr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
    uint64_t *place = place_of(v->arch, msr);

    if (!place || !value_valid(msr, value))
        return false;
    *place = value;
    return true;
}

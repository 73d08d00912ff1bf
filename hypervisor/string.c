// SPDX-License-Identifier: MIT
// String helpers that libc does not have.

#include <hv/string.h>

size_t hv_strlcpy(char *dst, const char *src, size_t size)
{
    size_t length = strlen(src), n = MIN(length, size - 1);

    memcpy(dst, src, n);
    dst[n] = '\0';
    return length;
}

// Of a digit in `base`, or -1.
static int digit_value(char c, unsigned base)
{
    int value = -1;

    if (c >= '0' && c <= '9')
        value = c - '0';
    else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        value = (c | 0x20) - 'a' + 10;
    return value < (int)base ? value : -1;
}

static unsigned suffix_shift(char c)
{
    switch (c | 0x20) {
    case 'k': return 10;
    case 'm': return 20;
    case 'g': return 30;
    default: return 0;
    }
}

bool parse_number(const char *s, const char **end, uint64_t *value)
{
    unsigned base = s[0] == '0' && (s[1] | 0x20) == 'x' ? 16 : 10;
    const char *first = base == 16 ? s + 2 : s, *p = first;
    uint64_t n = 0;

    for (int digit; (digit = digit_value(*p, base)) >= 0; p++)
        if (__builtin_mul_overflow(n, base, &n) || __builtin_add_overflow(n, digit, &n))
            return false;
    if (p == first)
        return false;
    unsigned shift = suffix_shift(*p);
    if (shift && n >> (64 - shift))
        return false;
    *value = n << shift;
    *end = p + (shift != 0);
    return true;
}

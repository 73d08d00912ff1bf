// SPDX-License-Identifier: MIT
// The compiler's memory functions, by string instructions: eight bytes per step, which is also what keeps
// them cheap under an emulator that counts steps.

#include <hv/string.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
    void *to = dst;
    size_t words = n / 8, bytes = n % 8;

    asm volatile("rep movsq" : "+D"(to), "+S"(src), "+c"(words) : : "memory");
    asm volatile("rep movsb" : "+D"(to), "+S"(src), "+c"(bytes) : : "memory");
    return dst;
}

// Downwards: for a destination that begins inside the source.
static void copy_backwards(void *dst, const void *src, size_t n)
{
    char *to = (char *)dst + n - 1;
    const char *from = (const char *)src + n - 1;

    asm volatile("std; rep movsb; cld" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

void *memmove(void *dst, const void *src, size_t n)
{
    if ((uintptr_t)dst - (uintptr_t)src < n)
        copy_backwards(dst, src, n);
    else
        memcpy(dst, src, n); // forwards, as memcpy above does, is right even if they overlap
    return dst;
}

void *memset(void *dst, int byte, size_t n)
{
    uint64_t pattern = (uint8_t)byte * 0x0101010101010101UL;
    void *to = dst;
    size_t words = n / 8, bytes = n % 8;

    asm volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
    asm volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(pattern) : "memory");
    return dst;
}

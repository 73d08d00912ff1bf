// SPDX-License-Identifier: MIT
// The few libc functions the core needs, with libc's prototypes so that host builds use libc's own.
#pragma once

#include <hv/types.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);

// Copies at most size - 1 bytes and always terminates (size > 0). Returns strlen(src).
size_t hv_strlcpy(char *dst, const char *src, size_t size);

// Parses a decimal or 0x-hexadecimal number with an optional k/M/G suffix (powers of 1024).
// *end is set behind it. Returns false if there is no number or it overflows.
bool parse_number(const char *s, const char **end, uint64_t *value);

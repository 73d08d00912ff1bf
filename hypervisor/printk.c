// SPDX-License-Identifier: MIT
// Formatting, the log ring, and panics.

#include <hv/arch.h>
#include <hv/cmdline.h>
#include <hv/console.h>
#include <hv/lock.h>
#include <hv/page_alloc.h>
#include <hv/printk.h>
#include <hv/string.h>

#define LINE_MAX 512

// --- formatting ---

struct output {
    char *buf;
    size_t size, length; // length may exceed size: what the whole text would take
};

struct conversion {
    bool left, zeros;
    unsigned width;
    int precision;   // -1: none
    unsigned longs;  // of the length modifier: 0 for int, 1 or more for 64 bits
    unsigned halves; // 1: short, 2: char
};

static void put(struct output *out, char c)
{
    if (out->length + 1 < out->size)
        out->buf[out->length] = c;
    out->length++;
}

static void put_field(struct output *out, const char *text, size_t length, const struct conversion *conv)
{
    size_t padding = conv->width > length ? conv->width - length : 0;

    for (size_t i = 0; !conv->left && i < padding; i++)
        put(out, ' ');
    for (size_t i = 0; i < length; i++)
        put(out, text[i]);
    for (size_t i = 0; conv->left && i < padding; i++)
        put(out, ' ');
}

static void put_number(struct output *out, uint64_t value, unsigned base, const char *sign,
                       const struct conversion *conv)
{
    char text[72];
    size_t at = sizeof(text), sign_length = strlen(sign);

    do {
        text[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    while (conv->zeros && !conv->left && sizeof(text) - at + sign_length < conv->width && at > sign_length)
        text[--at] = '0';
    at -= sign_length;
    memcpy(text + at, sign, sign_length);
    put_field(out, text + at, sizeof(text) - at, conv);
}

static const char *parse_conversion(const char *fmt, struct conversion *conv)
{
    *conv = (struct conversion){.precision = -1};
    for (;; fmt++) {
        if (*fmt == '-')
            conv->left = true;
        else if (*fmt == '0')
            conv->zeros = true;
        else
            break;
    }
    for (; *fmt >= '0' && *fmt <= '9'; fmt++)
        conv->width = conv->width * 10 + (*fmt - '0');
    if (*fmt == '.')
        for (fmt++, conv->precision = 0; *fmt >= '0' && *fmt <= '9'; fmt++)
            conv->precision = conv->precision * 10 + (*fmt - '0');
    for (; *fmt == 'l' || *fmt == 'z' || *fmt == 'h'; fmt++) {
        conv->longs += *fmt != 'h';
        conv->halves += *fmt == 'h';
    }
    return fmt;
}

static uint64_t unsigned_argument(const struct conversion *conv, va_list *args)
{
    if (conv->longs)
        return va_arg(*args, uint64_t);
    unsigned value = va_arg(*args, unsigned);
    return conv->halves == 2 ? (uint8_t)value : conv->halves == 1 ? (uint16_t)value : value;
}

static void put_signed(struct output *out, const struct conversion *conv, va_list *args)
{
    int64_t value = conv->longs ? va_arg(*args, int64_t) : va_arg(*args, int);

    put_number(out, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, value < 0 ? "-" : "", conv);
}

static void put_string(struct output *out, const char *text, const struct conversion *conv)
{
    if (!text)
        text = "(null)";
    put_field(out, text, conv->precision >= 0 ? strnlen(text, conv->precision) : strlen(text), conv);
}

static void convert(struct output *out, char kind, const struct conversion *conv, va_list *args)
{
    switch (kind) {
    case 'd':
    case 'i': put_signed(out, conv, args); break;
    case 'u': put_number(out, unsigned_argument(conv, args), 10, "", conv); break;
    case 'x': put_number(out, unsigned_argument(conv, args), 16, "", conv); break;
    case 'p': put_number(out, (uint64_t)va_arg(*args, void *), 16, "0x", conv); break;
    case 's': put_string(out, va_arg(*args, const char *), conv); break;
    case 'c': put_field(out, &(char){va_arg(*args, int)}, 1, conv); break;
    default: put(out, kind); break; // "%%"; the compiler warns of anything else
    }
}

int hv_vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
    struct output out = {.buf = buf, .size = size};
    va_list copy;

    va_copy(copy, args);
    while (*fmt) {
        struct conversion conv;

        if (*fmt != '%') {
            put(&out, *fmt++);
            continue;
        }
        fmt = parse_conversion(fmt + 1, &conv);
        if (!*fmt)
            break;
        convert(&out, *fmt++, &conv, &copy);
    }
    va_end(copy);
    if (size)
        buf[MIN(out.length, size - 1)] = '\0';
    return out.length;
}

int hv_snprintf(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    int length = hv_vsnprintf(buf, size, fmt, args);
    va_end(args);
    return length;
}

// --- the log ring ---

#define EARLY_RING_SIZE 4096 // a power of two, as all sizes of the ring are
#define RING_ORDER      4    // 64 KiB

static struct spinlock ring_lock = SPINLOCK(LOCK_CONSOLE);
static char early_ring[EARLY_RING_SIZE];
static char *ring = early_ring;
static size_t ring_size = EARLY_RING_SIZE;
static uint64_t ring_end, ring_start; // bytes ever logged; the oldest one kept
static bool panicking;                // from here on nothing waits for a lock, and every line is shown

static void ring_append(const char *bytes, size_t n)
{
    if (!panicking)
        spin_lock(&ring_lock);
    for (size_t i = 0; i < n; i++)
        ring[ring_end++ % ring_size] = bytes[i];
    if (ring_end - ring_start > ring_size)
        ring_start = ring_end - ring_size;
    if (!panicking)
        spin_unlock(&ring_lock);
}

void log_init(void)
{
    mfn_t pages = page_alloc(RING_ORDER, 0);

    if (!mfn_valid(pages))
        return;
    char *larger = mfn_to_virt(pages);
    size_t larger_size = PAGE_SIZE << RING_ORDER;
    spin_lock(&ring_lock);
    for (uint64_t at = ring_start; at < ring_end; at++)
        larger[at % larger_size] = ring[at % ring_size];
    ring = larger;
    ring_size = larger_size;
    spin_unlock(&ring_lock);
}

size_t log_read(char *buf, size_t size, uint64_t *pos, bool clear)
{
    size_t n = 0;

    spin_lock(&ring_lock);
    if (*pos < ring_start)
        *pos = ring_start;
    for (; n < size && *pos < ring_end; n++)
        buf[n] = ring[(*pos)++ % ring_size];
    if (clear)
        ring_start = ring_end;
    spin_unlock(&ring_lock);
    return n;
}

// Formats one line with its prefix and newline; returns its length.
static size_t format_line(char line[LINE_MAX], const char *prefix, const char *fmt, va_list args)
{
    size_t at = hv_strlcpy(line, prefix, LINE_MAX),
           length = hv_vsnprintf(line + at, LINE_MAX - at, fmt, args);

    at = MIN(at + length, LINE_MAX - 2UL);
    line[at++] = '\n';
    return at;
}

void log_line(enum log_level level, const char *fmt, ...)
{
    char line[LINE_MAX];
    va_list args;

    va_start(args, fmt);
    size_t length = format_line(line, "(PXN) ", fmt, args);
    va_end(args);
    ring_append(line, length);
    if (panicking || (int)level <= hv_options.log_level)
        console_write_line(line, length, panicking);
}

void panic(const char *fmt, ...)
{
    char line[LINE_MAX];
    va_list args;

    panicking = true;
    va_start(args, fmt);
    size_t length = format_line(line, "PANIC: ", fmt, args);
    va_end(args);
    ring_append(line, length);
    console_write_line(line, length, true);
    arch_panic_halt();
}

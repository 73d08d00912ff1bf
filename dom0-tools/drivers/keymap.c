// SPDX-License-Identifier: MIT
/* The US keyboard layout. Scancode numbers: IBM PC/AT scan code set 1. */
#include <ctype.h>
#include <string.h>

#include <dom0/keymap.h>

#define RELEASE  0x80
#define EXTENDED 0xe0

enum { LEFT_CTRL = 0x1d, LEFT_SHIFT = 0x2a, RIGHT_SHIFT = 0x36, CAPS_LOCK = 0x3a };

/* Indexed by scancode; a NUL is a key without a character. */
static const char plain[] = "\0\x1b"
                            "1234567890-=\x7f\t"
                            "qwertyuiop[]\r\0"
                            "asdfghjkl;'`\0\\"
                            "zxcvbnm,./\0*\0 ";
static const char shifted[] = "\0\x1b"
                              "!@#$%^&*()_+\x7f\t"
                              "QWERTYUIOP{}\r\0"
                              "ASDFGHJKL:\"~\0|"
                              "ZXCVBNM<>?\0*\0 ";

/* Cursor keys and their neighbours: the same codes with the 0xe0 prefix and, Num Lock being off, on the
 * keypad. */
static const struct {
    uint8_t code;
    const char *bytes;
} cursor_keys[] = {
    {0x47, "\x1b[H"}, {0x48, "\x1b[A"}, {0x49, "\x1b[5~"}, {0x4b, "\x1b[D"},  {0x4d, "\x1b[C"},
    {0x4f, "\x1b[F"}, {0x50, "\x1b[B"}, {0x51, "\x1b[6~"}, {0x52, "\x1b[2~"}, {0x53, "\x1b[3~"},
};

/* Keep track of Shift, Ctrl and Caps Lock. Returns whether the key was one of them. */
static bool modifier(struct keymap *k, uint8_t key, bool pressed, bool extended)
{
    switch (key) {
    case LEFT_SHIFT:
    case RIGHT_SHIFT:
        /* Some cursor keys come wrapped in extended shifts nobody pressed. */
        if (!extended)
            k->shift = pressed;
        return true;
    case LEFT_CTRL: /* with the prefix, the right one */ k->ctrl = pressed; return true;
    case CAPS_LOCK: k->caps_lock ^= pressed; return true;
    default: return false;
    }
}

static size_t cursor_key(uint8_t key, char out[4])
{
    for (size_t i = 0; i < sizeof(cursor_keys) / sizeof(*cursor_keys); i++)
        if (cursor_keys[i].code == key) {
            size_t length = strlen(cursor_keys[i].bytes);

            memcpy(out, cursor_keys[i].bytes, length);
            return length;
        }
    return 0;
}

static char character(const struct keymap *k, uint8_t key)
{
    char c = key < sizeof(plain) ? plain[key] : '\0';

    if (isalpha((unsigned char)c) ? k->shift != k->caps_lock : k->shift)
        c = shifted[key < sizeof(shifted) ? key : 0];
    if (k->ctrl && c >= '@' && c < 0x7f)
        c &= 0x1f;
    return c;
}

size_t keymap_scancode(struct keymap *keymap, uint8_t code, char out[4])
{
    uint8_t key = code & (uint8_t)~RELEASE;
    bool pressed = !(code & RELEASE), extended = keymap->extended;

    keymap->extended = code == EXTENDED;
    if (code == EXTENDED || modifier(keymap, key, pressed, extended) || !pressed)
        return 0;
    if (!extended || key == 0x1c || key == 0x35) {
        /* the keypad's Enter and '/' carry the prefix and are characters all the same */
        out[0] = character(keymap, key);
        if (out[0])
            return 1;
    }
    return cursor_key(key, out);
}

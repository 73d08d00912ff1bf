// SPDX-License-Identifier: MIT
/*
 * From PS/2 scancodes (set 1, as the i8042 delivers them with its translation on) to the bytes a serial
 * terminal would send for the same keys: US layout, Shift, Ctrl, Caps Lock; cursor keys become ESC [
 * sequences.
 */
#ifndef DOM0_KEYMAP_H
#define DOM0_KEYMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct keymap {
    bool shift, ctrl, caps_lock;
    bool extended; /* the last byte was the prefix 0xe0 */
};

/* Take one scancode byte; write the bytes it stands for to `out` and return how many (0 for releases and
 * modifiers). */
size_t keymap_scancode(struct keymap *keymap, uint8_t code, char out[4]);

#endif

// SPDX-License-Identifier: MIT
/* The keyboard behind a PC's i8042 controller; what is typed on it becomes console input. */
#ifndef DOM0_PS2_KEYBOARD_H
#define DOM0_PS2_KEYBOARD_H

/* 0, -ENODEV if there is no controller, or another negative errno. */
int ps2_keyboard_start(void);

#endif

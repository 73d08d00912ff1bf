// SPDX-License-Identifier: MIT
// The text screen of PCs.

#include <asm/io.h>
#include <asm/layout.h>
#include <asm/machine.h>

#define TEXT_MEMORY 0xb8000
#define NORMAL      0x0700 // light grey on black
#define INVERSE     0x7000

#define MISC_OUTPUT_READ  0x3cc // reads as ones where there is no VGA
#define CRTC_INDEX        0x3d4
#define CRTC_DATA         0x3d5
#define CRTC_CURSOR_START 0x0a
#define CRTC_CURSOR_OFF   0x20
#define CRTC_START_HIGH   0x0c
#define CRTC_START_LOW    0x0d

static volatile uint16_t *text;

static void crtc_write(uint8_t index, uint8_t value)
{
    outb(CRTC_INDEX, index);
    outb(CRTC_DATA, value);
}

static void draw(unsigned column, unsigned row, uint8_t c, bool inverse)
{
    text[row * SCREEN_COLUMNS + column] = (inverse ? INVERSE : NORMAL) | c;
}

bool vga_init(void)
{
    if (inb(MISC_OUTPUT_READ) == 0xff)
        return false;
    text = (uint16_t *)(DIRECT_BASE + TEXT_MEMORY);
    reserve_ports(CRTC_INDEX, 2);
    crtc_write(CRTC_START_HIGH, 0);
    crtc_write(CRTC_START_LOW, 0);
    crtc_write(CRTC_CURSOR_START, CRTC_CURSOR_OFF); // screen.c draws one
    screen_start();
    screen_draw_with(draw);
    return true;
}

bool vga_remap(void)
{
    text = map_mmio(TEXT_MEMORY, sizeof(*text) * SCREEN_COLUMNS * SCREEN_ROWS);
    return text;
}

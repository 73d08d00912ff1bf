// SPDX-License-Identifier: MIT
// A screen of pixels that the boot loader has set up, as on UEFI machines, where there is no text mode. The
// font is made by scripts/gen-font; on large screens its pixels are made larger.

#include <asm/layout.h>
#include <asm/machine.h>

#define GLYPH_WIDTH    8
#define GLYPH_HEIGHT   16
#define FIRST_GLYPH    ' '
#define LAST_GLYPH     '~'
#define TEXT_WIDTH     (SCREEN_COLUMNS * GLYPH_WIDTH)
#define TEXT_HEIGHT    (SCREEN_ROWS * GLYPH_HEIGHT)
#define GREY           0xaa
#define BOOT_MAP_LIMIT (4UL << 30) // what boot.S maps

extern const uint8_t screen_font[LAST_GLYPH - FIRST_GLYPH + 1][GLYPH_HEIGHT];

static struct boot_screen fb;
static unsigned pixel_bytes;
static unsigned scale;
static volatile uint8_t *text; // its left upper pixel
static uint32_t grey;          // as a pixel

static volatile uint8_t *fill(volatile uint8_t *at, unsigned count, uint32_t pixel)
{
    for (; count; count--, at += pixel_bytes) {
        if (pixel_bytes == 4) {
            *(volatile uint32_t *)at = pixel;
            continue;
        }
        for (unsigned i = 0; i < pixel_bytes; i++)
            at[i] = pixel >> 8 * i;
    }
    return at;
}

static void draw(unsigned column, unsigned row, uint8_t c, bool inverse)
{
    const uint8_t *glyph = screen_font[(c < FIRST_GLYPH || c > LAST_GLYPH ? '?' : c) - FIRST_GLYPH];
    volatile uint8_t *line =
        text + (uint64_t)row * GLYPH_HEIGHT * scale * fb.pitch + column * GLYPH_WIDTH * scale * pixel_bytes;

    for (unsigned y = 0; y < GLYPH_HEIGHT * scale; y++, line += fb.pitch) {
        uint8_t bits = glyph[y / scale] ^ (inverse ? 0xff : 0);
        volatile uint8_t *at = line;

        for (unsigned x = 0; x < GLYPH_WIDTH; x++)
            at = fill(at, scale, bits << x & 0x80 ? grey : 0);
    }
}

// Clears the screen and draws the text in its middle.
static void start(volatile uint8_t *memory)
{
    for (unsigned y = 0; y < fb.height; y++)
        fill(memory + (uint64_t)y * fb.pitch, fb.width, 0);
    text = memory + (uint64_t)(fb.height - TEXT_HEIGHT * scale) / 2 * fb.pitch +
           (fb.width - TEXT_WIDTH * scale) / 2 * pixel_bytes;
    screen_draw_with(draw);
}

bool framebuffer_init(const struct boot_screen *screen)
{
    fb = *screen;
    pixel_bytes = fb.bits / 8;
    scale = MIN(fb.width / TEXT_WIDTH, fb.height / TEXT_HEIGHT);
    if (scale == 0)
        return false;
    grey = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(fb.colours); i++)
        grey |= GREY >> (8 - fb.colours[i].bits) << fb.colours[i].shift;
    screen_start();
    if (fb.address + (uint64_t)fb.pitch * fb.height <=
        BOOT_MAP_LIMIT) // else the text waits for the final tables
        start((volatile uint8_t *)DIRECT_BASE + fb.address);
    return true;
}

bool framebuffer_remap(void)
{
    volatile uint8_t *memory = map_framebuffer(fb.address, (uint64_t)fb.pitch * fb.height);

    if (memory)
        start(memory);
    return memory;
}

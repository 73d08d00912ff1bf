// SPDX-License-Identifier: MIT
// The 80x25 text screen: \r \n \b \t, and of ANSI sequences what a line editor needs: ESC[K, ESC[nC, ESC[nD,
// ESC[2J, ESC[H. Others are swallowed.

#include <hv/string.h>

#include <asm/io.h>
#include <asm/layout.h>
#include <asm/machine.h>

#define TEXT_MEMORY 0xb8000
#define COLUMNS     80
#define ROWS        25
#define BLANK       0x0720 // a space, light grey on black

#define MISC_OUTPUT_READ 0x3cc // reads as ones where there is no VGA
#define CRTC_INDEX       0x3d4
#define CRTC_DATA        0x3d5
#define CRTC_START_HIGH  0x0c
#define CRTC_START_LOW   0x0d
#define CRTC_CURSOR_HIGH 0x0e
#define CRTC_CURSOR_LOW  0x0f

static volatile uint16_t *cells;
static unsigned column, row;
static enum { PLAIN, ESCAPE, SEQUENCE } state;
static unsigned argument; // of the sequence so far

static void crtc_write(uint8_t index, uint8_t value)
{
    outb(CRTC_INDEX, index);
    outb(CRTC_DATA, value);
}

static void show_cursor(void)
{
    unsigned at = row * COLUMNS + column;

    crtc_write(CRTC_CURSOR_HIGH, at >> 8);
    crtc_write(CRTC_CURSOR_LOW, at);
}

static void blank(unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        cells[i] = BLANK;
}

static void line_feed(void)
{
    column = 0;
    if (++row < ROWS)
        return;
    row = ROWS - 1;
    memmove((void *)cells, (void *)(cells + COLUMNS), sizeof(*cells) * COLUMNS * (ROWS - 1));
    blank(row * COLUMNS, ROWS * COLUMNS);
}

static void put_plain(char c)
{
    switch (c) {
    case '\n': line_feed(); break;
    case '\r': column = 0; break;
    case '\b': column -= column > 0; break;
    case '\t': column = MIN((column + 8) & ~7U, COLUMNS - 1U); break;
    case '\033': state = ESCAPE; break;
    default:
        if ((unsigned char)c < ' ')
            break;
        if (column == COLUMNS)
            line_feed();
        cells[row * COLUMNS + column++] = (BLANK & 0xff00) | (unsigned char)c;
    }
}

// The final character of ESC [ argument c.
static void end_sequence(char c)
{
    unsigned distance = MAX(argument, 1U);

    switch (c) {
    case 'K': blank(row * COLUMNS + column, (row + 1) * COLUMNS); break;
    case 'C': column = MIN(column + distance, COLUMNS - 1U); break;
    case 'D': column -= MIN(column, distance); break;
    case 'H': row = column = 0; break;
    case 'J':
        if (argument == 2)
            blank(0, ROWS * COLUMNS);
        break;
    }
    state = PLAIN;
}

static void put(char c)
{
    switch (state) {
    case PLAIN: put_plain(c); break;
    case ESCAPE:
        state = c == '[' ? SEQUENCE : PLAIN;
        argument = 0;
        break;
    case SEQUENCE:
        if (c >= '0' && c <= '9')
            argument = MIN(argument * 10 + (c - '0'), 1000U);
        else if (c >= '@') // final characters; what lies below are parameters we don't know
            end_sequence(c);
    }
}

bool vga_init(void)
{
    if (inb(MISC_OUTPUT_READ) == 0xff)
        return false;
    cells = (uint16_t *)(DIRECT_BASE + TEXT_MEMORY);
    reserve_ports(CRTC_INDEX, 2);
    crtc_write(CRTC_START_HIGH, 0);
    crtc_write(CRTC_START_LOW, 0);
    blank(0, ROWS * COLUMNS);
    show_cursor();
    return true;
}

bool vga_remap(void)
{
    cells = map_mmio(TEXT_MEMORY, sizeof(*cells) * COLUMNS * ROWS);
    return cells;
}

void vga_puts(const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put(bytes[i]);
    if (column < COLUMNS)
        show_cursor();
}

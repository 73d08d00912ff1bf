// SPDX-License-Identifier: MIT
// A terminal of 80x25 characters on whatever screen there is: \r \n \b \t, and of ANSI sequences what a line
// editor needs: ESC[K, ESC[nC, ESC[nD, ESC[2J, ESC[H. Others are swallowed. The characters are kept here, so
// that nothing is ever read from the screen's memory, which is slow, and only cells that change are drawn.

#include <hv/string.h>

#include <asm/machine.h>

static uint8_t cells[SCREEN_COLUMNS * SCREEN_ROWS];
static unsigned column, row; // of the cursor; column == SCREEN_COLUMNS: the next character begins a line
static void (*draw)(unsigned column, unsigned row, uint8_t c, bool inverse);
static enum { PLAIN, ESCAPE, SEQUENCE } state;
static unsigned argument; // of the sequence so far

static void draw_cell(unsigned at, bool inverse)
{
    if (draw)
        draw(at % SCREEN_COLUMNS, at / SCREEN_COLUMNS, cells[at], inverse);
}

static void set(unsigned at, uint8_t c)
{
    if (cells[at] == c)
        return;
    cells[at] = c;
    draw_cell(at, false);
}

static void blank(unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        set(i, ' ');
}

static void line_feed(void)
{
    column = 0;
    if (++row < SCREEN_ROWS)
        return;
    row = SCREEN_ROWS - 1;
    for (unsigned i = 0; i < row * SCREEN_COLUMNS; i++)
        set(i, cells[i + SCREEN_COLUMNS]);
    blank(row * SCREEN_COLUMNS, SCREEN_ROWS * SCREEN_COLUMNS);
}

static void put_plain(char c)
{
    switch (c) {
    case '\n': line_feed(); break;
    case '\r': column = 0; break;
    case '\b': column -= column > 0; break;
    case '\t': column = MIN((column + 8) & ~7U, SCREEN_COLUMNS - 1); break;
    case '\033': state = ESCAPE; break;
    default:
        if ((unsigned char)c < ' ')
            break;
        if (column == SCREEN_COLUMNS)
            line_feed();
        set(row * SCREEN_COLUMNS + column++, c);
    }
}

// The final character of ESC [ argument c.
static void end_sequence(char c)
{
    unsigned distance = MAX(argument, 1U);

    switch (c) {
    case 'K': blank(row * SCREEN_COLUMNS + column, (row + 1) * SCREEN_COLUMNS); break;
    case 'C': column = MIN(column + distance, SCREEN_COLUMNS - 1); break;
    case 'D': column -= MIN(column, distance); break;
    case 'H': row = column = 0; break;
    case 'J':
        if (argument == 2)
            blank(0, SCREEN_ROWS * SCREEN_COLUMNS);
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

static void draw_cursor(bool shown)
{
    if (column < SCREEN_COLUMNS)
        draw_cell(row * SCREEN_COLUMNS + column, shown);
}

void screen_puts(const char *bytes, size_t n)
{
    draw_cursor(false);
    for (size_t i = 0; i < n; i++)
        put(bytes[i]);
    draw_cursor(true);
}

void screen_start(void)
{
    memset(cells, ' ', sizeof(cells));
}

void screen_draw_with(void (*draw_function)(unsigned column, unsigned row, uint8_t c, bool inverse))
{
    draw = draw_function;
    for (unsigned i = 0; i < SCREEN_ROWS * SCREEN_COLUMNS; i++)
        draw_cell(i, false);
    draw_cursor(true);
}

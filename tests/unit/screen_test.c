// SPDX-License-Identifier: MIT
// The terminal on a screen, drawn by a recorder, and as pixels of a framebuffer.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <asm/machine.h>

// --- the terminal ---

static char shown[SCREEN_ROWS][SCREEN_COLUMNS];
static bool inverted[SCREEN_ROWS][SCREEN_COLUMNS];
static unsigned draws;

static void record(unsigned column, unsigned row, uint8_t c, bool inverse)
{
    assert_true(column < SCREEN_COLUMNS && row < SCREEN_ROWS);
    shown[row][column] = c;
    inverted[row][column] = inverse;
    draws++;
}

static void say(const char *text)
{
    screen_puts(text, strlen(text));
}

static void begin(void)
{
    screen_start();
    screen_draw_with(record);
    say("\033[2J\033[H");
    draws = 0;
}

static void assert_row(unsigned row, const char *text)
{
    char padded[SCREEN_COLUMNS];

    memset(padded, ' ', sizeof(padded));
    memcpy(padded, text, strlen(text));
    assert_memory_equal(shown[row], padded, sizeof(padded));
}

// The one inverse cell, or none.
static void assert_cursor(int column, int row)
{
    for (int y = 0; y < (int)SCREEN_ROWS; y++)
        for (int x = 0; x < (int)SCREEN_COLUMNS; x++)
            assert_int_equal(inverted[y][x], x == column && y == row);
}

static void test_lines(void **state)
{
    (void)state;
    begin();
    say("one\ntwo\tx\r\n\b\bthree\b\b");
    assert_row(0, "one");
    assert_row(1, "two     x");
    assert_row(2, "three");
    assert_cursor(3, 2);
}

static void test_long_lines_wrap_late(void **state)
{
    (void)state;
    begin();
    for (unsigned i = 0; i < SCREEN_COLUMNS; i++)
        say("x");
    assert_cursor(-1, -1); // beyond the last column, but not yet in the next line
    say("\b\b\ty");
    assert_int_equal(shown[0][SCREEN_COLUMNS - 1], 'y');
    say("z");
    assert_row(1, "z");
}

static void test_scrolling_draws_what_changes(void **state)
{
    (void)state;
    begin();
    for (unsigned i = 0; i < SCREEN_ROWS; i++)
        say("same\n");
    draws = 0;
    say("\n");
    assert_row(0, "same");
    assert_row(SCREEN_ROWS - 3, "same");
    assert_row(SCREEN_ROWS - 2, "");
    assert_true(draws <= 6); // one line's four characters, and the cursor twice
}

static void test_sequences(void **state)
{
    (void)state;
    begin();
    say("abcdef\033[3D\033[K");
    assert_row(0, "abc");
    say("\033[2Cx\033[99Dy\033[9999999999C\033[?25l\033[1;31mz");
    assert_int_equal(shown[0][0], 'y');
    assert_int_equal(shown[0][5], 'x');
    assert_int_equal(shown[0][SCREEN_COLUMNS - 1], 'z');
    say("\033[K\033[Cw"); // at the end of the line, and beyond
    say("\033\033[\033[\1\177\033[2J\033[Hq");
    assert_row(0, "q");
    assert_cursor(1, 0);
}

static void test_noise(void **state)
{
    static const char likely[] = "\033\033[[0123;KCDHJ\n\r\b\tab";

    (void)state;
    begin();
    srand(1);
    for (unsigned i = 0; i < 100000; i++) {
        char c = rand() % 4 ? likely[rand() % (sizeof(likely) - 1)] : (char)rand();

        screen_puts(&c, 1);
    }
    say("\033[2J\033[H");
    assert_row(SCREEN_ROWS - 1, "");
}

// --- pixels ---

#define HIGH (1UL << 40) // beyond the boot page tables, which a test has not

const uint8_t screen_font[95][16] = {['A' - ' '] = {0x80, 0x01, [15] = 0xff}, ['?' - ' '] = {0xaa}};

static uint8_t *video; // from malloc, just as large as the framebuffer, so that ASan sees a pixel too far

volatile void *map_framebuffer(maddr_t start, size_t size)
{
    assert_int_equal(start, HIGH);
    video = realloc(video, size);
    memset(video, 0x55, size);
    return video;
}

static uint32_t pixel(const struct boot_screen *fb, unsigned x, unsigned y)
{
    uint32_t value = 0;

    memcpy(&value, video + y * fb->pitch + x * (fb->bits / 8), fb->bits / 8);
    return value;
}

static void check_framebuffer(struct boot_screen fb, unsigned scale, uint32_t grey)
{
    unsigned left = (fb.width - scale * 8 * SCREEN_COLUMNS) / 2,
             top = (fb.height - scale * 16 * SCREEN_ROWS) / 2;

    fb.kind = SCREEN_FRAMEBUFFER;
    fb.address = HIGH;
    assert_true(framebuffer_init(&fb));
    screen_draw_with(NULL);
    say("\033[2J\033[HA\xc4\r\n"); // before there is anything to draw on
    assert_true(framebuffer_remap());
    assert_int_equal(pixel(&fb, left, top), grey);
    assert_int_equal(pixel(&fb, left + scale - 1, top + scale - 1), grey);
    assert_int_equal(pixel(&fb, left + scale, top), 0);
    assert_int_equal(pixel(&fb, left + 7 * scale, top), 0);
    assert_int_equal(pixel(&fb, left + 7 * scale, top + scale), grey);
    assert_int_equal(pixel(&fb, left, top + 15 * scale), grey);
    assert_int_equal(pixel(&fb, left + 8 * scale, top), grey);  // ?, for what the font lacks
    assert_int_equal(pixel(&fb, left, top + 16 * scale), grey); // the cursor
    assert_int_equal(pixel(&fb, 0, fb.height - 1), 0);
    for (unsigned i = 0; i < 2 * SCREEN_ROWS; i++)
        say("AA\n");
    say("\033[999CA");
    assert_int_equal(pixel(&fb, left + scale * 8 * SCREEN_COLUMNS - 1, top + scale * 16 * SCREEN_ROWS - 1),
                     grey);
}

static void test_framebuffers(void **state)
{
    (void)state;
    check_framebuffer((struct boot_screen){.pitch = 1280 * 4,
                                           .width = 1280,
                                           .height = 800,
                                           .bits = 32,
                                           .colours = {{16, 8}, {8, 8}, {0, 8}}},
                      2, 0xaaaaaa);
    check_framebuffer(
        (struct boot_screen){
            .pitch = 801 * 3, .width = 800, .height = 600, .bits = 24, .colours = {{0, 8}, {8, 8}, {16, 8}}},
        1, 0xaaaaaa);
    check_framebuffer(
        (struct boot_screen){
            .pitch = 640 * 2, .width = 640, .height = 400, .bits = 16, .colours = {{11, 5}, {5, 6}, {0, 5}}},
        1, 0xad55);
    assert_false(
        framebuffer_init(&(struct boot_screen){.pitch = 2560, .width = 639, .height = 400, .bits = 32}));
    assert_false(
        framebuffer_init(&(struct boot_screen){.pitch = 2560, .width = 640, .height = 399, .bits = 32}));
    free(video);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_long_lines_wrap_late),
        cmocka_unit_test(test_scrolling_draws_what_changes),
        cmocka_unit_test(test_sequences),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_framebuffers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

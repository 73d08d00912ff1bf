// SPDX-License-Identifier: MIT
//
// A terminal's simplest line discipline: echo, backspace, Ctrl-U, Ctrl-D.

#include <guest/console.h>
#include <guest/thread.h>

#define CTRL(letter) ((letter)&0x1f)
#define DELETE       0x7f

static void erase(size_t characters)
{
    while (characters--)
        console_write("\b \b", 3);
}

int console_read_line(char *line, size_t size)
{
    size_t length = 0;
    for (;;) {
        char c = (char)console_getc(DEADLINE_NEVER);
        switch (c) {
        case '\r':
        case '\n':
            console_write("\r\n", 2);
            line[length] = '\0';
            return (int)length;
        case CTRL('D'):
            if (length == 0)
                return -1;
            break;
        case CTRL('U'):
            erase(length);
            length = 0;
            break;
        case '\b':
        case DELETE:
            erase(length > 0);
            length -= length > 0;
            break;
        default:
            if (length + 1 < size && (unsigned char)c >= ' ') {
                line[length++] = c;
                console_write(&c, 1);
            }
        }
    }
}

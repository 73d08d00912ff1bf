// SPDX-License-Identifier: MIT
//
// Splits a command line as a shell does: blanks separate words, '...' takes everything literally, "..." all
// but \" and
// \\, and \ outside quotes takes the next character literally. No expansion of any kind.

#include <stdbool.h>
#include <string.h>
#include "kit.h"

// Moves the next word to where it starts, without its quotes; returns what follows it. The result is never
// longer than the source, so this works in place.
static char *take_word(char *in)
{
    char *out = in;
    char quote = 0;
    for (; *in && (quote || !strchr(" \t\r\n", *in)); in++) {
        if (quote && *in == quote) {
            quote = 0;
        } else if (!quote && (*in == '\'' || *in == '"')) {
            quote = *in;
        } else if (*in == '\\' && in[1] && (!quote || (quote == '"' && strchr("\"\\", in[1])))) {
            *out++ = *++in;
        } else {
            *out++ = *in;
        }
    }
    if (*in)
        in++;
    *out = '\0';
    return in;
}

int args_split(char *line, const char *program, char **argv, int max)
{
    int argc = 0;
    argv[argc++] = (char *)program;
    for (;;) {
        line += strspn(line, " \t\r\n");
        if (!*line || argc == max - 1)
            break;
        argv[argc++] = line;
        line = take_word(line);
    }
    argv[argc] = NULL;
    return argc;
}

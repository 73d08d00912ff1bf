// SPDX-License-Identifier: MIT
/* The lines typed before, in a ring of fixed size. */
#include <stdlib.h>
#include <string.h>

#include <dom0/line_edit.h>

void history_add(struct history *history, const char *line)
{
    unsigned slot = (history->first + history->count) % HISTORY_LINES;
    char *copy;

    if (!line[strspn(line, " ")])
        return;
    if (history->count && !strcmp(history->lines[(slot + HISTORY_LINES - 1) % HISTORY_LINES], line))
        return;
    copy = strdup(line);
    if (!copy)
        return;
    if (history->count == HISTORY_LINES) {
        free(history->lines[slot]);
        history->first = (history->first + 1) % HISTORY_LINES;
    } else {
        history->count++;
    }
    history->lines[slot] = copy;
}

void history_clear(struct history *history)
{
    while (history->count) {
        free(history->lines[history->first]);
        history->first = (history->first + 1) % HISTORY_LINES;
        history->count--;
    }
}

// SPDX-License-Identifier: MIT
/*
 * Line editor: bytes of a terminal in, bytes for a terminal out, no other I/O. It keeps the line on one
 * screen row by scrolling it sideways, and sends only `\r \b`, printable characters, ESC[K, ESC[nC, ESC[2J
 * and ESC[H, which the hypervisor's VGA console understands as well as every serial terminal does.
 *
 * Keys: Left Right Home End Delete Backspace, Up Down (history), Tab (completion), Ctrl-A B C D E F H K L N P
 * U W.
 */
#ifndef DOM0_LINE_EDIT_H
#define DOM0_LINE_EDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_MAX_LENGTH 1023 /* characters of one line, without its NUL */
#define HISTORY_LINES   64

struct history {
    char *lines[HISTORY_LINES]; /* a ring: oldest at `first` */
    unsigned first, count;
};

/* Remember a line; blank ones and repetitions of the newest are left out. The oldest falls off at
 * HISTORY_LINES. */
void history_add(struct history *history, const char *line);
void history_clear(struct history *history);

/* Candidates for the word before the cursor. */
struct completion {
    size_t start; /* where that word begins in the line: a candidate replaces [start, cursor) */
    char **candidates;
    size_t count;
    bool complete; /* a single candidate is a whole word: put a blank behind it */
};

/* Add a copy of `text` unless it is there already; without memory it is just not offered. */
void completion_add(struct completion *completion, const char *text);

struct line_edit_ops {
    void (*write)(void *context, const char *bytes, size_t length);
    void (*complete)(void *context, const char *line, size_t cursor,
                     struct completion *completion); /* may be NULL */
    void *context;
};

struct line_edit {
    char text[LINE_MAX_LENGTH + 1];
    size_t length, cursor;
    size_t scroll; /* first character shown */
    const char *prompt;
    size_t columns; /* of the terminal */
    const struct line_edit_ops *ops;
    struct history *history;
    unsigned history_back;           /* 0: the line being typed; n: n lines back */
    char draft[LINE_MAX_LENGTH + 1]; /* that line, while history is shown */
    bool in_escape;                  /* ESC has come, and the rest of its sequence has not */
    char escape[8];                  /* what followed it so far */
    unsigned escape_length;
    bool after_return; /* the last byte was CR: a LF right behind it is the same key */
};

enum line_event {
    LINE_EDITING,   /* nothing to do yet */
    LINE_ENTERED,   /* `text` is a whole line */
    LINE_CANCELLED, /* Ctrl-C */
};

/* `ops`, `history` and `prompt` stay the caller's and must outlive the editor. */
void line_edit_init(struct line_edit *edit, const struct line_edit_ops *ops, struct history *history,
                    const char *prompt, size_t columns);

/* Start an empty line: print the prompt. */
void line_edit_start(struct line_edit *edit);

/* Draw prompt and line anew, after something else was printed. */
void line_edit_redraw(struct line_edit *edit);

/* Take one byte from the terminal. After anything but LINE_EDITING call line_edit_start() again. */
enum line_event line_edit_byte(struct line_edit *edit, uint8_t byte);

#endif

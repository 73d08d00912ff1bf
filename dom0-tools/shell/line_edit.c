// SPDX-License-Identifier: MIT
/*
 * The line editor of the dom0 prompt. State is the text, a cursor and the first character shown; every key
 * changes these and redraws the row, except that a character typed at the end of a line that fits is simply
 * echoed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dom0/line_edit.h>

#define ESC          0x1b
#define CTRL(letter) ((letter)&0x1f)

static void emit(struct line_edit *e, const char *bytes, size_t length)
{
    if (length)
        e->ops->write(e->ops->context, bytes, length);
}

static void emit_text(struct line_edit *e, const char *text)
{
    emit(e, text, strlen(text));
}

/* Characters of the line that fit behind the prompt; the last column stays free, or terminals would wrap. */
static size_t visible(const struct line_edit *e)
{
    size_t used = strlen(e->prompt) + 1;

    return e->columns > used + 8 ? e->columns - used : 8;
}

void line_edit_redraw(struct line_edit *e)
{
    size_t room = visible(e), shown, column;
    char move[16];

    /* A quarter at a time, so that the next characters need no redraw. */
    if (e->cursor < e->scroll)
        e->scroll = e->cursor > room / 4 ? e->cursor - room / 4 : 0;
    if (e->cursor > e->scroll + room)
        e->scroll = e->cursor - room * 3 / 4;
    shown = e->length - e->scroll < room ? e->length - e->scroll : room;
    emit_text(e, "\r");
    emit_text(e, e->prompt);
    emit(e, e->text + e->scroll, shown);
    emit_text(e, "\x1b[K\r");
    column = strlen(e->prompt) + e->cursor - e->scroll;
    if (column)
        emit(e, move, (size_t)snprintf(move, sizeof(move), "\x1b[%uC", (unsigned)column));
}

/* Replace [from, to) by `count` characters and leave the cursor behind them; too long a line is left as it
 * is. */
static bool replace(struct line_edit *e, size_t from, size_t to, const char *text, size_t count)
{
    if (e->length - (to - from) + count > LINE_MAX_LENGTH)
        return false;
    memmove(e->text + from + count, e->text + to, e->length - to + 1);
    memcpy(e->text + from, text, count);
    e->length += count - (to - from);
    e->cursor = from + count;
    return true;
}

static void insert(struct line_edit *e, char c)
{
    bool at_end = e->cursor == e->length;

    if (!replace(e, e->cursor, e->cursor, &c, 1))
        emit_text(e, "\a");
    else if (at_end && e->cursor <= e->scroll + visible(e))
        emit(e, &c, 1);
    else
        line_edit_redraw(e);
}

static void delete_range(struct line_edit *e, size_t from, size_t to)
{
    replace(e, from, to, "", 0);
    line_edit_redraw(e);
}

static void delete_word_back(struct line_edit *e)
{
    size_t from = e->cursor;

    while (from && e->text[from - 1] == ' ')
        from--;
    while (from && e->text[from - 1] != ' ')
        from--;
    delete_range(e, from, e->cursor);
}

static void move_to(struct line_edit *e, size_t cursor)
{
    e->cursor = cursor;
    line_edit_redraw(e);
}

/* Show the line `back` steps ago; the line being typed is step 0 and is kept meanwhile. */
static void show_history(struct line_edit *e, unsigned back)
{
    const char *line = e->draft;

    if (back > e->history->count)
        return;
    if (e->history_back == 0)
        memcpy(e->draft, e->text, e->length + 1);
    if (back)
        line = e->history->lines[(e->history->first + e->history->count - back) % HISTORY_LINES];
    e->history_back = back;
    e->length = strnlen(line, LINE_MAX_LENGTH);
    memmove(e->text, line, e->length);
    e->text[e->length] = '\0';
    e->scroll = 0;
    move_to(e, e->length);
}

void completion_add(struct completion *completion, const char *text)
{
    char **grown;

    for (size_t i = 0; i < completion->count; i++)
        if (!strcmp(completion->candidates[i], text))
            return;
    grown = realloc(completion->candidates, (completion->count + 1) * sizeof(*grown));
    if (!grown)
        return;
    completion->candidates = grown;
    if ((grown[completion->count] = strdup(text)))
        completion->count++;
}

/* Characters all candidates begin with. */
static size_t common_prefix(const struct completion *c)
{
    size_t length = strlen(c->candidates[0]);

    for (size_t i = 1; i < c->count; i++)
        while (strncmp(c->candidates[0], c->candidates[i], length))
            length--;
    return length;
}

/* List the candidates below the line, in columns, and draw the line anew. */
static void list_candidates(struct line_edit *e, const struct completion *c)
{
    size_t width = 0, per_row;
    char cell[LINE_MAX_LENGTH + 3];

    for (size_t i = 0; i < c->count; i++)
        if (strlen(c->candidates[i]) > width)
            width = strlen(c->candidates[i]);
    per_row = (e->columns - 1) / (width + 2) ? (e->columns - 1) / (width + 2) : 1;
    for (size_t i = 0; i < c->count; i++) {
        if (i % per_row == 0)
            emit_text(e, "\r\n");
        snprintf(cell, sizeof(cell), "%-*s", (int)width + 2, c->candidates[i]);
        emit_text(e, cell);
    }
    emit_text(e, "\r\n");
    line_edit_redraw(e);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void complete(struct line_edit *e)
{
    struct completion c = {.start = e->cursor};
    size_t common;

    if (!e->ops->complete)
        return;
    e->ops->complete(e->ops->context, e->text, e->cursor, &c);
    if (c.count) {
        qsort(c.candidates, c.count, sizeof(*c.candidates), by_text);
        common = common_prefix(&c);
        if (c.count > 1 && common <= e->cursor - c.start &&
            !strncmp(e->text + c.start, c.candidates[0], common)) {
            list_candidates(e, &c);
        } else if (replace(e, c.start, e->cursor, c.candidates[0], common)) {
            if (c.count == 1 && c.complete && e->text[e->cursor] != ' ')
                replace(e, e->cursor, e->cursor, " ", 1);
            line_edit_redraw(e);
        }
    } else {
        emit_text(e, "\a");
    }
    for (size_t i = 0; i < c.count; i++)
        free(c.candidates[i]);
    free(c.candidates);
}

static void key_left(struct line_edit *e)
{
    if (e->cursor)
        move_to(e, e->cursor - 1);
}

static void key_right(struct line_edit *e)
{
    if (e->cursor < e->length)
        move_to(e, e->cursor + 1);
}

static void key_up(struct line_edit *e)
{
    show_history(e, e->history_back + 1);
}

static void key_down(struct line_edit *e)
{
    if (e->history_back)
        show_history(e, e->history_back - 1);
}

static void key_home(struct line_edit *e)
{
    move_to(e, 0);
}

static void key_end(struct line_edit *e)
{
    move_to(e, e->length);
}

static void key_delete(struct line_edit *e)
{
    if (e->cursor < e->length)
        delete_range(e, e->cursor, e->cursor + 1);
}

static void key_backspace(struct line_edit *e)
{
    if (e->cursor)
        delete_range(e, e->cursor - 1, e->cursor);
}

static void key_kill_to_end(struct line_edit *e)
{
    delete_range(e, e->cursor, e->length);
}

static void key_kill_to_start(struct line_edit *e)
{
    delete_range(e, 0, e->cursor);
}

static void key_clear_screen(struct line_edit *e)
{
    emit_text(e, "\x1b[2J\x1b[H");
    line_edit_redraw(e);
}

static const struct {
    uint8_t byte;
    void (*action)(struct line_edit *);
} control_keys[] = {
    {CTRL('A'), key_home},         {CTRL('B'), key_left},        {CTRL('D'), key_delete},
    {CTRL('E'), key_end},          {CTRL('F'), key_right},       {CTRL('H'), key_backspace},
    {CTRL('I'), complete},         {CTRL('K'), key_kill_to_end}, {CTRL('L'), key_clear_screen},
    {CTRL('N'), key_down},         {CTRL('P'), key_up},          {CTRL('U'), key_kill_to_start},
    {CTRL('W'), delete_word_back}, {0x7f, key_backspace},
};

static const struct {
    const char *sequence; /* behind ESC */
    void (*action)(struct line_edit *);
} escape_keys[] = {
    {"[A", key_up},    {"OA", key_up},      {"[B", key_down}, {"OB", key_down}, {"[C", key_right},
    {"OC", key_right}, {"[D", key_left},    {"OD", key_left}, {"[H", key_home}, {"OH", key_home},
    {"[1~", key_home}, {"[7~", key_home},   {"[F", key_end},  {"OF", key_end},  {"[4~", key_end},
    {"[8~", key_end},  {"[3~", key_delete},
};

/* A byte of an escape sequence; sequences that are none of ours are read to their end and dropped. */
static void escape_byte(struct line_edit *e, uint8_t byte)
{
    bool introducer = e->escape_length == 0;

    if (e->escape_length + 1 < sizeof(e->escape))
        e->escape[e->escape_length++] = (char)byte;
    e->escape[e->escape_length] = '\0';
    if (introducer ? byte == '[' || byte == 'O' : byte < 0x40)
        return;
    for (size_t i = 0; i < sizeof(escape_keys) / sizeof(*escape_keys); i++)
        if (!strcmp(e->escape, escape_keys[i].sequence))
            escape_keys[i].action(e);
    e->in_escape = false;
}

static enum line_event finish(struct line_edit *e, enum line_event event)
{
    emit_text(e, event == LINE_CANCELLED ? "^C\r\n" : "\r\n");
    if (event == LINE_ENTERED)
        history_add(e->history, e->text);
    return event;
}

void line_edit_init(struct line_edit *edit, const struct line_edit_ops *ops, struct history *history,
                    const char *prompt, size_t columns)
{
    memset(edit, 0, sizeof(*edit));
    edit->ops = ops;
    edit->history = history;
    edit->prompt = prompt;
    edit->columns = columns;
}

void line_edit_start(struct line_edit *edit)
{
    edit->text[0] = '\0';
    edit->length = edit->cursor = edit->scroll = 0;
    edit->history_back = 0;
    edit->in_escape = false;
    emit_text(edit, edit->prompt);
}

enum line_event line_edit_byte(struct line_edit *edit, uint8_t byte)
{
    bool after_return = edit->after_return;

    edit->after_return = byte == '\r';
    if (byte == '\n' && after_return)
        return LINE_EDITING;
    if (byte == '\r' || byte == '\n')
        return finish(edit, LINE_ENTERED);
    if (byte == CTRL('C'))
        return finish(edit, LINE_CANCELLED);
    if (byte == ESC) {
        edit->in_escape = true;
        edit->escape_length = 0;
    } else if (edit->in_escape) {
        escape_byte(edit, byte);
    } else if (byte >= ' ' && byte < 0x7f) {
        insert(edit, (char)byte);
    } else {
        for (size_t i = 0; i < sizeof(control_keys) / sizeof(*control_keys); i++)
            if (control_keys[i].byte == byte)
                control_keys[i].action(edit);
    }
    return LINE_EDITING;
}

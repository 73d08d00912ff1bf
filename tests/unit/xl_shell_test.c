// SPDX-License-Identifier: MIT
// Unit tests of the shell's pure parts: words, the line editor, history, completion, and the keyboard's
// layout.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <guest/module.h>

#include <dom0/domain_settings.h>
#include <dom0/keymap.h>
#include <dom0/line_edit.h>
#include <dom0/shell.h>
#include <dom0/toolstack.h>
#include <dom0/words.h>
#include <dom0/xenstore.h>
#include <dom0/xl.h>

// ---- words ----

static void splits_like_a_shell(void **state)
{
    struct words w;
    const char *rest, *problem,
        *line = "  xl create 'a b' \"c\\\"d\" e\\ f g\"h\"i '' ; echo $? '$?' \"$?\" # no; more";

    (void)state;
    assert_true(words_split(&w, line, 7, &rest, &problem));
    assert_int_equal(w.argc, 7);
    assert_string_equal(w.argv[2], "a b");
    assert_string_equal(w.argv[3], "c\"d");
    assert_string_equal(w.argv[4], "e f");
    assert_string_equal(w.argv[5], "ghi");
    assert_string_equal(w.argv[6], "");
    assert_null(w.argv[7]);
    assert_int_equal(w.start[0], 2);
    assert_int_equal(w.start[2], 12);
    words_free(&w);
    assert_string_equal(rest, " echo $? '$?' \"$?\" # no; more");
    assert_true(words_split(&w, rest, 255, &rest, &problem));
    assert_int_equal(w.argc, 4);
    assert_string_equal(w.argv[1], "255");
    assert_string_equal(w.argv[2], "$?");
    assert_string_equal(w.argv[3], "255");
    assert_null(rest);
    words_free(&w);
}

static void splits_every_odd_line(void **state)
{
    static const struct {
        const char *line;
        int argc;
        bool ok, open;
    } cases[] = {
        {"", 0, true, false},
        {"   ", 0, true, false},
        {";", 0, true, false},
        {"a", 1, true, true},
        {"a ", 1, true, false},
        {"a 'b", 2, false, true},
        {"a \"b c", 2, false, true},
        {"a\\", 1, true, true},
        {"a#b", 1, true, true},
        {"#", 0, true, false},
        {"$?$?$?", 1, true, true},
        {"''", 1, true, true},
        {"a b c d e f g", 7, true, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct words w;
        const char *rest, *problem;

        assert_int_equal(words_split(&w, cases[i].line, 255, &rest, &problem), cases[i].ok);
        assert_int_equal(w.argc, cases[i].argc);
        assert_int_equal(w.open, cases[i].open);
        words_free(&w);
    }
}

static void refuses_too_many_words(void **state)
{
    char line[2 * WORDS_MAX + 3];
    struct words w;
    const char *rest, *problem;

    (void)state;
    for (size_t i = 0; i < sizeof(line) - 1; i++)
        line[i] = i % 2 ? ' ' : 'a';
    line[2 * WORDS_MAX] = '\0';
    assert_true(words_split(&w, line, 0, &rest, &problem));
    assert_int_equal(w.argc, WORDS_MAX);
    words_free(&w);
    line[2 * WORDS_MAX] = 'a';
    line[2 * WORDS_MAX + 1] = '\0';
    assert_false(words_split(&w, line, 0, &rest, &problem));
    assert_string_equal(problem, "too many words");
    words_free(&w);
}

static void quoting_is_undone_by_splitting(void **state)
{
    static const char *const words[] = {"plain", "two words", "it's", "a\"b\\c;d#e$?", "x=/files/a b"};

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        char quoted[64];
        struct words w;
        const char *rest, *problem;

        words_quote(words[i], quoted, sizeof(quoted));
        assert_true(words_split(&w, quoted, 0, &rest, &problem));
        assert_int_equal(w.argc, 1);
        assert_string_equal(w.argv[0], words[i]);
        words_free(&w);
    }
}

// ---- the editor, on a screen of one row ----

struct screen {
    char row[400]; // what stands in the row
    size_t column; // of the cursor
    char above[4000];
};

static void scroll_up(struct screen *s)
{
    strcat(s->above, s->row);
    strcat(s->above, "\n");
    memset(s->row, 0, sizeof(s->row));
}

// Carry out one escape sequence; returns its length. Only those the VGA console knows are allowed.
static size_t screen_escape(struct screen *s, const char *bytes)
{
    char *end;
    unsigned long count = strtoul(bytes + 2, &end, 10);

    assert_memory_equal(bytes, "\x1b[", 2);
    switch (*end) {
    case 'K': memset(s->row + s->column, 0, sizeof(s->row) - s->column); break;
    case 'C': s->column += count; break;
    case 'J':
        assert_int_equal(count, 2);
        memset(s->row, 0, sizeof(s->row));
        break;
    case 'H': s->column = 0; break;
    default: fail_msg("the screen doesn't know ESC%s", bytes + 1);
    }
    return (size_t)(end + 1 - bytes);
}

static void screen_write(void *context, const char *bytes, size_t length)
{
    struct screen *s = context;
    char text[1200];

    memcpy(text, bytes, length);
    text[length] = '\0';
    for (size_t i = 0; i < length;) {
        if (text[i] == '\x1b') {
            i += screen_escape(s, text + i);
            continue;
        }
        if (text[i] == '\r')
            s->column = 0;
        else if (text[i] == '\n')
            scroll_up(s);
        else if (text[i] != '\a')
            s->row[s->column++] = text[i];
        i++;
        assert_true(s->column < 80); // never reaches the edge, where terminals differ
    }
}

struct editor {
    struct screen screen;
    struct history history;
    struct line_edit_ops ops;
    struct line_edit edit;
};

static int set_up(void **state)
{
    struct editor *e = calloc(1, sizeof(*e));

    e->ops = (struct line_edit_ops){.write = screen_write, .complete = shell_complete, .context = &e->screen};
    line_edit_init(&e->edit, &e->ops, &e->history, "dom0# ", 80);
    line_edit_start(&e->edit);
    *state = e;
    return 0;
}

static int tear_down(void **state)
{
    struct editor *e = *state;

    history_clear(&e->history);
    free(e);
    return 0;
}

// Type keys, and check that what the screen shows is what the editor means.
static enum line_event type(struct editor *e, const char *keys)
{
    enum line_event event = LINE_EDITING;

    for (; *keys; keys++) {
        event = line_edit_byte(&e->edit, (uint8_t)*keys);
        if (event == LINE_EDITING) {
            assert_memory_equal(e->screen.row, "dom0# ", 6);
            assert_memory_equal(e->screen.row + 6, e->edit.text + e->edit.scroll, strlen(e->screen.row + 6));
            assert_int_equal(e->screen.column, 6 + e->edit.cursor - e->edit.scroll);
        }
    }
    return event;
}

static void assert_line(struct editor *e, const char *before, const char *after)
{
    assert_int_equal(e->edit.cursor, strlen(before));
    assert_memory_equal(e->edit.text, before, strlen(before));
    assert_string_equal(e->edit.text + strlen(before), after);
}

static void keys_edit_the_line(void **state)
{
    struct editor *e = *state;

    type(e, "hello world");
    assert_line(e, "hello world", "");
    type(e, "\x01>\x05<");
    assert_line(e, ">hello world<", "");
    type(e, "\x1b[D\x1b[D\x1b[D\x7f");
    assert_line(e, ">hello wo", "ld<");
    type(e, "\x1b[3~\x1b[C");
    assert_line(e, ">hello wod", "<");
    type(e, "\x17");
    assert_line(e, ">hello ", "<");
    type(e, "\x15");
    assert_line(e, "", "<");
    type(e, "ab cd\x1b[H\x06\x06\x0b");
    assert_line(e, "ab", "");
    type(e, "\x1b[1~x\x1b[4~y\x1bOHz\x1bOF\x08");
    assert_line(e, "zxab", "");
    type(e, "\x0c");
    assert_line(e, "zxab", "");
    assert_int_equal(type(e, "\r"), LINE_ENTERED);
    assert_string_equal(e->edit.text, "zxab");
    assert_int_equal(line_edit_byte(&e->edit, '\n'), LINE_EDITING); // CR LF is one key
}

static void unknown_keys_do_nothing(void **state)
{
    struct editor *e = *state;

    type(e, "ab\x1b[15~\x1b[1;5C\x1bx\x1b[200~\x1b[12345678901234~\x02\x04");
    assert_line(e, "a", "");
    type(e, "\x1b[D\x1b[D\x1b[D\x7f\x1b[B\x14\xc3\xa4");
    assert_line(e, "", "a");
}

static void ctrl_c_cancels(void **state)
{
    struct editor *e = *state;

    assert_int_equal(type(e, "abc\x03"), LINE_CANCELLED);
    assert_int_equal(e->history.count, 0);
    line_edit_start(&e->edit);
    assert_line(e, "", "");
}

static void long_lines_scroll_sideways(void **state)
{
    struct editor *e = *state;
    char keys[LINE_MAX_LENGTH + 100];

    for (size_t i = 0; i < sizeof(keys) - 1; i++)
        keys[i] = (char)('a' + i % 26);
    keys[sizeof(keys) - 1] = '\0';
    type(e, keys);
    assert_int_equal(e->edit.length, LINE_MAX_LENGTH);
    type(e, "\x01");
    assert_memory_equal(e->screen.row, "dom0# abc", 9);
    type(e, "\x05\x1b[D\x1b[D\x17");
    assert_line(e, "", e->edit.text);
}

static void enter(struct editor *e, const char *keys)
{
    type(e, keys);
    assert_int_equal(type(e, "\r"), LINE_ENTERED);
    line_edit_start(&e->edit);
}

static void history_is_recalled(void **state)
{
    struct editor *e = *state;

    enter(e, "one");
    enter(e, "two");
    enter(e, "two");
    enter(e, "  ");
    assert_int_equal(e->history.count, 2);
    type(e, "draft\x1b[A");
    assert_line(e, "two", "");
    type(e, "\x1b[A\x1b[A");
    assert_line(e, "one", "");
    type(e, "!\x1b[B");
    assert_line(e, "two", "");
    type(e, "\x1b[B");
    assert_line(e, "draft", "");
    type(e, "\x1b[B");
    assert_line(e, "draft", "");
    type(e, "\x10\x10\x0e");
    assert_line(e, "two", "");
}

static void history_forgets_the_oldest(void **state)
{
    struct editor *e = *state;
    char line[16];

    for (unsigned i = 0; i < HISTORY_LINES + 10; i++) {
        snprintf(line, sizeof(line), "line %u", i);
        enter(e, line);
    }
    for (unsigned i = 0; i < HISTORY_LINES + 10; i++)
        type(e, "\x1b[A");
    assert_line(e, "line 10", "");
}

// ---- completion, over commands, files and domains made up here ----

static const struct module modules[] = {
    {.name = "vmlinuz"}, {.name = "initrd"}, {.name = ".exec"}, {.name = "debian.cfg"}, {.name = "a b"}};

unsigned module_count(void)
{
    return sizeof(modules) / sizeof(*modules);
}

const struct module *module_get(unsigned index)
{
    return index < module_count() ? &modules[index] : NULL;
}

const struct module *module_find(const char *name)
{
    for (unsigned i = 0; i < module_count(); i++)
        if (!strcmp(modules[i].name, name))
            return &modules[i];
    return NULL;
}

const char *shell_command_name(size_t n)
{
    static const char *const names[] = {"help", "xl", "ls", "echo"};

    return n < sizeof(names) / sizeof(*names) ? names[n] : NULL;
}

const char *domain_settings_key(size_t n)
{
    static const char *const keys[] = {"kernel", "memory", "maxmem"};

    return n < sizeof(keys) / sizeof(*keys) ? keys[n] : NULL;
}

char *toolstack_next_name(domid_t *domid)
{
    return *domid < 2 ? strdup(*domid ? "web" : "Domain-0") : NULL;
}

static const struct xl_command commands[] = {
    {.name = "create", .kind = XL_CONFIG, .options = {{'c', "console", NULL, ""}}},
    {.name = "console", .kind = XL_DOMAIN},
    {.name = "list", .kind = XL_DOMAIN, .options = {{'l', "long", NULL, ""}, {0, "json", NULL, ""}}},
};

const struct xl_command *xl_command_get(size_t n)
{
    return n < sizeof(commands) / sizeof(*commands) ? &commands[n] : NULL;
}

const struct xl_command *xl_command_find(const char *name)
{
    for (size_t n = 0; xl_command_get(n); n++)
        if (!strcmp(commands[n].name, name))
            return &commands[n];
    return NULL;
}

const struct xl_option *xl_option_get(const struct xl_command *command, size_t n)
{
    return n < XL_MAX_OPTIONS && command->options[n].name ? &command->options[n] : NULL;
}

static const struct xl_command store_commands[] = {
    {.name = "ls", .kind = XL_PATH, .options = {{'f', "flat", NULL, ""}}},
    {.name = "list", .kind = XL_PATH},
};

const struct xl_command *xenstore_command_get(size_t n)
{
    return n < sizeof(store_commands) / sizeof(*store_commands) ? &store_commands[n] : NULL;
}

const struct xl_command *xenstore_command_find(const char *name)
{
    for (size_t n = 0; xenstore_command_get(n); n++)
        if (!strcmp(store_commands[n].name, name))
            return &store_commands[n];
    return NULL;
}

/* A store in which everything has the same two children. */
char **xenstore_children(const char *path, size_t *count)
{
    char **names = malloc(2 * sizeof(*names));

    assert_int_equal(path[0], '/');
    names[0] = "local";
    names[1] = "tool";
    *count = 2;
    return names;
}

static void tab_completes(void **state)
{
    static const char *const cases[][2] = {
        {"e\t", "echo "},
        {"xl l\t", "xl list "},
        {"xl c\t", "xl c"},
        {"xl cr\t", "xl create "},
        {"xl console w\t", "xl console web "},
        {"xl list --j\t", "xl list --json "},
        {"xl create -c deb\t", "xl create -c deb"},
        {"xl create /files/d\t", "xl create /files/debian.cfg "},
        {"xl create k\t", "xl create kernel="},
        {"xl create m\t", "xl create m"},
        {"xl create kernel=\t", "xl create kernel=/files/"},
        {"xl create kernel=/files/v\t", "xl create kernel=/files/vmlinuz "},
        {"xl create memory=\t", "xl create memory="},
        {"echo x; xl li\t", "echo x; xl list "},
        {"ls '/files/a\t", "ls /files/a\\ b "},
        {"ls /files/a\\ \t", "ls /files/a\\ b "},
        {"ls /files/.\t", "ls /files/."},
        {"help l\t", "help ls "},
        {"xl nonsense \t", "xl nonsense "},
        {"xenstore li\t", "xenstore list "},
        {"xenstore-l\t", "xenstore-l"},
        {"xenstore-li\t", "xenstore-list "},
        {"xenstore ls \t", "xenstore ls /"},
        {"xenstore ls /l\t", "xenstore ls /local"},
        {"xenstore-list /a/b/t\t", "xenstore-list /a/b/tool"},
        {"xenstore ls --f\t", "xenstore ls --flat "},
    };
    struct editor *e = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        type(e, cases[i][0]);
        assert_string_equal(e->edit.text, cases[i][1]);
        type(e, "\x05\x15");
    }
}

static void tab_completes_in_the_middle(void **state)
{
    struct editor *e = *state;

    type(e, "xl li web\x1b[D\x1b[D\x1b[D\x1b[D\t");
    assert_line(e, "xl list", " web");
}

static void second_tab_lists(void **state)
{
    struct editor *e = *state;

    type(e, "xl c\t");
    assert_non_null(strstr(e->screen.above, "console  create"));
    assert_line(e, "xl c", "");
}

// ---- the keyboard ----

static void scancodes_become_what_a_terminal_sends(void **state)
{
    static const struct {
        const char *codes, *bytes;
    } cases[] = {
        {"\x1e\x9e\x30\xb0", "ab"},                           // a b
        {"\x2a\x1e\x9e\xaa\x1e\x9e", "Aa"},                   // Shift
        {"\x36\x02\x82\x0c\x8c\xb6\x02", "!_1"},              // right Shift
        {"\x3a\xba\x1e\x02\x2a\x1e\xaa\x3a\xba\x1e", "A1aa"}, // Caps Lock, and Shift against it
        {"\x1d\x2e\xae\x1b\x9b\x9d\x2e", "\x03\x1d"
                                         "c"}, // Ctrl-C, Ctrl-], c
        {"\xe0\x1d\x1e\xe0\x9d\x1e", "\x01"
                                     "a"},                   // right Ctrl
        {"\xe0\x48\xe0\xc8\x48", "\x1b[A\x1b[A"},            // cursor up, and keypad 8
        {"\xe0\x2a\xe0\x4b\xe0\xcb\xe0\xaa\x1e", "\x1b[Da"}, // cursor left in the shift nobody pressed
        {"\xe0\x53\x53\x0e", "\x1b[3~\x1b[3~\x7f"},          // Delete, keypad, Backspace
        {"\x1c\xe0\x1c\x39\x01\xe0\x35", "\r\r \x1b/"},      // Enter twice, blank, Escape, keypad /
        {"\x29\x2b\x28\x2a\x29\x2b\x28", "`\\'~|\""},
        {"\xfa\xfe\x3b\x57\x7f\x00", ""}, // answers of the keyboard, F1, F11, no key at all
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct keymap keymap = {0};
        char bytes[64], *out = bytes;

        for (const char *code = cases[i].codes; *code; code++)
            out += keymap_scancode(&keymap, (uint8_t)*code, out);
        *out = '\0';
        assert_string_equal(bytes, cases[i].bytes);
    }
}

#define EDITOR_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_like_a_shell),
        cmocka_unit_test(splits_every_odd_line),
        cmocka_unit_test(refuses_too_many_words),
        cmocka_unit_test(quoting_is_undone_by_splitting),
        EDITOR_TEST(keys_edit_the_line),
        EDITOR_TEST(unknown_keys_do_nothing),
        EDITOR_TEST(ctrl_c_cancels),
        EDITOR_TEST(long_lines_scroll_sideways),
        EDITOR_TEST(history_is_recalled),
        EDITOR_TEST(history_forgets_the_oldest),
        EDITOR_TEST(tab_completes),
        EDITOR_TEST(tab_completes_in_the_middle),
        EDITOR_TEST(second_tab_lists),
        cmocka_unit_test(scancodes_become_what_a_terminal_sends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

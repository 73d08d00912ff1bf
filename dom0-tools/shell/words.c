// SPDX-License-Identifier: MIT
/* The shell's word splitting. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dom0/words.h>

struct splitter {
    struct words *words;
    const char *line, *at;
    char *out; /* end of the word being written, in words->storage */
    int status;
    char quote; /* ' or " while inside one */
    bool in_word;
};

static bool begin_word(struct splitter *s)
{
    if (s->in_word)
        return true;
    if (s->words->argc == WORDS_MAX)
        return false;
    s->words->start[s->words->argc] = (size_t)(s->at - s->line);
    s->words->argv[s->words->argc++] = s->out;
    s->words->argv[s->words->argc] = NULL;
    s->in_word = true;
    return true;
}

static void end_word(struct splitter *s)
{
    if (s->in_word)
        *s->out++ = '\0';
    s->in_word = false;
}

/* One character of a word, or an escape, or $?. A status has at most three digits, so two characters make
 * three. */
static void word_character(struct splitter *s)
{
    bool literal = s->quote == '\'';

    if (*s->at == '\\' && !literal && s->at[1]) {
        s->at++;
        if (s->quote && *s->at != '"' && *s->at != '\\' && *s->at != '$')
            *s->out++ = '\\';
        *s->out++ = *s->at++;
    } else if (*s->at == '$' && s->at[1] == '?' && !literal) {
        s->out += sprintf(s->out, "%u", (unsigned char)s->status);
        s->at += 2;
    } else {
        *s->out++ = *s->at++;
    }
}

/* Step over a quote that opens or closes here. */
static bool toggle_quote(struct splitter *s)
{
    if (s->quote ? *s->at != s->quote : *s->at != '\'' && *s->at != '"')
        return false;
    s->quote = s->quote ? '\0' : *s->at;
    s->at++;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool words_split(struct words *words, const char *line, int status, const char **rest, const char **problem)
{
    struct splitter s = {.words = words, .line = line, .at = line, .status = status};

    memset(words, 0, sizeof(*words));
    *problem = "out of memory";
    /* At worst every other character is a word of its own, or $? becomes three digits. */
    s.out = words->storage = malloc(2 * strlen(line) + 2);
    if (!s.out)
        return false;
    *problem = "too many words";
    while (*s.at && (s.quote || *s.at != ';')) {
        if (!s.quote && is_blank(*s.at)) {
            end_word(&s);
            s.at++;
            continue;
        }
        if (!s.quote && !s.in_word && *s.at == '#') {
            s.at += strlen(s.at);
            break;
        }
        if (!begin_word(&s))
            return false;
        if (!toggle_quote(&s))
            word_character(&s);
    }
    words->open = s.in_word;
    words->end = (size_t)(s.at - line);
    end_word(&s);
    *problem = "a quote is not closed";
    *rest = *s.at ? s.at + 1 : NULL;
    return !s.quote;
}

void words_free(struct words *words)
{
    free(words->storage);
    words->storage = NULL;
}

void words_quote(const char *word, char *out, size_t size)
{
    while (*word && size > 2) {
        if (strchr(" \t;'\"\\#$", *word)) {
            *out++ = '\\';
            size--;
        }
        *out++ = *word++;
        size--;
    }
    *out = '\0';
}

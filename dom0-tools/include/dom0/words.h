// SPDX-License-Identifier: MIT
/*
 * Splitting a command line into commands and words, as a Unix shell does it, in the little this one needs:
 * blanks part words, `;` parts commands, '…' "…" and \ quote, # starts a comment, $? is the last exit status.
 */
#ifndef DOM0_WORDS_H
#define DOM0_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#define WORDS_MAX 64

struct words {
    int argc;
    char *argv[WORDS_MAX + 1]; /* argv[argc] is NULL */
    size_t start[WORDS_MAX];   /* where each word begins in the line */
    size_t end;                /* where the command ended: at its ';', or at the end of the line */
    bool open;                 /* the last word was still going on there, perhaps empty or inside quotes */
    char *storage;             /* owned; argv points into it */
};

/*
 * Split the first command of `line`. False, with `*problem` saying why, if a quote is not closed, there are
 * more than WORDS_MAX words, or memory is short; an unclosed quote still leaves the words read so far, for
 * completion to use. On true `*rest` is the line behind the command, or NULL at the end. Free with
 * words_free() either way.
 */
bool words_split(struct words *words, const char *line, int status, const char **rest, const char **problem);

void words_free(struct words *words);

/* Write `word` so that words_split() reads it back as one word: quoted by backslashes where needed. */
void words_quote(const char *word, char *out, size_t size);

#endif

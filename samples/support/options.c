/* SPDX-License-Identifier: MIT */
/* Command lines, by getopt_long from a table of rows. */
#include "support/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domi/domi.h"

enum { ROWS_MAX = 64, HELP = ROWS_MAX, WIDTH = 79 };

/* ---- values -------------------------------------------------------------- */

/* Reads a whole decimal number. 0, or -1 when it is none or out of range. */
static int read_number(const char *text, uint64_t low, uint64_t high,
                       uint64_t *number)
{
    char *end;

    if (*text < '0' || *text > '9') {
        return -1;
    }
    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno || *end || *number < low || *number > high ? -1 : 0;
}

/* As above, into the int that the row is for. */
static const char *take_int(const struct option_row *row, const char *value,
                            uint64_t low, uint64_t high, const char *must)
{
    uint64_t number;

    if (read_number(value, low, high, &number) != 0) {
        return must;
    }
    *(int *)row->target = (int)number;
    return NULL;
}

const char *option_text(const struct option_row *row, const char *value)
{
    if (!*value) {
        return "a text";
    }
    *(const char **)row->target = value;
    return NULL;
}

const char *option_port(const struct option_row *row, const char *value)
{
    const char *must =
        take_int(row, value, 0, 65535, "a port, 0 to 65535; 0: a free one");
    int *port = row->target;

    if (!must && *port == 0) {
        *port = DOMI_PORT_ANY;
    }
    return must;
}

const char *option_id(const struct option_row *row, const char *value)
{
    return take_int(row, value, 0, 1022, "a node id, 0 to 1022");
}

const char *option_idle(const struct option_row *row, const char *value)
{
    (void)value;
    fprintf(stderr, "--%s means nothing to this program\n", row->name);
    return NULL;
}

const char *option_positive(const struct option_row *row, const char *value)
{
    return take_int(row, value, 1, 1000000, "a number, 1 to 1000000");
}

const char *option_count(const struct option_row *row, const char *value)
{
    return take_int(row, value, 0, 1000000, "a number, 0 to 1000000");
}

const char *option_percent(const struct option_row *row, const char *value)
{
    return take_int(row, value, 1, 100, "a percentage, 1 to 100");
}

const char *option_seconds(const struct option_row *row, const char *value)
{
    uint64_t seconds;

    if (read_number(value, 1, 3600, &seconds) != 0) {
        return "whole seconds, 1 to 3600";
    }
    *(unsigned *)row->target = (unsigned)seconds * 1000;
    return NULL;
}

const char *option_workers(const struct option_row *row, const char *value)
{
    return take_int(row, value, 0, 64, "a number of threads, 0 to 64");
}

const char *option_group(const struct option_row *row, const char *value)
{
    if (read_number(value, 0, UINT64_MAX - 1, row->target) != 0) {
        return "a group id, 0 to 18446744073709551614";
    }
    return NULL;
}

int options_split_address(const char *text, char *host, int size, int *port)
{
    const char *colon = strrchr(text, ':');
    int length = colon ? (int)(colon - text) : 0;
    uint64_t number;

    if (length < 1 || read_number(colon + 1, 1, 65535, &number) != 0) {
        return -1;
    }
    if (text[0] == '[' && colon[-1] == ']') {
        text++;
        length -= 2;
    }
    if (length < 1 || length >= size) {
        return -1;
    }
    memcpy(host, text, (size_t)length);
    host[length] = '\0';
    *port = (int)number;
    return 0;
}

/* ---- the whole line ------------------------------------------------------ */

/* The options that are taken for other programs' sake. */
static void print_idle(const struct option_row *rows)
{
    size_t column = 0;

    for (; rows->name; rows++) {
        size_t size = strlen(" --") + strlen(rows->name);

        if (rows->help) {
            continue;
        }
        if (column == 0) {
            printf("\nTaken, but without a meaning here:");
        }
        if (column == 0 || column + size >= WIDTH) {
            printf("\n ");
            column = 1;
        }
        printf(" --%s", rows->name);
        column += size;
    }
    if (column > 0) {
        printf("\n");
    }
}

static void print_help(const struct options *options, const char *program)
{
    printf("Usage: %s %s\n\n%s\n\n", program, options->usage, options->about);
    printf("Options; what follows the first semicolon is the default:\n");
    for (const struct option_row *row = options->rows; row->name; row++) {
        char left[64];

        if (row->help) {
            snprintf(left, sizeof(left), "--%s %s", row->name, row->argument);
            printf("  %-24s %s\n", left, row->help);
        }
    }
    printf("  %-24s %s\n", "--help", "print this and end");
    print_idle(options->rows);
}

static void __attribute__((noreturn)) give_up(const char *program)
{
    fprintf(stderr, "Try '%s --help'.\n", program);
    exit(2);
}

void options_refuse(const char *program, const char *name, const char *value,
                    const char *must)
{
    fprintf(stderr, "%s: %s: \"%s\" is not allowed: must be %s\n", program,
            name, value, must);
    give_up(program);
}

static void take(const struct option_row *row, const char *program)
{
    const char *must = row->take(row, optarg);

    if (must) {
        char name[64];

        snprintf(name, sizeof(name), "--%s", row->name);
        options_refuse(program, name, optarg, must);
    }
}

int options_read(const struct options *options, int argc, char **argv)
{
    struct option names[ROWS_MAX + 2] = {{0}};
    int count = 0;
    int found;

    while (count < ROWS_MAX && options->rows[count].name) {
        names[count] = (struct option){options->rows[count].name,
                                       required_argument, NULL, count};
        count++;
    }
    names[count] = (struct option){"help", no_argument, NULL, HELP};
    /* getopt_long itself prints what is wrong with unknown options, and with
       those without a value. */
    while ((found = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (found == HELP) {
            print_help(options, argv[0]);
            exit(0);
        }
        if (found < 0 || found >= count) {
            give_up(argv[0]);
        }
        take(&options->rows[found], argv[0]);
    }
    if (argc - optind != options->arguments) {
        fprintf(stderr, "%s: %s arguments beside the options\n", argv[0],
                argc - optind < options->arguments ? "too few" : "too many");
        give_up(argv[0]);
    }
    return optind;
}

/* SPDX-License-Identifier: MIT */
/* Command lines: a table of options, read, checked and explained. */
#ifndef SUPPORT_OPTIONS_H
#define SUPPORT_OPTIONS_H

struct option_row;

/* Takes the value of an option. NULL, or what the value must be, such as
   "a port, 0 to 65535". */
typedef const char *(*option_take_fn)(const struct option_row *row,
                                      const char *value);

struct option_row {
    const char *name;     /* without the two hyphens; NULL ends a table */
    const char *argument; /* how the help names the value */
    const char *help;     /* one line; NULL: means nothing to this program */
    option_take_fn take;
    void *target; /* what `take` writes to */
};

/* A program's command line. */
struct options {
    const char *usage; /* behind the program's name: "HOST:PORT TEXT" */
    const char *about; /* a sentence or two, for the help */
    const struct option_row *rows;
    int arguments; /* that must stand beside the options */
};

/*
 * Reads a command line and returns the index in `argv` of the first argument
 * that is no option. Ends the program: with status 0 after --help, with 2
 * after a line on standard error that says what is wrong.
 */
int options_read(const struct options *options, int argc, char **argv);

/* Says what is wrong with an argument, and ends the program with status 2. */
void options_refuse(const char *program, const char *name, const char *value,
                    const char *must) __attribute__((noreturn));

/* const char *: any text but an empty one. */
const char *option_text(const struct option_row *row, const char *value);

/* int: a port; 0 becomes DOMI_PORT_ANY, which asks for a free one. */
const char *option_port(const struct option_row *row, const char *value);

/* int: a node id. */
const char *option_id(const struct option_row *row, const char *value);

/* For an option that means nothing to this program, and is taken so that one
   start script serves several: says so on standard error. */
const char *option_idle(const struct option_row *row, const char *value);

/* int: 1 to 1,000,000. */
const char *option_positive(const struct option_row *row, const char *value);

/* int: 0 to 1,000,000. */
const char *option_count(const struct option_row *row, const char *value);

/* int: 1 to 100. */
const char *option_percent(const struct option_row *row, const char *value);

/* unsigned, in milliseconds: whole seconds, 1 to 3,600. */
const char *option_seconds(const struct option_row *row, const char *value);

/* int: 0 to 64. */
const char *option_workers(const struct option_row *row, const char *value);

/* uint64_t: a group id. */
const char *option_group(const struct option_row *row, const char *value);

/*
 * Takes "HOST:PORT" or "[HOST]:PORT" apart, into `host` of `size` bytes. 0, or
 * -1 when it is neither. Whether the host is an address is not looked at.
 */
int options_split_address(const char *text, char *host, int size, int *port);

#endif

/* SPDX-License-Identifier: MIT */
/* The lines of standard input, on a loop. */
#ifndef SUPPORT_LINES_H
#define SUPPORT_LINES_H

#include <uv.h>

#define LINES_MAX 4096 /* bytes; what is longer comes in pieces */

/* A line without its end; `line` is NULL once, when the input has ended. */
typedef void (*lines_fn)(const char *line, size_t size, void *user);

/* Standard input may be a terminal, a pipe, a socket or a file. */
struct lines {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tty_t tty;
        uv_pipe_t pipe;
        uv_tcp_t tcp;
    } in;
    uv_loop_t *loop;
    uv_fs_t read;
    char bytes[LINES_MAX];
    size_t size; /* of the line that is not whole */
    int is_file;
    int stopped;
    lines_fn on_line;
    void *user;
};

/* Begins to read. 0 or a libuv code. */
int lines_start(struct lines *lines, uv_loop_t *loop, lines_fn on_line,
                void *user);

/* Reads no more, so that nothing of this keeps the loop going. */
void lines_stop(struct lines *lines);

#endif

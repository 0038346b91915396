/* SPDX-License-Identifier: MIT */
/* The lines of standard input: a stream where it is one, else a file. */
#include "support/lines.h"

#include <string.h>

static void read_file(struct lines *lines);

/* Hands on the whole lines that the buffer begins with. */
static void hand_on(struct lines *lines)
{
    char *begin = lines->bytes;
    char *end = lines->bytes + lines->size;
    char *newline;

    while (!lines->stopped && (newline = memchr(begin, '\n', end - begin))) {
        lines->on_line(begin, (size_t)(newline - begin), lines->user);
        begin = newline + 1;
    }
    lines->size = (size_t)(end - begin);
    memmove(lines->bytes, begin, lines->size);
    if (lines->size == sizeof(lines->bytes) && !lines->stopped) {
        lines->size = 0;
        lines->on_line(lines->bytes, sizeof(lines->bytes), lines->user);
    }
}

static void end(struct lines *lines)
{
    if (lines->stopped) {
        return;
    }
    if (lines->size > 0) {
        lines->on_line(lines->bytes, lines->size, lines->user);
    }
    if (!lines->stopped) {
        lines_stop(lines);
        lines->on_line(NULL, 0, lines->user);
    }
}

static uv_buf_t room(struct lines *lines)
{
    return uv_buf_init(lines->bytes + lines->size,
                       (unsigned)(sizeof(lines->bytes) - lines->size));
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    *buffer = room(handle->data);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct lines *lines = stream->data;

    (void)buffer;
    if (size < 0) {
        end(lines);
        return;
    }
    lines->size += (size_t)size;
    hand_on(lines);
}

static void on_file(uv_fs_t *read)
{
    struct lines *lines = read->data;
    ssize_t size = read->result;

    uv_fs_req_cleanup(read);
    if (size <= 0) {
        end(lines);
        return;
    }
    lines->size += (size_t)size;
    hand_on(lines);
    if (!lines->stopped) {
        read_file(lines);
    }
}

static void read_file(struct lines *lines)
{
    uv_buf_t buffer = room(lines);

    lines->read.data = lines;
    uv_fs_read(lines->loop, &lines->read, 0, &buffer, 1, -1, on_file);
}

static int open_stream(struct lines *lines, uv_handle_type type)
{
    int err;

    switch ((int)type) {
    case UV_TTY:
        return uv_tty_init(lines->loop, &lines->in.tty, 0, 0);
    case UV_TCP:
        err = uv_tcp_init(lines->loop, &lines->in.tcp);
        return err ? err : uv_tcp_open(&lines->in.tcp, 0);
    default:
        err = uv_pipe_init(lines->loop, &lines->in.pipe, 0);
        return err ? err : uv_pipe_open(&lines->in.pipe, 0);
    }
}

int lines_start(struct lines *lines, uv_loop_t *loop, lines_fn on_line,
                void *user)
{
    uv_handle_type type = uv_guess_handle(0);
    int err;

    *lines = (struct lines){.loop = loop, .on_line = on_line, .user = user};
    if (type != UV_TTY && type != UV_TCP && type != UV_NAMED_PIPE) {
        lines->is_file = 1;
        read_file(lines);
        return 0;
    }
    err = open_stream(lines, type);
    if (err) {
        lines->stopped = 1;
        return err;
    }
    lines->in.handle.data = lines;
    return uv_read_start(&lines->in.stream, on_alloc, on_read);
}

void lines_stop(struct lines *lines)
{
    if (lines->stopped) {
        return;
    }
    lines->stopped = 1;
    /* The read of a file ends by itself. */
    if (!lines->is_file) {
        uv_close(&lines->in.handle, NULL);
    }
}

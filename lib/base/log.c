/* SPDX-License-Identifier: MIT */
/* The log: lines for the application's callback, limited in rate. */
#include "base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define LINE_SIZE 1024 /* longer lines are cut */

const char *domi_log_level_name(enum domi_log_level level)
{
    switch (level) {
    case DOMI_LOG_ERROR:
        return "error";
    case DOMI_LOG_WARNING:
        return "warning";
    case DOMI_LOG_INFO:
        return "info";
    case DOMI_LOG_DEBUG:
        return "debug";
    }
    return "unknown";
}

void domi__log_init(struct domi__log *log, domi_log_fn fn, void *user)
{
    memset(log, 0, sizeof(*log));
    log->fn = fn;
    log->user = user;
}

static void write_line(struct domi__log *log, enum domi_log_level level,
                       const char *format, va_list args)
{
    char line[LINE_SIZE];

    vsnprintf(line, sizeof(line), format, args);
    log->fn(level, line, log->user);
}

void domi__log(struct domi__log *log, enum domi_log_level level,
               const char *format, ...)
{
    va_list args;

    if (!log->fn) {
        return;
    }
    va_start(args, format);
    write_line(log, level, format, args);
    va_end(args);
}

/* Whether one more line about a peer may pass in this second. */
static bool may_pass(struct domi__log *log)
{
    uint64_t second = domi__clock_ns() / 1000000000u;

    if (second != log->second) {
        uint64_t held_back = log->held_back;

        log->second = second;
        log->lines = 0;
        log->held_back = 0;
        if (held_back > 0) {
            domi__log(log, DOMI_LOG_WARNING,
                      "%" PRIu64 " more lines like these were held back",
                      held_back);
        }
    }
    if (log->lines == DOMI__LOG_PEER_LINES) {
        log->held_back++;
        return false;
    }
    log->lines++;
    return true;
}

void domi__log_peer(struct domi__log *log, enum domi_log_level level,
                    const char *format, ...)
{
    va_list args;

    if (!log->fn || !may_pass(log)) {
        return;
    }
    va_start(args, format);
    write_line(log, level, format, args);
    va_end(args);
}

static bool is_plain(uint8_t c)
{
    return c >= ' ' && c <= '~' && c != '"' && c != '\'' && c != '\\';
}

const char *domi__log_escape(char *out, size_t out_size, const void *text,
                             size_t size)
{
    static const char hex[] = "0123456789abcdef";
    const uint8_t *in = text;
    size_t used = 0;

    for (size_t i = 0; i < size; i++) {
        size_t width = is_plain(in[i]) ? 1 : 4;

        if (used + width >= out_size) {
            break;
        }
        if (width == 1) {
            out[used] = (char)in[i];
        } else {
            out[used] = '\\';
            out[used + 1] = 'x';
            out[used + 2] = hex[in[i] >> 4];
            out[used + 3] = hex[in[i] & 15];
        }
        used += width;
    }
    if (out_size > 0) {
        out[used] = '\0';
    }
    return out;
}

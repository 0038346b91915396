/* SPDX-License-Identifier: MIT */
/* The log: lines for the application's callback, limited in rate. */
#ifndef DOMI_BASE_LOG_H
#define DOMI_BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "domi/log.h"

/* Lines about peers that pass in one second; the rest are counted. */
#define DOMI__LOG_PEER_LINES 20

struct domi__log {
    domi_log_fn fn; /* NULL: no log */
    void *user;
    uint64_t second;    /* of the monotonic clock, that `lines` counts */
    unsigned lines;     /* about peers, passed in this second */
    uint64_t held_back; /* not yet reported */
};

void domi__log_init(struct domi__log *log, domi_log_fn fn, void *user);

/* Writes a line. Foreign text must go through domi__log_escape first. */
void domi__log(struct domi__log *log, enum domi_log_level level,
               const char *format, ...) __attribute__((format(printf, 3, 4)));

/* As above, for what a peer can cause at will: limited in rate. */
void domi__log_peer(struct domi__log *log, enum domi_log_level level,
                    const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Copies foreign text to `out` with control characters, quotes, backslashes
 * and bytes above 126 as \xNN, cut to fit, always ended. Returns `out`.
 */
const char *domi__log_escape(char *out, size_t out_size, const void *text,
                             size_t size);

#endif

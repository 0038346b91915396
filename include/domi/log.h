/* SPDX-License-Identifier: MIT */
/* The application's way to hear what domi has to say; domi prints nothing. */
#ifndef DOMI_LOG_H
#define DOMI_LOG_H

#include "domi/api.h"

#ifdef __cplusplus
extern "C" {
#endif

enum domi_log_level {
    DOMI_LOG_ERROR,   /* something that the operator should mend */
    DOMI_LOG_WARNING, /* a peer misbehaved, or something was dropped */
    DOMI_LOG_INFO,    /* starts, stops, links made and lost */
    DOMI_LOG_DEBUG,   /* each session */
};

/*
 * Takes one line without a newline at its end. `line` is borrowed. Control
 * characters of foreign origin are escaped in it. Warnings about peers are
 * limited in rate; what was held back is counted in a later line. Called on
 * the loop thread; a callback that blocks blocks the loop.
 */
typedef void (*domi_log_fn)(enum domi_log_level level, const char *line,
                            void *user);

/* "error", "warning", "info" or "debug". Static memory. [any] */
DOMI_API const char *domi_log_level_name(enum domi_log_level level);

#ifdef __cplusplus
}
#endif

#endif

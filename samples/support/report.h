/* SPDX-License-Identifier: MIT */
/* What a program tells its operator, and the programs that watch it. */
#ifndef SUPPORT_REPORT_H
#define SUPPORT_REPORT_H

#include "domi/log.h"

/* A domi_log_fn: a line on standard error, with the time and the level. Lines
   of DOMI_LOG_DEBUG are passed over. Never waits: lines that nobody reads are
   dropped, and counted in the next one. On one thread. */
void report_log(enum domi_log_level level, const char *line, void *user);

/* The one line on standard output: the node listens. A port of 0 is left
   out. */
void report_ready(int id, const char *host, int tcp_port, int http_port);

/* Says on standard error that `what` failed, at these ports (DOMI_PORT_ANY: a
   free one), and returns the program's status, 1. */
int report_failed(const char *what, const char *host, int tcp_port,
                  int http_port, int err);

#endif

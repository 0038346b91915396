/* SPDX-License-Identifier: MIT */
/* Lines for the operator. */
#include "support/report.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "domi/domi.h"

/* A pipe that is ready takes as much as a line has at once. */
static int would_block(void)
{
    struct pollfd standard_error = {.fd = STDERR_FILENO, .events = POLLOUT};

    return poll(&standard_error, 1, 0) == 0;
}

static void write_line(enum domi_log_level level, const char *line)
{
    struct timeval now;
    struct tm utc;
    char time[32];

    gettimeofday(&now, NULL);
    gmtime_r(&now.tv_sec, &utc);
    strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &utc);
    fprintf(stderr, "%s.%03dZ %s: %s\n", time, (int)(now.tv_usec / 1000),
            domi_log_level_name(level), line);
}

/* The loop must not wait for whoever reads the log. */
void report_log(enum domi_log_level level, const char *line, void *user)
{
    static unsigned long dropped;
    char text[80];

    (void)user;
    if (level == DOMI_LOG_DEBUG) {
        return;
    }
    if (would_block()) {
        dropped++;
        return;
    }
    if (dropped > 0) {
        snprintf(text, sizeof(text), "%lu lines were dropped: nobody read them",
                 dropped);
        dropped = 0;
        write_line(DOMI_LOG_WARNING, text);
        if (would_block()) {
            dropped++;
            return;
        }
    }
    write_line(level, line);
}

static void print_address(const char *name, const char *host, int port)
{
    if (port > 0) {
        const char *format = strchr(host, ':') ? " %s=[%s]:%d" : " %s=%s:%d";

        printf(format, name, host, port);
    }
}

void report_ready(int id, const char *host, int tcp_port, int http_port)
{
    printf("ready id=%d", id);
    print_address("tcp", host, tcp_port);
    print_address("http", host, http_port);
    printf("\n");
    fflush(stdout);
}

/* What was asked for, as the operator writes it: 0 is a free one. */
static int asked_port(int port)
{
    return port == DOMI_PORT_ANY ? 0 : port;
}

int report_failed(const char *what, const char *host, int tcp_port,
                  int http_port, int err)
{
    fprintf(stderr, "%s on %s, TCP port %d, HTTP port %d: %s (%s)\n", what,
            host, asked_port(tcp_port), asked_port(http_port),
            domi_strerror(err), domi_err_name(err));
    return 1;
}

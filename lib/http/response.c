/* SPDX-License-Identifier: MIT */
/* The head of a response. */
#include "http/http.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

const char *domi__http_status_text(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 304:
        return "Not Modified";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 417:
        return "Expectation Failed";
    case 426:
        return "Upgrade Required";
    case 429:
        return "Too Many Requests";
    case 431:
        return "Request Header Fields Too Large";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Unknown";
    }
}

/* A string that grows in a buffer that is known to be large enough. */
struct text {
    char *out;
    size_t size;
};

static void add(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(text->out + text->size,
                  DOMI__HTTP_RESPONSE_SIZE - text->size, format, args);
    va_end(args);
    if (n > 0) {
        text->size += (size_t)n;
    }
}

/* Written by hand, for strftime speaks the language of the locale. */
static void add_date(struct text *text, time_t now)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed",
                                    "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr",
                                       "May", "Jun", "Jul", "Aug",
                                       "Sep", "Oct", "Nov", "Dec"};
    struct tm tm;

    if (!gmtime_r(&now, &tm)) {
        return;
    }
    add(text, "Date: %s, %02d %s %d %02d:%02d:%02d GMT\r\n", days[tm.tm_wday],
        tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour,
        tm.tm_min, tm.tm_sec);
}

/* What keeps a page that is served here from being used against its user.
   Not all browsers count a WebSocket of the same host as 'self'. */
static void add_policy(struct text *text, const char *host)
{
    add(text, "X-Content-Type-Options: nosniff\r\n"
              "X-Frame-Options: DENY\r\n"
              "Referrer-Policy: no-referrer\r\n"
              "Content-Security-Policy: default-src 'self'; ");
    if (host) {
        add(text, "connect-src 'self' ws://%s wss://%s; ", host, host);
    }
    add(text, "frame-ancestors 'none'\r\n");
}

size_t domi__http_response_head(const struct domi__http_response *response,
                                char *out)
{
    struct text text = {.out = out};

    add(&text, "HTTP/1.1 %d %s\r\n", response->status,
        domi__http_status_text(response->status));
    add_date(&text, response->now);
    if (response->content_type) {
        add(&text, "Content-Type: %s\r\nContent-Length: %" PRIu64 "\r\n",
            response->content_type, response->length);
    }
    if (response->etag) {
        add(&text, "ETag: %s\r\n", response->etag);
    }
    add(&text, "Cache-Control: %s\r\n",
        response->etag ? "no-cache" : "no-store");
    if (response->header) {
        add(&text, "%.128s\r\n", response->header);
    }
    if (response->status == 426) {
        add(&text, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
    }
    add_policy(&text, response->host);
    add(&text, "Connection: %s\r\n\r\n",
        response->keep_alive      ? "keep-alive"
        : response->status == 426 ? "Upgrade, close"
                                  : "close");
    return text.size;
}

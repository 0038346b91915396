/* SPDX-License-Identifier: MIT */
/* Just enough HTTP/1.1 for one listener: requests in, heads and files out. */
#ifndef DOMI_HTTP_HTTP_H
#define DOMI_HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Nothing here knows a socket. The only thing outside the process that this
   room touches is the folder of static files. */

/* ---- requests ----------------------------------------------------------- */

#define DOMI__HTTP_HEAD_LIMIT 8192u    /* request line and headers */
#define DOMI__HTTP_TARGET_LIMIT 2048u  /* path and query as sent */
#define DOMI__HTTP_BODY_LIMIT 65536u   /* as sent, with chunk headers */

enum domi__http_method {
    DOMI__HTTP_GET,
    DOMI__HTTP_HEAD,
    DOMI__HTTP_POST,
};

/* The headers that are kept, and the most bytes of each. */
#define DOMI__HTTP_HEADER_MAP(XX)                                              \
    XX(HOST, "host", 255)                                                      \
    XX(CONNECTION, "connection", 255)                                          \
    XX(UPGRADE, "upgrade", 63)                                                 \
    XX(ORIGIN, "origin", 511)                                                  \
    XX(AUTHORIZATION, "authorization", 511)                                    \
    XX(TOKEN, "x-domi-token", 511)                                             \
    XX(WEBSOCKET_KEY, "sec-websocket-key", 63)                                 \
    XX(WEBSOCKET_VERSION, "sec-websocket-version", 15)                         \
    XX(IF_NONE_MATCH, "if-none-match", 255)                                    \
    XX(EXPECT, "expect", 63)                                                   \
    XX(TRANSFER_ENCODING, "transfer-encoding", 63)

enum domi__http_header {
#define XX(name, text, size) DOMI__HTTP_##name,
    DOMI__HTTP_HEADER_MAP(XX)
#undef XX
    DOMI__HTTP_HEADER_COUNT
};

/* A whole request, borrowed from its parser until the next feed. */
struct domi__http_request {
    enum domi__http_method method;
    const char *path; /* decoded once, without the query; begins with '/' */
    bool has_body;    /* one was there, and has been read and thrown away */
    bool keep_alive;  /* the peer wants to ask more on this connection */
    bool is_old;      /* of HTTP/1.0 */
    /* NULL where the header was not sent; repeated ones joined by ", ". */
    const char *headers[DOMI__HTTP_HEADER_COUNT];
};

/* One connection's requests, one after the other. */
struct domi__http_parser;

/* NULL when memory is short. */
struct domi__http_parser *domi__http_parser_new(void);
void domi__http_parser_free(struct domi__http_parser *parser);

/*
 * Takes bytes of the connection, cut anywhere, and sets `*taken`. Returns 0:
 * all were taken, more are needed; 1: a request is whole, what follows it was
 * not taken; or a status from 400 up: the request is refused, and after the
 * answer the connection must be closed, for nobody knows where the next one
 * would begin. Bodies are thrown away. Trailers are ignored.
 *
 * 400: not HTTP, a folded line, a bad or missing Host, both or two lengths, a
 * path with a NUL, "." or "..", a backslash or an encoded slash, a target that
 * is not a path; 405: a method other than GET, HEAD and POST; 413, 414, 431: a
 * limit above; 417: Expect; 501: a transfer encoding other than chunked; 505:
 * a version other than 1.0 and 1.1.
 */
int domi__http_parser_feed(struct domi__http_parser *parser, const char *bytes,
                           size_t size, size_t *taken);

/* The request, after feed returned 1. */
const struct domi__http_request *
domi__http_parser_request(const struct domi__http_parser *parser);

/* Whether a request has begun that is not whole. */
bool domi__http_parser_is_inside(const struct domi__http_parser *parser);

/*
 * Splits the query off a request target and decodes the path. `out` has room
 * for size + 1 bytes. False when it must be refused. Pure.
 */
bool domi__http_path_decode(const char *target, size_t size, char *out);

/* Whose pages may open WebSockets; zeros: those of the host that the request
   names, and whoever sends no Origin. */
struct domi__http_origins {
    const char *const *allowed; /* these alone; NULL at their end; or NULL */
    bool required;              /* no Origin, no WebSocket */
};

/*
 * Whether this request may become a WebSocket: 0, or the status to refuse it
 * with: 400; 403 when its Origin is not allowed; 405 when it is not a GET; 426
 * when it is no upgrade at all or of another version, or HTTP/1.0, which knows
 * none. Pure.
 */
int domi__http_upgrade_check(const struct domi__http_request *request,
                             const struct domi__http_origins *origins);

/* The head that answers such a request, by its Sec-WebSocket-Key, into `out`,
   of DOMI__HTTP_UPGRADE_SIZE bytes; returns its size. Pure. */
#define DOMI__HTTP_UPGRADE_SIZE 160u
size_t domi__http_upgrade_head(const char *key, char *out);

/* Whether an Origin such as "https://example.org:8443" is the host, and port,
   that a Host header names. Pure. */
bool domi__http_is_same_host(const char *origin, const char *host);

/* Whether text is what a browser may send as Origin: a scheme, "://", a host
   and perhaps a port, at most 255 bytes; "null" is not. Pure. */
bool domi__http_is_origin(const char *text);

/* Whether two of those are the same, in any case, and with the port that HTTP
   or HTTPS has anyway or without it. Pure. */
bool domi__http_is_same_origin(const char *one, const char *other);

/* Whether a Host header is an IP address or "localhost", with or without a
   port: what no foreign name server can make a browser send. Pure. */
bool domi__http_is_local_host(const char *host);

/* ---- responses ---------------------------------------------------------- */

struct domi__http_response {
    int status;
    const char *content_type; /* NULL: no body, as with 304 */
    uint64_t length;          /* of the body, sent or not (HEAD) */
    const char *etag;         /* with its quotes; or NULL */
    const char *header;       /* one more line, at most 128 bytes; or NULL */
    const char *host;         /* as the request has it; or NULL */
    bool keep_alive;
    time_t now;               /* for Date */
};

#define DOMI__HTTP_RESPONSE_SIZE 1536u

/* Writes a response's head to `out`, of at least DOMI__HTTP_RESPONSE_SIZE
   bytes, and returns its size. Pure. */
size_t domi__http_response_head(const struct domi__http_response *response,
                                char *out);

/* "Not Found"; "Unknown" for a number that domi never answers. */
const char *domi__http_status_text(int status);

/* ---- static files ------------------------------------------------------- */

#define DOMI__HTTP_FILE_LIMIT (16u * 1024u * 1024u)

struct domi__http_file {
    int fd;
    uint64_t size;
    const char *content_type;
    char etag[48];
};

/* The folder for domi__http_file_open: a descriptor, or a libuv code. */
int domi__http_root_open(const char *folder);

/*
 * Opens a regular file below the folder for a decoded path; a path that ends
 * with '/' means index.html there. 200, and the caller closes file->fd; 404:
 * there is none, or a segment begins with a dot or is a symbolic link; 403:
 * larger than the limit, or not readable; 503: descriptors or memory are
 * short. Reading a file may wait for the disk: files are meant to be few and
 * small, so that they stay in memory.
 */
int domi__http_file_open(int root, const char *path,
                         struct domi__http_file *file);

/* Whether the browser's copy, as its If-None-Match tells, is this file. */
bool domi__http_file_is_known(const struct domi__http_file *file,
                              const char *if_none_match);

#endif

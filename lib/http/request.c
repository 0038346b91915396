/* SPDX-License-Identifier: MIT */
/* The request parser: llhttp with limits and without leniency. */
#include "http/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <llhttp.h>

#include "base/list.h"

#define FIELD_SIZE 32u /* more than the longest name that is kept */

#define XX(name, text, size) +(size) + 1
enum { VALUES_SIZE = 0 DOMI__HTTP_HEADER_MAP(XX) };
#undef XX

struct domi__http_parser {
    llhttp_t llhttp;
    struct domi__http_request request;
    enum { START, HEAD, BODY, WHOLE, REFUSED } state;
    int status;         /* of the refusal */
    size_t head;        /* bytes of the head so far */
    bool at_line;       /* the last of them ended a line */
    size_t body;        /* bytes of the body so far, as sent */
    size_t target_size;
    size_t field_size;  /* of the name so far; FIELD_SIZE: too long */
    int header;         /* whose value comes now; -1: one that is not kept */
    size_t value_size;  /* of that header so far */
    char target[DOMI__HTTP_TARGET_LIMIT];
    char path[DOMI__HTTP_TARGET_LIMIT + 1];
    char field[FIELD_SIZE];
    char values[VALUES_SIZE]; /* of all headers, each at its place */
};

static const struct {
    const char *name;
    size_t limit;
} known[DOMI__HTTP_HEADER_COUNT] = {
#define XX(name, text, size) {text, size},
    DOMI__HTTP_HEADER_MAP(XX)
#undef XX
};

static struct domi__http_parser *parser_of(llhttp_t *llhttp)
{
    return DOMI__CONTAINER(llhttp, struct domi__http_parser, llhttp);
}

/* Stops the parser; what it returns is for llhttp. */
static int refuse(struct domi__http_parser *parser, int status)
{
    if (parser->state != REFUSED) {
        parser->state = REFUSED;
        parser->status = status;
    }
    return HPE_USER;
}

static char *value_of(struct domi__http_parser *parser, int header)
{
    char *place = parser->values;

    for (int i = 0; i < header; i++) {
        place += known[i].limit + 1;
    }
    return place;
}

/* ---- what llhttp tells --------------------------------------------------- */

static int on_url(llhttp_t *llhttp, const char *at, size_t size)
{
    struct domi__http_parser *parser = parser_of(llhttp);

    if (size > DOMI__HTTP_TARGET_LIMIT - parser->target_size) {
        return refuse(parser, 414);
    }
    memcpy(parser->target + parser->target_size, at, size);
    parser->target_size += size;
    return 0;
}

static int on_field(llhttp_t *llhttp, const char *at, size_t size)
{
    struct domi__http_parser *parser = parser_of(llhttp);

    if (size > FIELD_SIZE - parser->field_size) {
        parser->field_size = FIELD_SIZE;
    } else {
        memcpy(parser->field + parser->field_size, at, size);
        parser->field_size += size;
    }
    return 0;
}

static int find_header(const struct domi__http_parser *parser)
{
    for (int i = 0; i < DOMI__HTTP_HEADER_COUNT; i++) {
        if (strlen(known[i].name) == parser->field_size &&
            strncasecmp(known[i].name, parser->field, parser->field_size) ==
                0) {
            return i;
        }
    }
    return -1;
}

/* Headers of which a second one changes the meaning of the first. */
static bool is_single(int header)
{
    return header == DOMI__HTTP_HOST || header == DOMI__HTTP_ORIGIN ||
           header == DOMI__HTTP_AUTHORIZATION || header == DOMI__HTTP_TOKEN ||
           header == DOMI__HTTP_WEBSOCKET_KEY ||
           header == DOMI__HTTP_WEBSOCKET_VERSION;
}

static int on_field_complete(llhttp_t *llhttp)
{
    struct domi__http_parser *parser = parser_of(llhttp);
    int header = parser->state == HEAD ? find_header(parser) : -1;

    if (parser->field_size == 0) {
        return refuse(parser, 400);
    }
    parser->field_size = 0;
    parser->header = header;
    parser->value_size = 0;
    if (header >= 0 && parser->request.headers[header]) {
        char *value = value_of(parser, header);

        if (is_single(header)) {
            return refuse(parser, 400);
        }
        parser->value_size = strlen(value);
        if (parser->value_size + 2 > known[header].limit) {
            return refuse(parser, 431);
        }
        memcpy(value + parser->value_size, ", ", 2);
        parser->value_size += 2;
    }
    return 0;
}

static int on_value(llhttp_t *llhttp, const char *at, size_t size)
{
    struct domi__http_parser *parser = parser_of(llhttp);
    int header = parser->header;

    if (header < 0) {
        return 0;
    }
    if (size > known[header].limit - parser->value_size) {
        return refuse(parser, 431);
    }
    memcpy(value_of(parser, header) + parser->value_size, at, size);
    parser->value_size += size;
    return 0;
}

static int on_value_complete(llhttp_t *llhttp)
{
    struct domi__http_parser *parser = parser_of(llhttp);
    char *value;

    if (parser->header < 0) {
        return 0;
    }
    value = value_of(parser, parser->header);
    while (parser->value_size > 0 &&
           strchr(" \t", value[parser->value_size - 1])) {
        parser->value_size--;
    }
    value[parser->value_size] = '\0';
    if (strlen(value) != parser->value_size) {
        return refuse(parser, 400);
    }
    parser->request.headers[parser->header] = value;
    return 0;
}

/* A host name or address and perhaps a port, in safe characters, so that it
   may be repeated in an answer. */
static bool is_host(const char *host)
{
    static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "abcdefghijklmnopqrstuvwxyz0123456789.-_:[]";

    return *host && host[strspn(host, safe)] == '\0';
}

/* 0, or the status that refuses this head. */
static int check_head(struct domi__http_parser *parser)
{
    const llhttp_t *llhttp = &parser->llhttp;
    const char *host = parser->request.headers[DOMI__HTTP_HOST];
    const char *encoding =
        parser->request.headers[DOMI__HTTP_TRANSFER_ENCODING];

    if (llhttp->http_major != 1 || llhttp->http_minor > 1) {
        return 505;
    }
    if (llhttp->method != HTTP_GET && llhttp->method != HTTP_HEAD &&
        llhttp->method != HTTP_POST) {
        return 405;
    }
    if (host ? !is_host(host) : llhttp->http_minor == 1) {
        return 400;
    }
    if (!domi__http_path_decode(parser->target, parser->target_size,
                                parser->path)) {
        return 400;
    }
    if (encoding) {
        if (llhttp->flags & F_CONTENT_LENGTH) {
            return 400;
        }
        if (strcasecmp(encoding, "chunked") != 0) {
            return 501;
        }
    } else if (llhttp->content_length > DOMI__HTTP_BODY_LIMIT) {
        return 413;
    }
    return parser->request.headers[DOMI__HTTP_EXPECT] ? 417 : 0;
}

static int on_head(llhttp_t *llhttp)
{
    struct domi__http_parser *parser = parser_of(llhttp);
    int status = check_head(parser);

    if (status) {
        return refuse(parser, status);
    }
    parser->request.method = llhttp->method == HTTP_GET    ? DOMI__HTTP_GET
                             : llhttp->method == HTTP_HEAD ? DOMI__HTTP_HEAD
                                                           : DOMI__HTTP_POST;
    parser->request.path = parser->path;
    parser->request.has_body =
        (llhttp->flags & F_CHUNKED) || llhttp->content_length > 0;
    parser->request.keep_alive = llhttp_should_keep_alive(llhttp);
    parser->request.is_old = llhttp->http_minor == 0;
    parser->state = BODY;
    return HPE_PAUSED; /* so that the bytes of the head can be told */
}

static int on_whole(llhttp_t *llhttp)
{
    parser_of(llhttp)->state = WHOLE;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_field_complete = on_field_complete,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_complete,
    .on_headers_complete = on_head,
    .on_message_complete = on_whole,
};

/* ---- the parser ---------------------------------------------------------- */

struct domi__http_parser *domi__http_parser_new(void)
{
    struct domi__http_parser *parser = calloc(1, sizeof(*parser));

    if (parser) {
        llhttp_init(&parser->llhttp, HTTP_REQUEST, &settings);
    }
    return parser;
}

void domi__http_parser_free(struct domi__http_parser *parser)
{
    free(parser);
}

/* Makes ready for the next request of the connection. */
static void begin(struct domi__http_parser *parser)
{
    llhttp_init(&parser->llhttp, HTTP_REQUEST, &settings);
    memset(&parser->request, 0, sizeof(parser->request));
    parser->state = HEAD;
    parser->head = 0;
    parser->at_line = false;
    parser->body = 0;
    parser->target_size = 0;
    parser->field_size = 0;
    parser->header = -1;
}

static int status_of(llhttp_errno_t error)
{
    return error == HPE_INVALID_VERSION || error == HPE_PAUSED_H2_UPGRADE ? 505
                                                                          : 400;
}

/* Whether a line of the head begins with a blank: that would go on with the
   line before it, as HTTP once allowed, and llhttp still does. */
static bool is_folded(struct domi__http_parser *parser, const char *bytes,
                      size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (parser->at_line && (bytes[i] == ' ' || bytes[i] == '\t')) {
            return true;
        }
        parser->at_line = bytes[i] == '\n';
    }
    return false;
}

/* Runs llhttp over bytes that break no limit; returns how many it took. */
static size_t execute(struct domi__http_parser *parser, const char *bytes,
                      size_t size)
{
    llhttp_t *llhttp = &parser->llhttp;
    bool in_head = parser->state == HEAD;
    llhttp_errno_t error = llhttp_execute(llhttp, bytes, size);
    bool is_whole_head = in_head && parser->state == BODY;

    if (is_whole_head) {
        size = (size_t)(llhttp_get_error_pos(llhttp) - bytes);
    }
    if (in_head && is_folded(parser, bytes, size)) {
        refuse(parser, 400);
        return size;
    }
    if (is_whole_head) {
        llhttp_resume(llhttp);
        /* Without a body the request is whole already. */
        error = llhttp_execute(llhttp, bytes + size, 0);
    }
    if (error == HPE_OK) {
        return size;
    }
    if (parser->state != WHOLE) {
        refuse(parser, status_of(error));
        return size;
    }
    return (size_t)(llhttp_get_error_pos(llhttp) - bytes);
}

/* Bytes that may still come in this part of the request. */
static size_t room(const struct domi__http_parser *parser)
{
    return parser->state == HEAD ? DOMI__HTTP_HEAD_LIMIT - parser->head
                                 : DOMI__HTTP_BODY_LIMIT - parser->body;
}

int domi__http_parser_feed(struct domi__http_parser *parser, const char *bytes,
                           size_t size, size_t *taken)
{
    *taken = 0;
    if (parser->state == WHOLE) {
        parser->state = START;
    }
    while (*taken < size && parser->state < WHOLE) {
        size_t part = size - *taken;
        size_t *count;

        if (parser->state == START) {
            begin(parser);
        }
        if (room(parser) == 0) {
            refuse(parser, parser->state == BODY ? 413 : 431);
            break;
        }
        count = parser->state == BODY ? &parser->body : &parser->head;
        part = execute(parser, bytes + *taken,
                       part < room(parser) ? part : room(parser));
        *count += part;
        *taken += part;
    }
    if (parser->state == REFUSED) {
        return parser->status;
    }
    return parser->state == WHOLE;
}

const struct domi__http_request *
domi__http_parser_request(const struct domi__http_parser *parser)
{
    return &parser->request;
}

bool domi__http_parser_is_inside(const struct domi__http_parser *parser)
{
    return parser->state == HEAD || parser->state == BODY;
}

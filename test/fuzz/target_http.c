/* SPDX-License-Identifier: MIT */
/* Fuzz target: HTTP requests, from bytes to what is answered. */

/* Input: a byte, how long the pieces are in which the rest comes; then the
   bytes of a connection. */
#include <strings.h>

#include "http/http.h"
#include "trace.h"

/* What the listener does with a request: none of it may read beyond what the
   parser says. */
static void use(const struct domi__http_request *request, struct trace *trace)
{
    const char *host = request->headers[DOMI__HTTP_HOST];
    const char *known = request->headers[DOMI__HTTP_IF_NONE_MATCH];
    static const char *const pages[] = {"https://one.example", NULL};
    static const struct domi__http_origins same_host;
    static const struct domi__http_origins listed = {pages, true};
    const struct domi__http_file file = {.etag = "\"5f.1.2\""};
    const struct domi__http_response response = {
        .status = 200,
        .content_type = "text/plain",
        .length = 2,
        .etag = file.etag,
        .host = host,
        .keep_alive = request->keep_alive,
    };
    char head[DOMI__HTTP_RESPONSE_SIZE];
    size_t size = domi__http_response_head(&response, head);

    CHECK(size > 0 && size <= sizeof(head));
    CHECK(!host || !strpbrk(host, "\r\n"));
    trace_add_number(trace, domi__http_upgrade_check(request, &same_host));
    trace_add_number(trace, domi__http_upgrade_check(request, &listed));
    trace_add_number(trace, host && domi__http_is_local_host(host));
    trace_add_number(trace, domi__http_file_is_known(&file, known));
}

static void record(const struct domi__http_request *request,
                   struct trace *trace)
{
    CHECK(request->path[0] == '/');
    CHECK(!strstr(request->path, "/../") && !strchr(request->path, '\\'));
    trace_add_number(trace, request->method);
    trace_add_text(trace, request->path);
    trace_add_number(trace, request->has_body);
    trace_add_number(trace, request->keep_alive);
    for (int i = 0; i < DOMI__HTTP_HEADER_COUNT; i++) {
        trace_add_text(trace, request->headers[i]);
    }
    use(request, trace);
}

/* Feeds all in pieces of this size until the parser refuses. */
static void feed(const uint8_t *bytes, size_t size, size_t piece,
                 struct trace *trace)
{
    struct domi__http_parser *parser = domi__http_parser_new();
    size_t at = 0;
    int status = 0;

    CHECK(parser);
    while (at < size && status < 400) {
        size_t part = size - at < piece ? size - at : piece;
        char *copy = exact_copy(bytes + at, part);
        size_t taken;

        status = domi__http_parser_feed(parser, copy, part, &taken);
        free(copy);
        CHECK(taken <= part && (status != 0 || taken == part));
        CHECK(status != 1 || !domi__http_parser_is_inside(parser));
        if (status == 1) {
            record(domi__http_parser_request(parser), trace);
        }
        at += taken;
    }
    /* Of several faults, which one is told depends on the pieces. */
    trace_add_number(trace, status < 400 ? status : 400);
    domi__http_parser_free(parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct trace whole = {0}, cut = {0};

    if (size < 1) {
        return 0;
    }
    feed(bytes + 1, size - 1, size, &whole);
    feed(bytes + 1, size - 1, bytes[0] % 64 + 1u, &cut);
    trace_compare(&whole, &cut);
    return 0;
}

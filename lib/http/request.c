/* SPDX-License-Identifier: MIT */
/* The request parser: llhttp with limits and without leniency. */
#include "http/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <llhttp.h>

#define FIELD_SIZE 32 /* longer than the longest name that is kept */

#define XX(name, text, size) +(size) + 1
enum { VALUES_SIZE = 0 DOMI__HTTP_HEADER_MAP(XX) };
#undef XX

struct domi__http_parser {
    llhttp_t llhttp;
    struct domi__http_request request;
    size_t head; /* bytes of the head so far */
    size_t body; /* bytes of the body so far, as sent */
    int status;  /* of the refusal; 0: none */
    bool in_body;
    bool whole;
    size_t target_size;
    size_t field_size; /* FIELD_SIZE: too long for a known name */
    int header;        /* whose value comes; or -1 */
    size_t value_size; /* of that header, so far */
    char target[DOMI__HTTP_TARGET_LIMIT];
    char path[DOMI__HTTP_TARGET_LIMIT + 1];
    char field[FIELD_SIZE];
    char values[VALUES_SIZE]; /* of all headers, each at its place */
};

static const struct {
    const char *name;
    size_t limit;
    size_t place; /* in values */
} known[] = {
#define XX(name, text, size) {text, size, 0},
    DOMI__HTTP_HEADER_MAP(XX)
#undef XX
};

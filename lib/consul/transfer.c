/* SPDX-License-Identifier: MIT */
/*
 * One transfer: libcurl's options and calls.
 *
 *   new (loop) -> start -> header and body come -> finish, end (thread)
 *   -> its reply is shown (loop) -> free
 *
 * It fails when nothing comes in time, and when we refuse what comes: a body
 * above the limit, or one that falls silent half way.
 */
#include "consul/transfer.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

#define CONNECT_MS 2000L
#define FIRST_CAPACITY 4096

static uint64_t now_ms(void)
{
    return domi__clock_ns() / 1000000;
}

static bool copy(const char **string)
{
    char *mine;

    if (!*string) {
        return true;
    }
    mine = strdup(*string);
    *string = mine;
    return mine != NULL;
}

struct domi__consul_transfer *
domi__consul_transfer_new(const struct domi__consul_request *request)
{
    struct domi__consul_transfer *transfer = calloc(1, sizeof(*transfer));
    struct domi__consul_request *mine;
    bool copied;

    if (!transfer) {
        return NULL;
    }
    domi__list_init(&transfer->node);
    domi__list_init(&transfer->open);
    mine = &transfer->request;
    *mine = *request;
    copied = copy(&mine->method);
    copied &= copy(&mine->path);
    copied &= copy(&mine->body);
    if (!copied) {
        domi__consul_transfer_free(transfer);
        return NULL;
    }
    return transfer;
}

static void drop_body(struct domi__consul_transfer *transfer)
{
    free(transfer->body);
    transfer->body = NULL;
    transfer->size = 0;
    transfer->capacity = 0;
    transfer->reply.body = "";
    transfer->reply.body_size = 0;
}

static void drop_json(struct domi__consul_transfer *transfer)
{
    cJSON_Delete(transfer->json);
    transfer->json = NULL;
    transfer->reply.json = NULL;
}

void domi__consul_transfer_free(struct domi__consul_transfer *transfer)
{
    if (transfer->reply.parsed && transfer->request.free_parsed) {
        transfer->request.free_parsed(transfer->reply.parsed);
    }
    drop_json(transfer);
    drop_body(transfer);
    free((char *)transfer->request.method);
    free((char *)transfer->request.path);
    free((char *)transfer->request.body);
    free(transfer);
}

/* ---- what libcurl calls -------------------------------------------------- */

static bool is_header(const char *line, size_t size, const char *name,
                      const char **value, size_t *value_size)
{
    size_t at = strlen(name);

    if (size <= at || strncasecmp(line, name, at) != 0 || line[at] != ':') {
        return false;
    }
    for (at++; at < size && (line[at] == ' ' || line[at] == '\t'); at++) {
    }
    while (size > at && strchr(" \t\r\n", line[size - 1])) {
        size--;
    }
    *value = line + at;
    *value_size = size - at;
    return true;
}

/* It goes into a path later on; Consul's own are hexadecimal. */
static void take_hash(struct domi__consul_transfer *transfer, const char *value,
                      size_t size)
{
    static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
    char *hash = transfer->reply.content_hash;

    hash[0] = '\0';
    if (size < sizeof(transfer->reply.content_hash)) {
        memcpy(hash, value, size);
        hash[size] = '\0';
    }
    if (strspn(hash, allowed) != strlen(hash)) {
        hash[0] = '\0';
    }
}

static size_t on_header(char *line, size_t one, size_t size, void *user)
{
    struct domi__consul_transfer *transfer = user;
    const char *value;
    size_t value_size;

    (void)one;
    transfer->heard_ms = now_ms();
    if (size > 5 && memcmp(line, "HTTP/", 5) == 0) {
        /* An interim reply may have come before this one. */
        transfer->index = 0;
        transfer->reply.content_hash[0] = '\0';
    } else if (is_header(line, size, "X-Consul-Index", &value, &value_size)) {
        transfer->index = domi__consul_index(value, value_size);
    } else if (is_header(line, size, "X-Consul-ContentHash", &value,
                         &value_size)) {
        take_hash(transfer, value, value_size);
    }
    return size;
}

/* Room for `size` more bytes and a zero. */
static bool reserve(struct domi__consul_transfer *transfer, size_t size)
{
    size_t capacity = transfer->capacity ? transfer->capacity : FIRST_CAPACITY;
    char *body;

    while (capacity - transfer->size <= size) {
        capacity *= 2;
    }
    if (capacity > transfer->capacity) {
        body = realloc(transfer->body, capacity);
        if (!body) {
            return false;
        }
        transfer->body = body;
        transfer->capacity = capacity;
    }
    return true;
}

static size_t on_body(char *bytes, size_t one, size_t size, void *user)
{
    struct domi__consul_transfer *transfer = user;

    (void)one;
    transfer->heard_ms = now_ms();
    if (size > DOMI__CONSUL_BODY_LIMIT - transfer->size) {
        transfer->refusal = "the body is larger than 64 MiB";
        return 0;
    }
    if (!reserve(transfer, size)) {
        transfer->refusal = "memory is short for the body";
        return 0;
    }
    memcpy(transfer->body + transfer->size, bytes, size);
    transfer->size += size;
    transfer->body[transfer->size] = '\0';
    return size;
}

/* Called about once a second. A blocking query is silent as long as it likes
   until its reply begins; then it must go on. */
static int on_progress(void *user, curl_off_t total, curl_off_t now,
                       curl_off_t up_total, curl_off_t up_now)
{
    struct domi__consul_transfer *transfer = user;

    (void)total;
    (void)now;
    (void)up_total;
    (void)up_now;
    if (transfer->heard_ms &&
        now_ms() - transfer->heard_ms > DOMI__CONSUL_SILENCE_S * 1000) {
        transfer->refusal = "the reply stopped half way, for 5 s";
        return 1;
    }
    return 0;
}

/* ---- its way ------------------------------------------------------------- */

static bool set_url(struct domi__consul_transfer *transfer, const char *base)
{
    char *url;
    bool good;

    if (asprintf(&url, "%s%s", base, transfer->request.path) < 0) {
        return false;
    }
    good = curl_easy_setopt(transfer->easy, CURLOPT_URL, url) == CURLE_OK;
    free(url);
    return good;
}

static void set_question(CURL *easy, const struct domi__consul_request *request)
{
    if (request->body || strcmp(request->method, "PUT") == 0) {
        const char *body = request->body ? request->body : "";

        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)strlen(body));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
}

static void set_manners(struct domi__consul_transfer *transfer)
{
    CURL *easy = transfer->easy;

    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "domi");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->curl_error);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    /* What is announced is refused at once, the rest by on_body. */
    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE,
                     (curl_off_t)DOMI__CONSUL_BODY_LIMIT);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, transfer);
#if LIBCURL_VERSION_NUM >= 0x075700
    /* A name that is being looked up must not hold up the end. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
}

bool domi__consul_transfer_start(struct domi__consul_transfer *transfer,
                                 const struct domi__consul_route *route,
                                 CURLM *multi)
{
    transfer->easy = curl_easy_init();
    if (!transfer->easy || !set_url(transfer, route->base)) {
        return false;
    }
    domi__consul_route_set(route, transfer->easy);
    set_question(transfer->easy, &transfer->request);
    set_manners(transfer);
    return curl_multi_add_handle(multi, transfer->easy) == CURLM_OK;
}

void domi__consul_transfer_end(struct domi__consul_transfer *transfer,
                               CURLM *multi)
{
    if (transfer->easy) {
        curl_multi_remove_handle(multi, transfer->easy);
        curl_easy_cleanup(transfer->easy);
        transfer->easy = NULL;
    }
}

/* ---- its reply ----------------------------------------------------------- */

void domi__consul_transfer_fail(struct domi__consul_transfer *transfer,
                                const char *why)
{
    struct domi__consul_reply *reply = &transfer->reply;

    drop_json(transfer);
    drop_body(transfer);
    reply->status = 0;
    reply->index = 0;
    reply->content_hash[0] = '\0';
    domi__consul_explain(transfer->error, sizeof(transfer->error),
                         transfer->request.method, transfer->request.path, why);
    reply->error = transfer->error;
}

static void read_json(struct domi__consul_transfer *transfer)
{
    char why[DOMI__CONSUL_ERROR_SIZE];

    transfer->json = domi__consul_json(transfer->reply.body, transfer->size,
                                       why, sizeof(why));
    if (!transfer->json) {
        domi__consul_transfer_fail(transfer, why);
        return;
    }
    transfer->reply.json = transfer->json;
    drop_body(transfer);
}

static const char *reason_of(const struct domi__consul_transfer *transfer,
                             CURLcode result)
{
    if (transfer->refusal) {
        return transfer->refusal;
    }
    return transfer->curl_error[0] ? transfer->curl_error
                                   : curl_easy_strerror(result);
}

void domi__consul_transfer_finish(struct domi__consul_transfer *transfer,
                                  CURLcode result)
{
    struct domi__consul_reply *reply = &transfer->reply;
    long status = 0;

    if (result != CURLE_OK) {
        domi__consul_transfer_fail(transfer, reason_of(transfer, result));
        return;
    }
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    reply->status = (int)status;
    reply->body = transfer->body ? transfer->body : "";
    reply->body_size = transfer->size;
    reply->error = "";
    if (status != 200 && status != 404) {
        reply->content_hash[0] = '\0';
        domi__consul_explain_status(transfer->error, sizeof(transfer->error),
                                    transfer->request.method,
                                    transfer->request.path, reply->status,
                                    reply->body, reply->body_size);
        reply->error = transfer->error;
        return;
    }
    reply->index = transfer->index;
    if (status == 200 &&
        (transfer->request.wants_json || transfer->request.parse)) {
        read_json(transfer);
    }
}

void domi__consul_transfer_parse(struct domi__consul_transfer *transfer)
{
    const struct domi__consul_request *request = &transfer->request;
    char why[DOMI__CONSUL_ERROR_SIZE] = "";

    transfer->reply.parsed = request->parse(transfer->json, why, sizeof(why));
    if (why[0]) {
        domi__consul_transfer_fail(transfer, why);
    }
    /* A tree of many nodes is not to be freed on the loop. */
    drop_json(transfer);
}

/* SPDX-License-Identifier: MIT */
/*
 * What a node answers its operator over HTTP, and the one thing that it does
 * when it is told so: to drain.
 *
 * Pages of the web can make a browser send requests to a node that the
 * browser reaches and the page's author does not. So the act needs a POST; and
 * a header that such a page cannot set (the token), or, where there is no
 * token, a Host and an Origin that it cannot have.
 */
#include "cluster/cluster.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "http/http.h"

enum page { HEALTH, PING, VERSION, WEIGHT, EXIT, NO_PAGE };

static enum page page_of(const char *name)
{
    static const char *const names[] = {"health", "ping", "version", "weight",
                                        "exit"};
    int page = HEALTH;

    while (page < NO_PAGE && strcmp(name, names[page]) != 0) {
        page++;
    }
    return (enum page)page;
}

/* The page of a path "/<id>/<name>". Of a node that has no id, the pages of
   any id are its own. */
static enum page find_page(int id, const char *path)
{
    char prefix[16];
    size_t size = (size_t)snprintf(prefix, sizeof(prefix), "/%d/", id);

    if (id >= 0) {
        return strncmp(path, prefix, size) == 0 ? page_of(path + size)
                                                : NO_PAGE;
    }
    size = *path == '/' ? strspn(path + 1, "0123456789") : 0;
    return size > 0 && path[1 + size] == '/' ? page_of(path + size + 2)
                                             : NO_PAGE;
}

/* ---- what it tells ------------------------------------------------------- */

static void tell_registry(const struct domi__node_status *status,
                          struct domi__http_answer *answer)
{
    const struct domi__registry_kind *kind = status->registry->kind;
    unsigned stale_s = kind->stale_s ? kind->stale_s(status->registry) : 0;

    if (stale_s > 0) {
        snprintf(answer->header, sizeof(answer->header),
                 "Domi-Registry: stale; seconds=%u", stale_s);
    } else {
        snprintf(answer->header, sizeof(answer->header), "Domi-Registry: ok");
    }
}

/* A node that drains is healthy: who is there is served to the end. */
static void tell_health(const struct domi__node_status *status,
                        struct domi__http_answer *answer)
{
    if (status->busy) {
        answer->status = 429;
        snprintf(answer->body, sizeof(answer->body), "%s\n", status->busy);
    } else {
        snprintf(answer->body, sizeof(answer->body),
                 "consul healthy check!\n");
    }
}

static void tell(const struct domi__node_status *status, enum page page,
                 struct domi__http_answer *answer)
{
    const struct domi__node *node = status->node;
    /* Above 100: nobody is to choose it. */
    unsigned weight = node->draining ? 101 : status->memory;

    answer->status = 200;
    tell_registry(status, answer);
    switch (page) {
    case HEALTH:
        tell_health(status, answer);
        break;
    case PING:
        snprintf(answer->body, sizeof(answer->body), "pong\n");
        break;
    case VERSION:
        snprintf(answer->body, sizeof(answer->body), "%d\n", node->version);
        break;
    case WEIGHT:
        snprintf(answer->body, sizeof(answer->body), "%u\n", weight);
        break;
    case EXIT:
    case NO_PAGE:
        break;
    }
}

static void refuse(struct domi__http_answer *answer, int status,
                   const char *header, const char *reason)
{
    answer->status = status;
    snprintf(answer->header, sizeof(answer->header), "%s", header);
    snprintf(answer->body, sizeof(answer->body), "%s\n", reason);
}

/* ---- whom it obeys ------------------------------------------------------- */

/* In a time that tells nothing of the token but its length. */
static bool is_equal(const char *token, const char *given)
{
    size_t size = strlen(token);
    size_t given_size = strlen(given);
    volatile unsigned char difference = size != given_size;

    for (size_t i = 0; i < given_size; i++) {
        difference |= (unsigned char)(token[i % size] ^ given[i]);
    }
    return difference == 0;
}

static bool has_token(const struct domi__http_request *request,
                      const char *token)
{
    const char *plain = request->headers[DOMI__HTTP_TOKEN];
    const char *bearer = request->headers[DOMI__HTTP_AUTHORIZATION];

    if (bearer && strncasecmp(bearer, "Bearer ", 7) == 0) {
        bearer += 7;
        bearer += strspn(bearer, " ");
    } else {
        bearer = NULL;
    }
    return (plain && is_equal(token, plain)) ||
           (bearer && is_equal(token, bearer));
}

/* Why somebody without a token is not obeyed, or NULL. */
static const char *distrust(const struct domi__http_question *question)
{
    const char *host = question->request->headers[DOMI__HTTP_HOST];
    const char *origin = question->request->headers[DOMI__HTTP_ORIGIN];

    if (!question->is_loopback) {
        return "without an admin token, only this machine may do that";
    }
    if (!host || !domi__http_is_local_host(host)) {
        return "without an admin token, the Host header must be an IP address "
               "or localhost";
    }
    if (origin && !domi__http_is_same_host(origin, host)) {
        return "the page that asks is of another host";
    }
    return NULL;
}

static bool may_act(const struct domi__node_status *status,
                    const struct domi__http_question *question,
                    struct domi__http_answer *answer)
{
    const char *reason;

    if (status->admin_token) {
        if (has_token(question->request, status->admin_token)) {
            return true;
        }
        refuse(answer, 401, "WWW-Authenticate: Bearer",
               "the admin token is missing or wrong");
        return false;
    }
    reason = distrust(question);
    if (reason) {
        refuse(answer, 403, "", reason);
    }
    return !reason;
}

static bool act(const struct domi__node_status *status, struct domi__log *log,
                const struct domi__http_question *question,
                struct domi__http_answer *answer)
{
    if (question->request->method != DOMI__HTTP_POST) {
        refuse(answer, 405, "Allow: POST", "this takes a POST");
        return false;
    }
    if (!may_act(status, question, answer)) {
        domi__log_peer(log, DOMI_LOG_WARNING, "exit for %s is refused: %.*s",
                       question->address, (int)strcspn(answer->body, "\n"),
                       answer->body);
        return false;
    }
    domi__log_peer(log, DOMI_LOG_INFO, "%s says exit", question->address);
    answer->status = 200;
    snprintf(answer->body, sizeof(answer->body), "draining\n");
    return true;
}

/* ---- all of it ----------------------------------------------------------- */

bool domi__node_answer(const struct domi__node_status *status,
                       struct domi__log *log,
                       const struct domi__http_question *question,
                       struct domi__http_answer *answer)
{
    enum page page = find_page(status->node->id, question->request->path);

    if (page == NO_PAGE) {
        return false;
    }
    if (status->node->id < 0) {
        refuse(answer, 503, "", "the registry has given this node no id yet");
        tell_registry(status, answer);
    } else if (page == EXIT) {
        return act(status, log, question, answer);
    } else if (question->request->method == DOMI__HTTP_POST) {
        refuse(answer, 405, "Allow: GET, HEAD", "this takes a GET");
    } else {
        tell(status, page, answer);
    }
    return false;
}

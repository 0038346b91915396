/* SPDX-License-Identifier: MIT */
/* Inside transport: the HTTP port's listener, connections and answers. */
#ifndef DOMI_TRANSPORT_HTTP_INNER_H
#define DOMI_TRANSPORT_HTTP_INNER_H

#include "http/http.h"
#include "transport/tls.h"

#define DOMI__HTTP_SCRATCH_SIZE 65536u /* of a file in one go */

struct domi__http_listener {
    struct domi__listener base;
    struct domi__accepter accepter;
    struct domi__http_listen http;
    char *ws_path;
    int root; /* of the files; -1: none */
    struct domi__list connections; /* the longest without progress first */
    unsigned count;
    struct domi__deferred deferred;
    void (*on_closed)(void *user);
    void *user;
    char scratch[DOMI__HTTP_SCRATCH_SIZE];
};

enum domi__http_state {
    DOMI__HTTP_READING,
    DOMI__HTTP_ANSWERING,
    DOMI__HTTP_LINGERING, /* the last answer is out; the peer reads it */
    DOMI__HTTP_GONE,
};

struct domi__http_connection {
    struct domi__http_listener *listener;
    struct domi__watch watch;
    struct domi__tls_stream *tls; /* NULL: the socket is used as it is */
    bool shaken;                  /* its handshake is done */
    struct domi__list node;
    struct domi__timer timer;
    struct domi__origin *origin; /* until its first request is whole; or NULL */
    struct domi__http_parser *parser;
    enum domi__http_state state;
    bool keep;        /* after this answer */
    char *out;        /* head and small body of the answer; or NULL */
    size_t out_size;
    size_t out_sent;
    int file;         /* the rest of the answer; or -1 */
    off_t file_at;
    off_t file_end;
    uint8_t *rest;    /* came while an answer was under way; or NULL */
    size_t rest_size;
    struct domi__deferred deferred;
};

/* ---- http_connection.c --------------------------------------------------- */

/* Owns the descriptor. */
void domi__http_connection_open(struct domi__http_listener *listener, int fd);

/* Closes it, at once; harmless when it is gone. */
void domi__http_connection_cut(struct domi__http_connection *connection);

/* Ends what the listener has to do with the connection, but for its
   descriptor, which is returned. */
int domi__http_connection_detach(struct domi__http_connection *connection);

/* Reads the next request, or, when the last answer said so, ends. */
void domi__http_connection_next(struct domi__http_connection *connection);

/* Something went on: others are cut before this one. */
void domi__http_connection_has_progress(
    struct domi__http_connection *connection);

/* The peer has this long to take some more of the answer. */
void domi__http_connection_await_progress(
    struct domi__http_connection *connection);

void domi__http_connection_watch(struct domi__http_connection *connection,
                                 unsigned events);

/* ---- http_answer.c ------------------------------------------------------- */

/* Answers a whole request; `bytes` came behind it. */
void domi__http_answer_request(struct domi__http_connection *connection,
                               const struct domi__http_request *request,
                               uint8_t *bytes, size_t size);

/* Answers with a status alone. `request` is NULL for one that was refused, by
   which the connection ends. */
void domi__http_answer_status(struct domi__http_connection *connection,
                              const struct domi__http_request *request,
                              int status);

/* Goes on writing the answer. */
void domi__http_answer_write(struct domi__http_connection *connection);

/* Frees what is left of it. */
void domi__http_answer_end(struct domi__http_connection *connection);

#endif

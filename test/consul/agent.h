/* SPDX-License-Identifier: MIT */
/* A real Consul agent for a test: started, frozen, killed, started again; and
   a look into it behind the library's back. */
#ifndef DOMI_TEST_CONSUL_AGENT_H
#define DOMI_TEST_CONSUL_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * The program is what DOMI_CONSUL names; a test without it fails. The agent is
 * a server that leads itself and lets sessions live as short as a second. It
 * listens on an address 127.x.y.z made from this process's id, so that tests
 * that run at once never meet and its ports are still its own after a restart.
 * It dies with the test, whichever way that ends. All functions fail the test
 * when they cannot do what they say.
 */
struct agent;

struct agent_options {
    bool dev; /* keeps all in memory: a restart forgets it */
    /* More configuration, or NULL. @DIR@, @HOST@ and @HTTPS@ in it become the
       agent's directory, its address, and a port for HTTPS. */
    const char *hcl;
    const char
        *token; /* for the helpers below, where there are ACLs; or NULL */
    /* Called before the agent starts first, to put files into its directory;
       or NULL. */
    void (*prepare)(const struct agent *agent);
};

struct agent {
    struct agent_options options;
    pid_t pid; /* 0: it does not run */
    char host[16];
    int port; /* HTTP; RPC, serf and HTTPS have the next three */
    char url[64];
    char https_url[64]; /* where `hcl` makes it listen for that */
    char dir[64];       /* data, log, and what a test wants to put there */
};

/* Starts it and waits until it leads and takes sessions. */
void agent_start(struct agent *agent, const struct agent_options *options);

/* Kills it, unless that was done, and removes its files. Accepts zeroed
   memory. */
void agent_stop(struct agent *agent);

/* Ends it, with what it has kept. */
void agent_kill(struct agent *agent);      /* at once */
void agent_terminate(struct agent *agent); /* in order, as by SIGTERM */

/* Starts it again at the same ports, and waits as agent_start does. */
void agent_restart(struct agent *agent, bool keep_data);

/* Lets it hang, and run on. */
void agent_freeze(struct agent *agent);
void agent_thaw(struct agent *agent);

/*
 * One request. Returns the status, 0 when there was no answer within ten
 * seconds. `body` may be NULL for none; the answer's goes to `out`, cut to
 * `size` and ended, unless that is NULL.
 */
int agent_ask(const struct agent *agent, const char *method, const char *path,
              const char *body, char *out, size_t size);
int agent_get(const struct agent *agent, const char *path, char *out,
              size_t size);
int agent_put(const struct agent *agent, const char *path, const char *body);
int agent_delete(const struct agent *agent, const char *path);

/* Runs the consul program, with arguments that end with NULL, in the agent's
   directory, and waits for its end, which must be good. */
void agent_run_consul(const struct agent *agent, const char *const *arguments);

#endif

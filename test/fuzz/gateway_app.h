/* SPDX-License-Identifier: MIT */
/* A gateway with an application that does whatever its users ask for. */
#ifndef TEST_FUZZ_GATEWAY_APP_H
#define TEST_FUZZ_GATEWAY_APP_H

#include "domi/gateway.h"

#include "stand.h"

/* What users send to the gateway. */
enum app_ask {
    ASK_JOIN = 50,  /* group id, and the number of a service in a byte */
    ASK_LEAVE = 57, /* a target */
    ASK_KICK = 58,  /* a reason in a byte, a text */
    ASK_ECHO = 59,  /* sends what it got, as often as the first byte says */
    ASK_ZONE = 60,  /* a target; the rest goes there in the gateway's name */
    ASK_LATER = 61, /* the next users must wait */
};

struct gateway_app {
    struct domi_gateway *gateway;
    enum domi_verdict verdict;
    unsigned connects;
    unsigned disconnects;
    unsigned calls;    /* that were asked */
    unsigned answers;  /* that came */
    bool closed;
};

extern struct gateway_app gateway_app;

/* Makes and starts the gateway. `options` lacks only the callbacks. */
void gateway_app_open(struct domi_gateway_options *options);

/* The gateway's own acts. */
enum {
    GATEWAY_ACT_ANSWER,  /* a number, the session; a byte, odd: refuse it */
    GATEWAY_ACT_DRAIN,
    GATEWAY_ACT_VERDICT, /* a byte: what new sessions are told */
    GATEWAY_ACTS,
};
void gateway_app_act(unsigned act);

/* Closes it, and checks that all that began has ended. */
void gateway_app_close(void);

#endif

/* SPDX-License-Identifier: MIT */
/* The chat's side of a gateway: users ask for rooms, and leave them. */
#ifndef CHAT_FRONT_H
#define CHAT_FRONT_H

struct domi_gateway;

/* Sets the gateway's handlers. 0 or an error of domi. [loop] */
int front_open(struct domi_gateway *gateway);

#endif

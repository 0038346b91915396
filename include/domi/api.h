/* SPDX-License-Identifier: MIT */
/* What all public headers share: linkage, and how ports are given. */
#ifndef DOMI_API_H
#define DOMI_API_H

#define DOMI_API __attribute__((visibility("default")))

/* A port option: a free port, chosen by the system. 0 means no listener. */
#define DOMI_PORT_ANY (-1)

#endif

/* SPDX-License-Identifier: MIT */
/* A registry whose zones come and go as a script wants. */
#ifndef TEST_FUZZ_NODES_H
#define TEST_FUZZ_NODES_H

#include "cluster/registry.h"

#include "stand.h"

struct domi_registry *nodes_open(void);

/* Takes two bytes: which node of which service, and what becomes of it. Those
   who watch are told. */
void nodes_act(void);

/* All that watched must have ceased to. */
void nodes_close(void);

#endif

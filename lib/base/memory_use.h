/* SPDX-License-Identifier: MIT */
/* How much of the machine's memory is in use. */
#ifndef DOMI_BASE_MEMORY_USE_H
#define DOMI_BASE_MEMORY_USE_H

/* Percent of the machine's memory that it cannot give any more; page cache
   does not count as used. */
unsigned domi__memory_use(void);

#endif

/* SPDX-License-Identifier: MIT */
/* How much of the memory that this process may have is in use. */
#ifndef DOMI_BASE_MEMORY_USE_H
#define DOMI_BASE_MEMORY_USE_H

/*
 * Percent, 0 to 100, of what the machine cannot give any more, or what the
 * control group of the process, or one above it, cannot: the highest of them.
 * Page cache counts as given back, as the system does that before it fails;
 * swap counts neither way. Control groups of both versions are looked at. What
 * cannot be read has no limit. Reads some files of the system, for some tenths
 * of a millisecond: not to be called more often than once a second.
 */
unsigned domi__memory_use(void);

/* The same for a system whose files lie below this directory, "" for /. */
unsigned domi__memory_use_below(const char *root);

#endif

/* SPDX-License-Identifier: MIT */
/* Addresses written HOST:PORT, with an IPv4 address for host, and the sockets
 * of the benchmark's programs. What fails ends the program with a message. */
#ifndef BENCH_ADDRESS_H
#define BENCH_ADDRESS_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

enum { ADDRESS_TEXT_SIZE = 32 };

struct sockaddr_in address_make(const char *host, uint16_t port);
struct sockaddr_in address_parse(const char *text);

/* Opens a listener that doesn't block; port 0 takes a free one. Writes where
 * it listens to `text`. */
int address_listen(const char *host, uint16_t port,
                   char text[ADDRESS_TEXT_SIZE]);

/* Connects, waiting for it; the socket doesn't block afterwards. */
int address_dial(const char *text);

/* Lets this process open as many files as the system permits; says so and ends
 * when that isn't even `count`. */
void address_allow_files(unsigned long count);

#endif

/* SPDX-License-Identifier: MIT */
/* Consul's answer about a service's health, read into entries. */
#ifndef DOMI_CONSUL_ENTRIES_H
#define DOMI_CONSUL_ENTRIES_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cJSON;

/* One instance of the service, as Consul has it at this moment. */
struct domi__consul_entry {
    char host[INET6_ADDRSTRLEN]; /* as inet_ntop writes it */
    int id;
    int tcp_port;
    int http_port;      /* 0: not told */
    int version;        /* 0: not told */
    uint64_t age_order; /* Service.CreateIndex; 0: not told */
    bool draining;      /* says so itself, or has a warning */
    bool unhealthy;     /* a check is critical, or there is none at all */
};

/* What was wrong with an instance, for people: escaped, and the same for the
   same fault, so that it can be reported once. */
#define DOMI__CONSUL_FAULT_SIZE 224
#define DOMI__CONSUL_FAULTS 64 /* of one answer; the rest are only counted */

/* Those that can be used, sorted by host and port, each id and each address
   once. */
struct domi__consul_entries {
    struct domi__consul_entry *entries;
    size_t count;
    char (*faults)[DOMI__CONSUL_FAULT_SIZE]; /* NULL: none */
    size_t fault_count;
    size_t more_faults; /* that are not in `faults` */
};

/*
 * Reads the answer to /v1/health/service/NAME. An instance that cannot be used
 * is left out, and is a fault: its id is no number from 0 to 1022, its address
 * is no IP address, its port is not from 1 to 65535, or another instance with
 * its id or its address is healthier, or as healthy and younger. What is wrong
 * only in its Meta is a fault, too, and is taken as not told. No Meta at all
 * is none: nodes of the reference implementation have none.
 *
 * NULL when the answer is no list, or memory is short; then `error` says so. A
 * pure function of its arguments, of the form of a request's `parse`. [any]
 */
void *domi__consul_entries_read(const struct cJSON *json, char *error,
                                size_t error_size);

/* Accepts NULL. [any] */
void domi__consul_entries_free(void *entries);

#endif

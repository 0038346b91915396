/* SPDX-License-Identifier: MIT */
/* What the load generator is asked to do. */
#include "load.h"
#include "address.h"

#include <err.h>
#include <getopt.h>
#include <stdlib.h>

enum { PAYLOAD_MIN = 32 };

static const char usage[] =
    "usage: bench-load --address HOST:PORT [--transport tcp|ws]\n"
    "  --tls                          whoever answers is believed\n"
    "  --mode closed|rate|idle        what is measured (closed)\n"
    "  --users N --groups G           user i is in group i % G (100, 1)\n"
    "  --payload BYTES                of each message (64)\n"
    "  --in-flight N                  closed: publishes at a time (64)\n"
    "  --deliveries-per-second N      rate: to all users together (20000)\n"
    "  --seconds S --warmup S         the window, what goes before (3, 1)\n"
    "  --no-join                      idle: users only shake hands\n"
    "  --users-per-address N          per loopback source address (500)\n"
    "  --pid P                        a process of the server; repeatable\n";

static const struct option names[] = {
    { "address", required_argument, NULL, 'a' },
    { "transport", required_argument, NULL, 't' },
    { "tls", no_argument, NULL, 'T' },
    { "mode", required_argument, NULL, 'm' },
    { "users", required_argument, NULL, 'u' },
    { "groups", required_argument, NULL, 'g' },
    { "payload", required_argument, NULL, 'b' },
    { "in-flight", required_argument, NULL, 'f' },
    { "deliveries-per-second", required_argument, NULL, 'd' },
    { "seconds", required_argument, NULL, 's' },
    { "warmup", required_argument, NULL, 'w' },
    { "no-join", no_argument, NULL, 'n' },
    { "users-per-address", required_argument, NULL, 'r' },
    { "pid", required_argument, NULL, 'p' },
    { NULL, 0, NULL, 0 },
};

static uint32_t parse_count(const char *text, uint32_t least, uint32_t most)
{
    char *end;
    unsigned long count = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || count < least || count > most) {
        errx(2, "%s: not a number from %u to %u", text, least, most);
    }
    return (uint32_t)count;
}

static double parse_amount(const char *text, double least)
{
    char *end;
    double amount = strtod(text, &end);
    if (*text == '\0' || *end != '\0' || !(amount >= least)) {
        errx(2, "%s: not a number from %g up", text, least);
    }
    return amount;
}

/* Returns which of the words `text` is; the last of them is NULL. */
static int parse_word(const char *text, const char *const *words)
{
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(text, words[i]) == 0) {
            return i;
        }
    }
    errx(2, "%s: no such choice\n%s", text, usage);
}

static void parse_one(struct load_options *options, int name)
{
    static const char *const transports[] = { "tcp", "ws", NULL };
    static const char *const modes[] = { "closed", "rate", "idle", NULL };
    switch (name) {
    case 'a':
        options->address = address_parse(optarg);
        break;
    case 't':
        options->is_websocket = parse_word(optarg, transports) == 1;
        break;
    case 'T':
        options->is_tls = true;
        break;
    case 'm':
        options->mode = (enum load_mode)parse_word(optarg, modes);
        break;
    case 'u':
        options->users = parse_count(optarg, 1, 100000);
        break;
    case 'g':
        options->groups = parse_count(optarg, 1, 100000);
        break;
    case 'b':
        options->payload = parse_count(optarg, PAYLOAD_MIN, LOAD_PAYLOAD_MAX);
        break;
    case 'f':
        options->in_flight = parse_count(optarg, 1, 1000000);
        break;
    case 'd':
        options->deliveries_per_second = parse_amount(optarg, 1);
        break;
    case 's':
        options->seconds = parse_amount(optarg, 0.1);
        break;
    case 'w':
        options->warmup = parse_amount(optarg, 0);
        break;
    case 'n':
        options->joins = false;
        break;
    case 'r':
        options->users_per_address = parse_count(optarg, 1, 20000);
        break;
    case 'p':
        usage_add(&options->usage, (pid_t)parse_count(optarg, 1, INT32_MAX));
        break;
    default:
        errx(2, "%s", usage);
    }
}

struct load_options load_options_parse(int argc, char **argv)
{
    struct load_options options = {
        .joins = true, .users = 100, .groups = 1, .payload = 64,
        .in_flight = 64, .deliveries_per_second = 20000, .seconds = 3,
        .warmup = 1, .users_per_address = 500,
    };
    int name;
    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
        parse_one(&options, name);
    }
    if (optind < argc || options.address.sin_port == 0) {
        errx(2, "%s", usage);
    }
    if (options.users % options.groups != 0) {
        errx(2, "groups must be of the same size");
    }
    if (!options.joins && options.mode != LOAD_IDLE) {
        errx(2, "users who don't join can only be idle");
    }
    if (options.mode == LOAD_IDLE && options.users < 2) {
        errx(2, "idle compares the others with the first: at least 2 users");
    }
    return options;
}

/* SPDX-License-Identifier: MIT */
/* What a node writes into the key of its id, to know it again. */
#include "consul/mark.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cluster/cluster.h"
#include "consul/key.h"

static int make_uuid(char out[37])
{
    uint8_t b[16];
    int err = domi__random(b, sizeof(b));

    b[6] = (uint8_t)(0x40 | (b[6] & 0x0f));
    b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));
    snprintf(out, 37,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
             "%02x%02x%02x%02x%02x%02x",
             b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10],
             b[11], b[12], b[13], b[14], b[15]);
    return err;
}

int domi__consul_mark_init(struct domi__consul_mark *mark,
                           const struct domi__node *self)
{
    snprintf(mark->address, sizeof(mark->address), "%s:%d", self->host,
             self->http_port);
    return make_uuid(mark->uuid);
}

void domi__consul_mark_write(const struct domi__consul_mark *mark,
                             char out[DOMI__CONSUL_MARK_SIZE])
{
    char when[32];
    struct tm utc;
    time_t now = (time_t)(domi__clock_wall_ms() / 1000);

    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    snprintf(out, DOMI__CONSUL_MARK_SIZE, "%s %s %s", mark->uuid,
             mark->address, when);
}

bool domi__consul_mark_is_on(const struct domi__consul_mark *mark,
                             const struct domi__consul_key *key)
{
    size_t size = sizeof(mark->uuid) - 1;

    return key->exists && strncmp(key->value, mark->uuid, size) == 0 &&
           (key->value[size] == ' ' || key->value[size] == '\0');
}

bool domi__consul_mark_is_heir(const struct domi__consul_mark *mark,
                               const struct domi__consul_key *key)
{
    const char *theirs = strchr(key->value, ' ');
    size_t size = strlen(mark->address);

    return theirs && strncmp(theirs + 1, mark->address, size) == 0 &&
           theirs[1 + size] == ' ';
}

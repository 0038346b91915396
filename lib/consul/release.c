/* SPDX-License-Identifier: MIT */
/* The key of a node id, given back. */
#include "consul/release.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "consul/consul.h"
#include "consul/key.h"
#include "consul/mark.h"

/* NULL when the key is not to be deleted, or memory is short. */
static cJSON *deletion_of(const struct domi__consul_release *release,
                          const struct domi__consul_reply *reply)
{
    struct domi__consul_key key;
    cJSON *operations = NULL;
    char *name;

    if (domi__consul_key_read(&key, reply) &&
        domi__consul_mark_is_on(release->mark, &key) &&
        asprintf(&name, "%s%d", release->ask.consul->settings.prefix,
                 release->id) >= 0) {
        operations = domi__consul_key_delete(&key, name);
        free(name);
    }
    return operations;
}

static void on_reply(struct domi__consul_ask *ask,
                     const struct domi__consul_reply *reply)
{
    struct domi__consul_release *release =
        DOMI__CONTAINER(ask, struct domi__consul_release, ask);
    cJSON *operations = release->reads ? deletion_of(release, reply) : NULL;

    release->reads = false;
    if (operations) {
        domi__consul_ask_put(ask, operations, "/v1/txn");
    } else {
        release->on_done(release);
    }
}

void domi__consul_release_init(struct domi__consul_release *release,
                               struct domi__consul *consul,
                               const struct domi__consul_mark *mark,
                               const char *prefix)
{
    memset(release, 0, sizeof(*release));
    domi__consul_ask_init(&release->ask, consul, on_reply);
    release->mark = mark;
    release->prefix = prefix;
}

void domi__consul_release_start(struct domi__consul_release *release, int id)
{
    release->id = id;
    release->reads = true;
    domi__consul_ask_get(&release->ask, "/v1/kv/%s%d", release->prefix, id);
}

void domi__consul_release_stop(struct domi__consul_release *release)
{
    domi__consul_ask_stop(&release->ask);
}

/* SPDX-License-Identifier: MIT */
/* The search for a node id that nobody has. */
#include "consul/search.h"

#include <string.h>

#include "base/clock.h"
#include "consul/consul.h"
#include "consul/registration.h"

#define CHECKS "/v1/health/state/any?filter=ServiceID"

/* The filters of ask_services, escaped, behind "ServiceID". */
#define IS_WANTED "%%3D%%3D%%22%d%%22"
#define IS_THERE "%%21%%3D%%22%%22"
#define IS_FOREIGN                                                             \
    IS_THERE "%%20and%%20Notes%%21%%3D%%22" DOMI__CONSUL_CHECK_NOTES "%%22"

static unsigned chance(void)
{
    unsigned number = 0;

    /* Without it all nodes try the first, which works, if slowly. */
    domi__random(&number, sizeof(number));
    return number;
}

static void ask_services(struct domi__consul_search *search)
{
    if (search->wanted >= 0) {
        domi__consul_ask_get(&search->ask, CHECKS IS_WANTED, search->wanted);
    } else if (search->reserves) {
        domi__consul_ask_get(&search->ask, CHECKS IS_THERE);
    } else {
        domi__consul_ask_get(&search->ask, CHECKS IS_FOREIGN);
    }
}

void domi__consul_search_next(struct domi__consul_search *search)
{
    if (!search->looked) {
        ask_services(search);
    } else if (search->wanted >= 0) {
        search->on_found(search, search->wanted);
    } else if (search->reserves) {
        domi__consul_ask_get(&search->ask, "/v1/kv/%s?recurse", search->prefix);
    } else {
        domi__consul_ask_get(&search->ask, "/v1/kv/%s?keys", search->prefix);
    }
}

/* Each of these returns false for an answer that says nothing. A 404 is a
   prefix without keys. */
static bool read_services(struct domi__consul_search *search,
                          const struct domi__consul_reply *reply)
{
    if (reply->status != 200 ||
        !domi__consul_ids_read_services(&search->services, reply->json,
                                        DOMI__CONSUL_CHECK_NOTES)) {
        return false;
    }
    search->looked = true;
    domi__consul_search_next(search);
    return true;
}

static bool read_keys(struct domi__consul_search *search,
                      const struct domi__consul_reply *reply)
{
    struct domi__consul_ids keys = {0};
    int id;

    if (reply->status != 404 &&
        (reply->status != 200 ||
         !domi__consul_ids_read_keys(&keys, reply->json,
                                     search->ask.consul->settings.prefix))) {
        return false;
    }
    id = domi__consul_ids_pick(NULL, &keys, &search->services.foreign,
                               chance());
    if (id >= 0) {
        search->on_found(search, id);
    } else {
        search->reserves = true;
        search->looked = false;
        domi__consul_search_next(search);
    }
    return true;
}

static bool read_reserves(struct domi__consul_search *search,
                          const struct domi__consul_reply *reply)
{
    struct domi__consul_ids reserves = {0};

    if (reply->status != 404 &&
        (reply->status != 200 ||
         !domi__consul_ids_read_reserves(
             &reserves, reply->json, search->ask.consul->settings.prefix))) {
        return false;
    }
    search->on_found(search,
                     domi__consul_ids_pick(&reserves, &search->services.all,
                                           &search->services.all, chance()));
    return true;
}

static void on_reply(struct domi__consul_ask *ask,
                     const struct domi__consul_reply *reply)
{
    struct domi__consul_search *search =
        DOMI__CONTAINER(ask, struct domi__consul_search, ask);
    bool understood;

    if (!search->looked) {
        understood = read_services(search, reply);
    } else if (search->reserves) {
        understood = read_reserves(search, reply);
    } else {
        understood = read_keys(search, reply);
    }
    if (!understood) {
        search->on_failed(search, reply);
    }
}

void domi__consul_search_init(struct domi__consul_search *search,
                              struct domi__consul *consul, const char *prefix)
{
    memset(search, 0, sizeof(*search));
    domi__consul_ask_init(&search->ask, consul, on_reply);
    search->prefix = prefix;
    search->wanted = -1;
}

void domi__consul_search_begin(struct domi__consul_search *search, int wanted)
{
    search->wanted = wanted;
    search->looked = false;
    search->reserves = false;
}

void domi__consul_search_stop(struct domi__consul_search *search)
{
    domi__consul_ask_stop(&search->ask);
}

/* SPDX-License-Identifier: MIT */
/*
 * Which gateways a zone trusts, and with which users.
 *
 * A gateway says hello with a challenge, is answered with the zone's proof, and
 * proves itself. Until then nothing of the zone, its workers or its groups is
 * touched. It fails by the first other frame, a wrong proof, or silence.
 */
#include <inttypes.h>
#include <string.h>

#include "zone/state.h"

static void distrust(struct domi__zone_link *link, enum domi_reason reason)
{
    struct domi_zone *zone = link->session.arg;
    char address[DOMI__ADDRESS_SIZE];

    domi__session_address(&link->session, address, sizeof(address));
    domi__log_peer(&zone->log, DOMI_LOG_WARNING, "link %" PRIx64 " from %s: %s",
                   link->session.id, address, domi_reason_text(reason));
    domi__session_close(&link->session, reason);
}

static void on_time(struct domi__timer *timer)
{
    distrust(DOMI__CONTAINER(timer, struct domi__zone_link, proof),
             DOMI_REASON_NO_PROOF);
}

void domi__zone_trust_begin(struct domi__zone_link *link)
{
    const struct domi_zone *zone = link->session.arg;

    link->trusted = !zone->options.cluster_key ||
                    link->session.transport->in_process;
    if (!link->trusted) {
        domi__timer_start(zone->loop, &link->proof, zone->limits.handshake_ms,
                          on_time);
    }
}

/* The zone proves itself first, so that a gateway never tells a stranger who
   its users are. */
static void on_hello(struct domi__zone_link *link,
                     const struct domi_frame *frame)
{
    const struct domi_zone *zone = link->session.arg;
    const struct domi__cluster_keys keys = domi__zone_keys(zone);
    struct domi__talk *talk = &link->talk;
    uint8_t data[DOMI__ANSWER_MAX];
    uint32_t size = 0;

    if (frame->data_size < DOMI__WORD_SIZE) {
        distrust(link, DOMI_REASON_NO_PROOF);
        return;
    }
    if (frame->data_size != DOMI__WORD_SIZE ||
        domi_get_u64(frame->extend + 8) != DOMI__HELLO_GROUP ||
        !domi__zone_trust_hello(link, frame->data)) {
        distrust(link, DOMI_REASON_BAD_BODY);
        return;
    }
    talk->link = link->session.id;
    memcpy(talk->hello, frame->data, DOMI__WORD_SIZE);
    if (!domi__word_put(talk->answer,
                        domi_get_u32(frame->data + 4) & DOMI__ZONE_FEATURES,
                        (uint64_t)zone->membership.self.id)) {
        size = domi__talk_answer(talk, &keys, data);
    }
    if (size == 0) {
        domi__session_close(&link->session, DOMI_REASON_MEMORY);
        return;
    }
    link->greeted = true;
    domi__session_send(&link->session, DOMI__FRAME_HELLO_ANSWER, data, size,
                       NULL, 0);
}

bool domi__zone_trust_frame(struct domi__zone_link *link,
                            const struct domi_frame *frame)
{
    const struct domi_zone *zone = link->session.arg;
    const struct domi__cluster_keys keys = domi__zone_keys(zone);

    if (frame->type == DOMI__FRAME_HELLO && !link->greeted) {
        on_hello(link, frame);
        return false;
    }
    if (frame->type != DOMI__FRAME_PROVE || !link->greeted) {
        distrust(link, DOMI_REASON_NO_PROOF);
        return false;
    }
    if (!domi__talk_is_proven(&link->talk, &keys, frame->data)) {
        distrust(link, DOMI_REASON_BAD_PROOF);
        return false;
    }
    link->trusted = true;
    link->session.limits = &zone->limits;
    domi__timer_stop(&link->proof);
    return true;
}

bool domi__zone_trust_hello(struct domi__zone_link *link, const uint8_t *hello)
{
    return !(domi_get_u32(hello + 4) & DOMI__FEATURE_NODES) ||
           domi__zone_trust_nodes(link, hello + 8, 8);
}

bool domi__zone_trust_nodes(struct domi__zone_link *link, const uint8_t *ids,
                            uint32_t size)
{
    for (uint32_t at = 0; at < size; at += 8) {
        uint64_t node = domi_get_u64(ids + at);

        if (node > DOMI__NODE_ID_MAX) {
            return false;
        }
        domi__node_set_add(&link->nodes, (unsigned)node);
    }
    return true;
}

/* SPDX-License-Identifier: MIT */
/* Scripts that fuzzing begins with: each shows one way of a node's life. */
#include "seeds.h"

#include <stdio.h>
#include <string.h>

#include "../frame/golden.h"
#include "gateway_app.h"
#include "zone_app.h"

static uint8_t script[65536];
static size_t size;

/* ---- the words of scripts ------------------------------------------------ */

static void begin(uint8_t options)
{
    size = 0;
    script[size++] = options;
}

static void byte(unsigned value)
{
    script[size++] = (uint8_t)value;
}

static void u16(unsigned value)
{
    byte(value & 0xff);
    byte(value >> 8);
}

static void act(unsigned number, unsigned argument)
{
    byte(number);
    byte(argument);
}

static void turns(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        byte(ACT_TURN);
    }
}

/* Parts of data and extend; the leads of numbers are those of script.h. */
static void known(unsigned place)
{
    act(0, place);
}

static void small(unsigned number)
{
    act(0, 64 + number);
}

static void two(unsigned number)
{
    byte(1);
    u16(number);
}

static void text(const char *bytes)
{
    act(2, (unsigned)strlen(bytes));
    for (; *bytes; bytes++) {
        byte((uint8_t)*bytes);
    }
}

static void fill(unsigned count)
{
    byte(3);
    u16(count);
}

static void frame(unsigned peer, unsigned type)
{
    act(ACT_FRAME, peer);
    byte(type);
}

/* A frame without data and extend. */
static void bare(unsigned peer, unsigned type)
{
    frame(peer, type);
    byte(0);
    byte(0);
}

static void raw(unsigned peer, const void *bytes, size_t count)
{
    act(ACT_RAW, peer);
    byte((unsigned)count);
    memcpy(script + size, bytes, count);
    size += count;
}

static void end(const char *target, const char *name)
{
    turns(3);
    seed_write(target, name, script, size);
}

/* ---- golden frames ------------------------------------------------------- */

static void golden(const char *target, const char *name, const char *hex)
{
    uint8_t bytes[256];
    size_t count = seed_hex(bytes, hex);

    begin(0);
    act(ACT_CONNECT, 1);
    turns(2);
    raw(0, bytes, count);
    end(target, name);
}

static void write_golden(void)
{
    for (size_t i = 0; i < sizeof(golden_hostile) / sizeof(golden_hostile[0]);
         i++) {
        const char *name = golden_hostile[i].name;
        const char *hex = golden_hostile[i].hex;

        if (golden_hostile[i].direction == DOMI__GATEWAY_TO_ZONE) {
            golden("zone", name, hex);
        } else {
            golden("gateway", name, hex);
            golden("node", name, hex);
        }
    }
    for (size_t i = 0; i < sizeof(golden_frames) / sizeof(golden_frames[0]);
         i++) {
        if (golden_frames[i].direction == DOMI__GATEWAY_TO_ZONE) {
            golden("zone", golden_frames[i].name, golden_frames[i].hex);
        }
    }
}

/* ---- a gateway ----------------------------------------------------------- */

/* The ids that are known once a user has joined, from the newest on: what the
   hello's first half looks like, the link's, the user's. */
enum { HELLO, LINK, USER };

#define GROUP 3u

static void ask_join(unsigned peer, unsigned group)
{
    frame(peer, ASK_JOIN);
    byte(2);
    small(group);
    byte(2), byte(1), byte(0); /* a string of one zero: the first service */
    byte(0);
}

/* Peer 0 is a user, peer 1 the zone that its group is in. */
static void begin_joined(uint8_t options)
{
    begin(options);
    act(ACT_CONNECT, 1);
    turns(2);
    ask_join(0, GROUP);
    turns(3);
    act(ACT_GREET, 1);
    act(128, 5); /* a new number: the link's id */
    turns(3);
}

static void hello_answer(unsigned peer, unsigned node)
{
    frame(peer, DOMI__FRAME_HELLO_ANSWER);
    byte(5);
    two(1), two(0), two(7), two(0), small(node);
    byte(0);
    turns(1);
}

static void joined(void)
{
    frame(1, DOMI__FRAME_JOINED);
    byte(1), known(USER);
    byte(1), small(GROUP);
    turns(1);
}

static void to_group(unsigned type, const char *bytes)
{
    frame(0, DOMI__FRAME_TO_ZONE);
    byte(1), text(bytes);
    byte(3), known(LINK), small(GROUP), two(type);
    turns(1);
}

static void zone_sends(unsigned type, bool has_user)
{
    frame(1, type);
    byte(1), text("hello");
    byte(2 + has_user);
    if (has_user) {
        known(USER);
    }
    small(GROUP), two(51);
    turns(1);
}

static void users_left(unsigned type, unsigned reason)
{
    frame(1, type);
    byte(1), known(USER);
    byte(2), small(GROUP), two(reason);
    turns(1);
}

static void group_closed(unsigned reason)
{
    frame(1, DOMI__FRAME_GROUP_CLOSED);
    byte(0);
    byte(2), small(GROUP), two(reason);
    turns(1);
}

static void write_talk(void)
{
    begin_joined(0);
    hello_answer(1, 2);
    joined();
    to_group(51, "hi");
    zone_sends(DOMI__FRAME_BROADCAST, false);
    zone_sends(DOMI__FRAME_BROADCAST_EXCEPT, true);
    zone_sends(DOMI__FRAME_TO_USERS, true);
    bare(1, DOMI__FRAME_HEARTBEAT);
    bare(0, DOMI__FRAME_HEARTBEAT);
    frame(0, DOMI__FRAME_PING);
    byte(1), text("ping");
    byte(0);
    turns(1);
    end("gateway", "talk");
}

static void write_ends(void)
{
    begin_joined(0);
    joined();
    users_left(DOMI__FRAME_LEFT, DOMI_REASON_KICKED);
    end("gateway", "kicked");

    begin_joined(0);
    joined();
    group_closed(DOMI_REASON_DRAINING);
    end("gateway", "group-drained");

    begin_joined(0);
    joined();
    act(ACT_CLOSE, 1);
    act(ACT_WAIT, 3);
    act(ACT_WAIT, 60);
    end("gateway", "zone-lost");

    begin_joined(0);
    joined();
    frame(0, ASK_LEAVE);
    byte(2), known(LINK), small(GROUP);
    byte(0);
    to_group(51, "late");
    end("gateway", "left");

    begin_joined(0);
    joined();
    act(ACT_WAIT, 110);
    end("gateway", "silent");

    begin_joined(64);
    joined();
    byte(ACT_OWN + GATEWAY_ACT_DRAIN);
    act(ACT_WAIT, 20);
    end("gateway", "drain");
}

static void write_asks(void)
{
    begin_joined(2 | 1 << 2);
    frame(0, ASK_ECHO);
    byte(2), text("\xff"), fill(900);
    byte(0);
    act(ACT_DEAF, 0);
    frame(0, ASK_ECHO);
    byte(2), text("\xff"), fill(900);
    byte(0);
    turns(2);
    act(ACT_DEAF, 0);
    turns(4);
    end("gateway", "deaf-user");

    begin_joined(16);
    act(ACT_DEAF, 1);
    for (unsigned i = 0; i < 40; i++) {
        frame(0, DOMI__FRAME_TO_ZONE);
        byte(1), fill(900);
        byte(3), known(LINK), small(GROUP), two(51);
        turns(1);
    }
    act(ACT_DEAF, 1);
    turns(4);
    end("gateway", "deaf-zone");

    begin_joined(0);
    frame(0, ASK_ZONE);
    byte(3), known(LINK), small(GROUP), text("word");
    byte(0);
    frame(0, ASK_KICK);
    byte(1), text("\x04 bye");
    byte(0);
    end("gateway", "kick");

    begin(0);
    act(ACT_OWN + GATEWAY_ACT_VERDICT, DOMI_LATER);
    act(ACT_CONNECT, 1);
    turns(2);
    bare(0, ASK_LATER);
    turns(1);
    byte(ACT_OWN + GATEWAY_ACT_ANSWER);
    byte(0), byte(0);
    turns(2);
    end("gateway", "accepted-later");

    begin(0);
    act(ACT_OWN + GATEWAY_ACT_VERDICT, DOMI_REFUSE);
    act(ACT_CONNECT, 1);
    end("gateway", "refused");

    begin(0);
    act(ACT_WORLD, 1);
    act(ACT_CONNECT, 1);
    turns(2);
    ask_join(0, GROUP);
    turns(2);
    act(ACT_WAIT, 60);
    end("gateway", "no-zone");
}

/* With a registry that is watched: both zones of the service are dialled. */
static void write_placed(void)
{
    begin_joined(1);
    act(ACT_GREET, 2);
    act(128, 6);
    turns(2);
    hello_answer(1, 1);
    hello_answer(2, 2);
    for (unsigned peer = 1; peer <= 2; peer++) {
        frame(peer, DOMI__FRAME_LOAD);
        byte(4), two(20), two(peer == 2), two(7), two(0);
        byte(0);
        frame(peer, DOMI__FRAME_GROUPS);
        byte(1), small(40 + peer);
        byte(0);
        bare(peer, DOMI__FRAME_GROUPS_END);
    }
    turns(3);
    frame(1, DOMI__FRAME_PLACED);
    byte(2), small(GROUP), small(1);
    byte(0);
    turns(3);
    ask_join(0, 41);
    turns(2);
    act(ACT_OWN + GATEWAY_ACTS, 1); /* the second node drains */
    byte(3);
    ask_join(0, 9);
    turns(2);
    act(ACT_OWN + GATEWAY_ACTS, 0); /* the first is gone */
    byte(0);
    turns(2);
    act(ACT_WAIT, 60);
    end("gateway", "placed");
}

/* ---- a zone -------------------------------------------------------------- */

/* A frame of user 7 to group 3, or of what is last known. */
static void ask_group(unsigned type, unsigned user, const char *bytes)
{
    frame(0, type);
    byte(2), small(user), text(bytes);
    byte(2), small(7), small(GROUP);
    turns(1);
}

static void say_hello(unsigned peer)
{
    frame(peer, DOMI__FRAME_HELLO);
    byte(5), two(1), two(0), two(7), two(0), small(9);
    byte(2), small(0), byte(0), byte(255);
    turns(1);
}

static void begin_group(uint8_t options)
{
    begin(options);
    act(ACT_CONNECT, 1);
    turns(2);
    say_hello(0);
    ask_group(GROUP_ADD, 7, "");
    ask_group(GROUP_ADD, 8, "");
}

static void write_zone(void)
{
    begin_group(0);
    for (unsigned type = GROUP_SAY; type <= GROUP_FLOOD; type++) {
        ask_group(type, 7, "abc");
        act(ACT_WAIT, 2);
    }
    end("zone", "asks");

    begin_group(0);
    frame(0, DOMI__FRAME_USERS_GONE);
    byte(2), small(7), small(8);
    byte(1), two(DOMI_REASON_LEFT);
    turns(2);
    end("zone", "users-gone");

    begin_group(0);
    frame(0, DOMI__FRAME_USER_LEAVE);
    byte(1), known(0);
    byte(2), small(7), small(GROUP);
    turns(2);
    end("zone", "user-leave");

    begin_group(0);
    frame(0, DOMI__FRAME_PLACE);
    byte(3), small(12), small(1), byte(0), byte(255);
    byte(0);
    turns(2);
    act(ACT_WAIT, 110);
    end("zone", "place");

    begin_group(2);
    byte(ACT_OWN + ZONE_ACT_DRAIN);
    act(ACT_WAIT, 20);
    act(ACT_WAIT, 20);
    end("zone", "drain");

    begin_group(1);
    act(ACT_DEAF, 0);
    for (unsigned i = 0; i < 8; i++) {
        frame(0, GROUP_FLOOD);
        byte(2), text("\xff"), fill(900);
        byte(2), small(7), small(GROUP);
    }
    turns(4);
    end("zone", "deaf-gateway");

    begin_group(0);
    act(ACT_CONNECT, 1);
    turns(2);
    say_hello(1);
    say_hello(1);
    act(ACT_OWN + ZONE_ACT_POST, 64 + GROUP);
    byte(GROUP_SAY);
    byte(2), byte('o'), byte('k');
    end("zone", "two-hellos");
}

/* ---- both ---------------------------------------------------------------- */

/* A user of both: what is known is its id and the link's. */
static void tell(unsigned peer, unsigned type, const char *bytes)
{
    frame(peer, DOMI__FRAME_TO_ZONE);
    byte(2), known(1), text(bytes);
    byte(3), known(0), small(GROUP), two(type);
    turns(2);
}

static void begin_members(uint8_t options)
{
    begin(options);
    act(ACT_CONNECT, 1);
    turns(2);
    ask_join(0, GROUP);
    turns(3);
}

/* More than the ring of its worker takes in one turn. */
static void say_much(unsigned peer)
{
    for (unsigned i = 0; i < 8; i++) {
        frame(peer, GROUP_SAY);
        byte(1), fill(900);
        byte(2), small(7), small(GROUP);
    }
}

static void write_busy(void)
{
    begin_group(0);
    say_much(0);
    frame(0, DOMI__FRAME_USERS_GONE);
    byte(1), small(8);
    byte(1), two(DOMI_REASON_LEFT);
    turns(8);
    end("zone", "busy");

    begin_group(0);
    act(ACT_CONNECT, 1);
    say_much(0);
    turns(1);
    act(ACT_CONNECT, 1);
    say_hello(1);
    say_hello(2);
    act(ACT_CLOSE, 1);
    turns(8);
    end("zone", "busy-links");
}

/* Each allocation in turn fails. */
static void write_shortages(void)
{
    for (unsigned nth = 1; nth <= 40; nth++) {
        char name[32];

        snprintf(name, sizeof(name), "shortage-%u", nth);
        begin(0);
        act(ACT_WORLD, 4);
        byte(nth);
        act(ACT_CONNECT, 1);
        turns(2);
        say_hello(0);
        ask_group(GROUP_ADD, 7, "");
        ask_group(GROUP_SAY, 7, "word");
        end("zone", name);

        begin(1);
        act(ACT_WORLD, 4);
        byte(nth);
        act(ACT_CONNECT, 1);
        turns(2);
        ask_join(0, GROUP);
        turns(3);
        act(ACT_GREET, 1);
        act(128, 5);
        turns(3);
        hello_answer(1, 2);
        joined();
        zone_sends(DOMI__FRAME_BROADCAST, false);
        end("gateway", name);

        begin(0);
        act(ACT_WORLD, 4);
        byte(nth);
        act(ACT_CONNECT, 1);
        turns(2);
        ask_join(0, GROUP);
        turns(3);
        end("node", name);

        begin(0);
        act(ACT_WORLD, 4);
        byte(nth);
        act(ACT_CONNECT, 1);
        turns(3);
        bare(0, DOMI__FRAME_HEARTBEAT);
        end("web", name);
    }
}

static void write_node(void)
{
    begin_members(0);
    for (unsigned type = GROUP_SAY; type <= GROUP_FLOOD; type++) {
        if (type < ASK_LEAVE || type > ASK_LATER) {
            tell(0, type, "abc");
        }
        act(ACT_WAIT, 2);
    }
    end("node", "asks");

    begin_members(4 | 1 << 3);
    act(ACT_DEAF, 0);
    for (unsigned i = 0; i < 8; i++) {
        frame(0, DOMI__FRAME_TO_ZONE);
        byte(2), text("\xff"), fill(1900);
        byte(3), known(0), small(GROUP), two(GROUP_FLOOD);
        turns(1);
    }
    act(ACT_DEAF, 0);
    end("node", "deaf-user");

    begin_members(2 | 128);
    byte(ACT_OWN + GATEWAY_ACTS + ZONE_ACT_DRAIN);
    act(ACT_WAIT, 20);
    byte(ACT_OWN + GATEWAY_ACT_DRAIN);
    act(ACT_WAIT, 20);
    end("node", "drains");

    begin_members(0);
    act(ACT_CLOSE, 0);
    end("node", "gone");
}

/* ---- the HTTP port ------------------------------------------------------- */

#define HEAD(line) line " HTTP/1.1\r\nHost: localhost\r\n"

static void ask_web(uint8_t options, const char *name, const char *request)
{
    begin(options);
    act(ACT_CONNECT, 0);
    turns(1);
    raw(0, request, strlen(request));
    turns(2);
    end("web", name);
}

static void write_web(void)
{
    ask_web(0, "health", HEAD("GET /1000/status") "\r\n");
    ask_web(0, "nothing", HEAD("GET /") "\r\n" HEAD("GET /a") "\r\n");
    ask_web(0, "head", HEAD("HEAD /health") "\r\n");
    ask_web(0, "no-upgrade", HEAD("GET /ws") "\r\n");
    ask_web(0, "exit", HEAD("POST /0/exit") "\r\n");
    ask_web(8, "exit-token",
            HEAD("POST /0/exit") "X-Domi-Token: secret\r\n\r\n");
    ask_web(8, "exit-bearer",
            HEAD("POST /0/exit") "Authorization: Bearer secret\r\n\r\n");
    ask_web(8, "exit-no-token", HEAD("POST /0/exit") "\r\n");
    ask_web(0, "rubbish", "\x16\x03\x01\x02");

    begin(0);
    act(ACT_CONNECT, 1);
    turns(3);
    bare(0, DOMI__FRAME_HEARTBEAT);
    turns(2);
    frame(0, ASK_ECHO);
    byte(1), text("\x03 echo");
    byte(0);
    turns(2);
    raw(0, "\x89\x82\0\0\0\0hi", 8);
    turns(2);
    raw(0, "\x88\x82\0\0\0\0\x03\xe8", 8);
    end("web", "session");

    begin(0);
    act(ACT_CONNECT, 1);
    turns(3);
    raw(0, "\x82\x84\0\0\0\0\xfb\x08\0\0", 10); /* the magic again */
    end("web", "no-frame");

    begin(0);
    act(ACT_CONNECT, 1);
    turns(3);
    raw(0, "\x82\x89\0\0\0\0\x08\0\0\0\0\0\x01\0\0", 15);
    end("web", "more-than-a-frame");

    begin(0);
    act(ACT_CONNECT, 0);
    raw(0, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
           "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 142);
    turns(3);
    raw(0, "\x82\x83\0\0\0\0" "abc", 9);
    end("web", "no-magic");

    begin(0);
    act(ACT_OWN + GATEWAY_ACT_VERDICT, DOMI_LATER);
    act(ACT_CONNECT, 1);
    bare(0, ASK_JOIN);
    turns(3);
    byte(ACT_OWN + GATEWAY_ACT_ANSWER);
    byte(0), byte(0);
    end("web", "accepted-later");

    begin(1 | 1 << 1);
    act(ACT_CONNECT, 1);
    turns(3);
    act(ACT_DEAF, 0);
    for (unsigned i = 0; i < 4; i++) {
        frame(0, ASK_ECHO);
        byte(2), text("\xff"), fill(900);
        byte(0);
    }
    turns(4);
    act(ACT_WAIT, 110);
    end("web", "deaf");

    begin(0);
    act(ACT_CONNECT, 1);
    act(ACT_CONNECT, 0);
    turns(3);
    act(ACT_WAIT, 60);
    byte(ACT_OWN + GATEWAY_ACT_DRAIN);
    act(ACT_WAIT, 30);
    end("web", "drain");
}

void seeds_write_scripts(void)
{
    write_golden();
    write_talk();
    write_ends();
    write_asks();
    write_placed();
    write_zone();
    write_busy();
    write_node();
    write_web();
    write_shortages();
}

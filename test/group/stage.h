/* SPDX-License-Identifier: MIT */
/* A host without threads: what happens on it is written down as a script. */
#ifndef TEST_GROUP_STAGE_H
#define TEST_GROUP_STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "group/group.h"

/*
 * The script has one line for each callback and each effect, in the order in
 * which they came, such as "join 7" or "broadcast 666/51 hello -> 0 1". Each
 * stage_expect takes everything that was written since the last.
 */
struct stage {
    struct domi__group_host *host;
    uint64_t now_ns;
    uint8_t *record;
    size_t record_size;
    size_t largest; /* effect so far, bytes */
    char *script;
    size_t size;
    int refuse;      /* on_group returns this */
    bool close_new;  /* on_group closes the group that it makes */
    bool directory;  /* groups that open and close are written down as well */
    void (*setup)(struct stage *stage, struct domi_group *group);
};

/* A host with this frame limit; a new group gets the callbacks of
   stage_watch. */
void stage_init(struct stage *stage, uint32_t frame_limit);
void stage_fini(struct stage *stage);

/* Writes a line of the script. */
void stage_say(struct stage *stage, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Fails unless exactly these lines, each with a newline, were written. */
#define stage_expect(stage, lines)                                             \
    stage_expect_at(stage, lines, __FILE__, __LINE__)
void stage_expect_at(struct stage *stage, const char *lines, const char *file,
                     int line);

/* Forgets what was written. */
void stage_forget(struct stage *stage);

/* Callbacks for joining, leaving and closing that write down what they get. */
void stage_watch(struct stage *stage, struct domi_group *group);

/* A group of the host, opened, watched, and with a handler for type 51. */
struct domi_group *stage_group(struct stage *stage, uint64_t id);

/* Runs `play` in a callback of the group: a frame of type 60. */
typedef void (*stage_fn)(struct stage *stage, struct domi_group *group);
void stage_play(struct stage *stage, uint64_t group, stage_fn play);

/* A frame with this text. */
void stage_frame(struct stage *stage, uint32_t link, uint64_t user,
                 uint64_t group, uint16_t type, const char *text);

/* A user behind the link of index `link`, whose id is 1000 + link. */
static inline struct domi_user user_of(uint64_t id, uint32_t link)
{
    return (struct domi_user){id, 1000 + link};
}

/* For cmocka: a stage with three links, of which 0 and 1 know groups. */
int stage_set_up(void **state);
int stage_tear_down(void **state);

/* Adds 10 and 11 behind link 0, 20 behind 1, 30 and 31 behind 2. */
void stage_fill(struct stage *stage, struct domi_group *group);

/* The stage, with group 666 filled and the script forgotten. */
struct stage *stage_filled(void **state);

#endif

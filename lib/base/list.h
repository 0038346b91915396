/* SPDX-License-Identifier: MIT */
/* A doubly linked list whose nodes live in what they link. */
#ifndef DOMI_BASE_LIST_H
#define DOMI_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#define DOMI__CONTAINER(ptr, type, member)                                     \
    ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

struct domi__list {
    struct domi__list *next;
    struct domi__list *prev;
};

/* A list head, or a node that is in no list, points to itself. */
static inline void domi__list_init(struct domi__list *list)
{
    list->next = list;
    list->prev = list;
}

static inline bool domi__list_is_empty(const struct domi__list *list)
{
    return list->next == list;
}

/* Puts a node that is in no list at the end. */
static inline void domi__list_push(struct domi__list *list,
                                   struct domi__list *node)
{
    node->next = list;
    node->prev = list->prev;
    list->prev->next = node;
    list->prev = node;
}

/* Takes a node out of its list; harmless when it is in none. */
static inline void domi__list_remove(struct domi__list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    domi__list_init(node);
}

/* Takes the first node out; NULL when the list is empty. */
static inline struct domi__list *domi__list_pop(struct domi__list *list)
{
    struct domi__list *node = list->next;

    if (node == list) {
        return NULL;
    }
    domi__list_remove(node);
    return node;
}

/* Moves all nodes of `from` to the end of `to`. */
static inline void domi__list_move(struct domi__list *to,
                                   struct domi__list *from)
{
    struct domi__list *node;

    while ((node = domi__list_pop(from))) {
        domi__list_push(to, node);
    }
}

#endif

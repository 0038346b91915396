/* SPDX-License-Identifier: MIT */
/* Memory that is short when a script says so. */
#include "shortage.h"

#include <stdbool.h>
#include <stdlib.h>

#include "target.h"

unsigned shortage_in;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);

static bool is_short(void)
{
    return shortage_in > 0 && --shortage_in == 0;
}

void *__wrap_malloc(size_t size)
{
    return is_short() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return is_short() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return is_short() ? NULL : __real_realloc(memory, size);
}

char *__wrap_strdup(const char *text)
{
    return is_short() ? NULL : __real_strdup(text);
}

void *shortage_realloc(void *memory, size_t size)
{
    memory = __real_realloc(memory, size);
    CHECK(memory);
    return memory;
}

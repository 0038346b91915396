/* SPDX-License-Identifier: MIT */
/* How much of the machine's memory is in use. */
#include "base/memory_use.h"

#include <uv.h>

unsigned domi__memory_use(void)
{
    uint64_t total = uv_get_total_memory();
    uint64_t available = uv_get_free_memory();

    if (total == 0 || available > total) {
        return 0;
    }
    return (unsigned)((total - available) * 100 / total);
}

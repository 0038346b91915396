/* SPDX-License-Identifier: MIT */
/* The texts of error codes and reasons. */
#include "domi/err.h"
#include "domi/reason.h"

#include <uv.h>

const char *domi_strerror(int code)
{
    switch (code) {
    case 0:
        return "no error";
#define XX(name, number, text)                                                 \
    case number:                                                               \
        return text;
        DOMI_ERR_MAP(XX)
#undef XX
#define XX(name, text)                                                         \
    case UV_##name:                                                            \
        return text;
        UV_ERRNO_MAP(XX)
#undef XX
    default:
        return "unknown error";
    }
}

const char *domi_err_name(int code)
{
    switch (code) {
#define XX(name, number, text)                                                 \
    case number:                                                               \
        return #name;
        DOMI_ERR_MAP(XX)
#undef XX
#define XX(name, text)                                                         \
    case UV_##name:                                                            \
        return #name;
        UV_ERRNO_MAP(XX)
#undef XX
    default:
        return "unknown";
    }
}

const char *domi_reason_text(unsigned reason)
{
    switch (reason) {
#define XX(name, number, text)                                                 \
    case number:                                                               \
        return text;
        DOMI_REASON_MAP(XX)
#undef XX
    default:
        return "unknown reason";
    }
}

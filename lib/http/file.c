/* SPDX-License-Identifier: MIT */
/*
 * Static files below one folder.
 *
 * A path is walked a segment at a time, from the folder's descriptor on,
 * without following symbolic links, so that nothing outside can be reached
 * whatever the path says; openat2 would do the same in one call, but not on
 * every kernel.
 */
#include "http/http.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#define SEGMENTS_MAX 32

int domi__http_root_open(const char *folder)
{
    int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? uv_translate_sys_error(errno) : fd;
}

static const char *content_type(const char *name)
{
    static const struct {
        const char *ending;
        const char *type;
    } types[] = {
        {"html", "text/html; charset=utf-8"},
        {"css", "text/css; charset=utf-8"},
        {"js", "text/javascript; charset=utf-8"},
        {"mjs", "text/javascript; charset=utf-8"},
        {"json", "application/json"},
        {"svg", "image/svg+xml"},
        {"png", "image/png"},
        {"ico", "image/x-icon"},
        {"txt", "text/plain; charset=utf-8"},
        {"woff2", "font/woff2"},
    };
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(dot + 1, types[i].ending) == 0) {
            return types[i].type;
        }
    }
    return "application/octet-stream";
}

static int status_of(int error)
{
    switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return 503;
    case EACCES:
    case EPERM:
        return 403;
    default:
        return 404;
    }
}

/* One step down from `at`, which is closed unless it is the root. Returns the
   new descriptor, or -1 with errno set. */
static int step(int root, int at, const char *name, int flags)
{
    int fd = openat(at, name, flags | O_NOFOLLOW | O_CLOEXEC);
    int error = errno;

    if (at != root) {
        close(at);
    }
    errno = error;
    return fd;
}

/* The descriptor that the path leads to, or minus a status. */
static int walk(int root, const char *path, char *name)
{
    int at = root;

    for (int i = 0; i < SEGMENTS_MAX; i++) {
        size_t size;
        bool last;

        path += strspn(path, "/");
        size = strcspn(path, "/");
        last = path[size] == '\0';
        if (size == 0) {
            snprintf(name, NAME_MAX + 1, "index.html");
        } else if (size > NAME_MAX || path[0] == '.') {
            break;
        } else {
            memcpy(name, path, size);
            name[size] = '\0';
        }
        path += size;
        /* Not blocking, or a FIFO would hold up the loop. */
        at = step(root, at, name,
                  last ? O_RDONLY | O_NONBLOCK : O_PATH | O_DIRECTORY);
        if (at < 0) {
            return -status_of(errno);
        }
        if (last) {
            return at;
        }
    }
    if (at != root) {
        close(at);
    }
    return -404;
}

int domi__http_file_open(int root, const char *path,
                         struct domi__http_file *file)
{
    char name[NAME_MAX + 1];
    struct stat stat;
    int fd = walk(root, path, name);

    if (fd < 0) {
        return -fd;
    }
    if (fstat(fd, &stat) || !S_ISREG(stat.st_mode)) {
        close(fd);
        return 404;
    }
    if (stat.st_size > (off_t)DOMI__HTTP_FILE_LIMIT) {
        close(fd);
        return 403;
    }
    file->fd = fd;
    file->size = (uint64_t)stat.st_size;
    file->content_type = content_type(name);
    snprintf(file->etag, sizeof(file->etag),
             "\"%" PRIx64 ".%" PRIx64 ".%" PRIx64 "\"",
             (uint64_t)stat.st_mtim.tv_sec, (uint64_t)stat.st_mtim.tv_nsec,
             file->size);
    return 200;
}

bool domi__http_file_is_known(const struct domi__http_file *file,
                              const char *if_none_match)
{
    return if_none_match && (strcmp(if_none_match, "*") == 0 ||
                             strstr(if_none_match, file->etag) != NULL);
}

/* SPDX-License-Identifier: MIT */
/* Runs a target on files, where there is no libFuzzer to do it. */
#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "target.h"

static size_t replayed;

static void replay_file(const char *path)
{
    static uint8_t bytes[1 << 20];
    FILE *file = fopen(path, "rb");
    size_t size;

    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    size = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    /* The last line that is seen when the target breaks. */
    printf("%s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(bytes, size);
    replayed++;
}

static void replay_folder(const char *path)
{
    struct dirent **names;
    int count = scandir(path, &names, NULL, alphasort);

    for (int i = 0; i < count; i++) {
        char name[4096];

        if (names[i]->d_name[0] != '.') {
            snprintf(name, sizeof(name), "%s/%s", path, names[i]->d_name);
            replay_file(name);
        }
        free(names[i]);
    }
    if (count >= 0) {
        free(names);
    }
}

/* A folder that is not there has no files, as that of a target's crashes. */
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        replay_folder(argv[i]);
    }
    printf("%zu inputs\n", replayed);
    return replayed > 0 ? 0 : 1;
}

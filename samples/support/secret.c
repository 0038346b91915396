/* SPDX-License-Identifier: MIT */
/* Secrets in files, so that no command line shows them. */
#include "support/secret.h"

#include <stdio.h>
#include <string.h>

#define LINE_MAX_SIZE 1000

char *secret_read(const char *path)
{
    char text[LINE_MAX_SIZE + 2];
    FILE *file = fopen(path, "re");
    size_t size;

    if (!file) {
        return NULL;
    }
    size = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    if (size > 0 && text[size - 1] == '\n') {
        size--;
    }
    text[size] = '\0';
    if (size == 0 || size > LINE_MAX_SIZE || strlen(text) != size ||
        strchr(text, '\n')) {
        return NULL;
    }
    return strdup(text);
}

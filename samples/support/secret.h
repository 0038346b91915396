/* SPDX-License-Identifier: MIT */
/* Secrets in files, so that no command line shows them. */
#ifndef SUPPORT_SECRET_H
#define SUPPORT_SECRET_H

/* The one line of a file, without its end; to be freed. NULL when the file
   cannot be read, is empty, or holds more than a line of 1,000 bytes. */
char *secret_read(const char *path);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What differs between the systems altmig runs on. Everything else of the core is POSIX.
 */
#ifndef ALTMIG_BASE_OS_H
#define ALTMIG_BASE_OS_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/* Device numbers, taken apart and put together. */
unsigned am_os_major(dev_t device);
unsigned am_os_minor(dev_t device);
dev_t am_os_device(unsigned major_number, unsigned minor_number);

/* chroot(2), which POSIX dropped. 0, or -1 with errno set; usable between fork and exec. */
int am_os_chroot(const char *path);

/* Marks every descriptor from `low` on as close-on-exec; usable between fork and exec. */
void am_os_cloexec_from(int low);

/*
 * Opens a directory, no link, to look for names in it and to ask what it is: it need not be
 * readable. The descriptor, or -1 with errno.
 */
int am_os_open_directory(int at, const char *name);

/*
 * Takes an exclusive lock on the whole file without waiting. The lock belongs to the open file
 * where the system can do that (closing another descriptor of the file does not drop it), else to
 * the process. 0, or -1 with errno EAGAIN or EACCES when somebody else holds it.
 */
int am_os_lock(int fd);
/* 1: another open file holds a lock on it, 0: none, -1 with errno. */
int am_os_lock_test(int fd);

/*
 * Memory of this program holds password hashes, private keys and passphrases: from here on none of
 * it gets into a core file, and no other process of the same user may look at it. Programs that are
 * started inherit the core limit of 0, since they are given the same data; the hard limit stays, so
 * that one which wants core files of its own can have them.
 */
void am_os_keep_private(void);

/*
 * Memory that is freed is kept for what is allocated next, up to some 64 MiB. A buffer of a
 * megabyte that comes and goes with each request is else mapped again each time, and where page
 * faults are dear that costs more than copying what is in it.
 */
void am_os_keep_memory(void);

/* Overwrites memory that is not used again, which a compiler may leave out of memset. */
void am_os_clear(void *data, size_t length);

/*
 * Fills memory with what nobody can guess. Where the system has no such source (a bare chroot),
 * with what differs from process to process: good enough for hash tables, not for keys.
 */
void am_os_random(void *data, size_t length);

/* The path of the running program. */
int am_os_exe_path(char *path, size_t size, struct am_error *error);

/* Columns of the terminal on descriptor `fd`, or 0 when it is none. */
int am_os_terminal_width(int fd);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Local programs: started from a word list (never a shell line), in their own process group, with
 * nothing inherited but the three standard descriptors. Why not posix_spawn: it has no chroot, and
 * in POSIX 2008 neither a working directory nor a session of its own.
 */
#ifndef ALTMIG_HOST_PROCESS_H
#define ALTMIG_HOST_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"

enum am_process_place {
	AM_PROCESS_SAME,    /* stays in the caller's process group (the terminal's signals reach it)
			     */
	AM_PROCESS_GROUP,   /* a process group of its own */
	AM_PROCESS_SESSION, /* a session of its own: outlives the terminal and the caller */
};

struct am_process {
	const char *const *argv; /* NULL-terminated; argv[0] is looked up in the child's PATH */
	const char *const *env;  /* "NAME=VALUE" words put over the environment; may be NULL */
	const char *cwd;         /* NULL: the caller's, or "/" with chroot */
	const char *chroot;      /* NULL: none. argv[0] and cwd are looked up inside */
	enum am_process_place place;
	int stdio[3]; /* descriptors that become 0, 1, 2; -1: the caller's own */
};

struct am_process_exit {
	int signal; /* 0: it exited with `status`; else the signal that ended it */
	int status;
};

enum { AM_STDOUT = 1, AM_STDERR = 2 };

struct am_process_io {
	const char *input; /* fed to standard input; NULL: empty */
	size_t input_length;
	double timeout;    /* seconds; 0: none */
	size_t max_output; /* bytes of each stream; more is E2BIG. 0: none */
	/*
	 * Called with every line as it comes, without its newline; the last one may lack one. A
	 * return of -1 (with `error` filled) ends the program and the run. May be NULL.
	 */
	int (*on_line)(
		void *context, int stream, const char *line, size_t length, struct am_error *error);
	void *context;
};

struct am_process_result {
	struct am_process_exit exit;
	struct am_buf out, err;
};

/*
 * Starts a program. What goes wrong before the program runs (no such program, no such directory,
 * chroot refused) is reported here, with the code of its errno.
 */
int am_process_start(const struct am_process *process, pid_t *pid, struct am_error *error);

/* 1: ended, *how is filled. 0: still running (only with nohang). -1: ECHILD, CANCELLED ... */
int am_process_wait(pid_t pid, int nohang, struct am_process_exit *how, struct am_error *error);

/*
 * Starts, feeds, collects, waits. stdio and place of `process` are not looked at. Ends with
 * ETIMEDOUT or CANCELLED after the whole process group was sent SIGTERM and, a second later,
 * SIGKILL. A background process that keeps the output open does not hold the run: half a second
 * of silence after the program's own end is its end. The caller frees both buffers, also after a
 * failure (they hold what came until then).
 */
int am_process_run(const struct am_process *process, const struct am_process_io *io,
	struct am_process_result *result, struct am_error *error);

/* Replaces the calling program. Returns only on failure. */
int am_process_exec(const struct am_process *process, struct am_error *error);

/* "TERM" -> number, -1 for a name not known here; and back ("SIG42" style for the unnamed). */
int am_signal_number(const char *name);
void am_signal_name(int number, char *name, size_t size);

#endif

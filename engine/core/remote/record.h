/* SPDX-License-Identifier: MIT */
/*
 * Records of what was sent to another host and what came of it: one for each channel, made where
 * all of them pass (ssh_channel.c), so that no command can go without. They are queued with their
 * session until somebody takes them; nothing is recorded before am_ssh_record_commands was called.
 *
 * Kept are the words, the text of a script and the environment as a whole; of data on standard
 * input the number of bytes; of each stream of output the beginning (AM_RECORD_KEPT bytes), of
 * binary output (a NUL or another control character that no text has) the length and SHA-256 alone.
 * Of output that is marked private (contents of files) only the length. Nothing is masked here: see
 * altmig.run.commands.
 *
 * The same question about a job, asked again with the same answer while nobody took the record, is
 * one record that counts how often.
 */
#ifndef ALTMIG_REMOTE_RECORD_H
#define ALTMIG_REMOTE_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "remote/quote.h"

enum { AM_RECORD_KEPT = 32768 };

struct am_sha256;

struct am_record_stream {
	struct am_buf text; /* what is kept */
	uint64_t length;    /* of all that came */
	int is_binary;
	char sha256[65];          /* of binary output, once the record is complete; else "" */
	struct am_sha256 *digest; /* of binary output while it comes */
};

struct am_record {
	struct am_record *next;
	double time;    /* when it began, seconds since 1970 */
	double seconds; /* how long it took */
	char *label;    /* what messages call it, or NULL */
	char **argv;    /* the words; of a script "sh", "-s" and its arguments */
	char **env;     /* "NAME=value", the whole of it */
	char *script;   /* or NULL */
	char *chroot;   /* or NULL */
	char *cwd;      /* or NULL */
	uint64_t input; /* bytes of data sent to its standard input */
	int is_private; /* of its output only the length is kept */
	int status;     /* exit status, or -1 */
	char signal[32];
	char code[sizeof((struct am_error *)0)->code]; /* of the failure, or "" */
	char message[sizeof((struct am_error *)0)->message];
	unsigned repeated;                 /* how often more it was asked with the same answer */
	struct am_record_stream stream[2]; /* standard output, standard error */
};

/* A record of `exec`, which began now; NULL without memory: what runs matters more. */
struct am_record *am_record_new(const struct am_exec *exec, const char *label, int is_private);

void am_record_output(struct am_record *record, int stream, const char *data, size_t length);

/* The command has ended, or nobody listens any more. */
void am_record_end(struct am_record *record);

/* Whether `record` only repeats the question and answer of `last`, about a job. */
int am_record_repeats(const struct am_record *last, const struct am_record *record);

void am_record_free(struct am_record *record);

#endif

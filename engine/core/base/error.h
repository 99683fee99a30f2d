/* SPDX-License-Identifier: MIT */
/*
 * The error object every core function fills, and the one way to fill it.
 *
 * A core function that can fail takes `struct am_error *` as its last parameter and returns 0 or -1
 * (or a pointer or NULL). The message is complete: "operation: subject: reason", as it will be
 * printed: one line, in which control characters of the names it quotes are escaped (escape.h). The
 * code is an upper-case name that scripts test and journals keep; it is never an errno
 * number, because those differ between AIX and Linux.
 */
#ifndef ALTMIG_BASE_ERROR_H
#define ALTMIG_BASE_ERROR_H

#include <stdarg.h>

struct am_error {
	char code[32];
	char message[1024];
};

#if defined(__GNUC__)
#define AM_PRINTF(format_index, first_index)                                                       \
	__attribute__((format(printf, format_index, first_index)))
#else
#define AM_PRINTF(format_index, first_index)
#endif

/*
 * Fills `error` (which may be NULL) and returns -1, so that a failure is one statement:
 * return am_fail(error, "BFF_CHECKSUM", ...). `code` must be a literal upper-case name.
 */
int am_fail(struct am_error *error, const char *code, const char *format, ...) AM_PRINTF(3, 4);

/*
 * As am_fail, with the code that names `errnum` ("ENOENT") and its text appended to the message
 * after ": ". An errno value without a name here gives the code "EIO".
 */
int am_fail_errno(struct am_error *error, int errnum, const char *format, ...) AM_PRINTF(3, 4);

/*
 * What a library gives as the reason of a failure, for a message: libraries give NULL or nothing
 * where they have none, and then this is "no reason given".
 */
const char *am_reason(const char *text);

/* The bare reason of an errno value, for callers that put the subject before it. Returns -1. */
int am_fail_reason(struct am_error *error, int errnum);

#ifdef __clang_analyzer__
/* The analyzer sees one file at a time; without this it follows paths on which a failure is 0. */
static inline int am_failed(int result)
{
	(void)result;
	return -1;
}
#define am_fail(...)       am_failed((am_fail)(__VA_ARGS__))
#define am_fail_errno(...) am_failed((am_fail_errno)(__VA_ARGS__))
#endif

/* Puts "PREFIX: " before a message that is already there; for callers that know the subject. */
void am_error_prefix(struct am_error *error, const char *format, ...) AM_PRINTF(2, 3);

/* The upper-case name of an errno value ("ENOENT"), or "EIO" for one that has none here. */
const char *am_errno_name(int errnum);

#endif

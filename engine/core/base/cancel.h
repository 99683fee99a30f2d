/* SPDX-License-Identifier: MIT */
/*
 * The cancel flag. A signal belongs to the process, so this flag does too: the host's handler of
 * the signals that end a program (SIGINT, SIGTERM, SIGHUP, SIGQUIT) sets it, and every core loop
 * that waits or works for long looks at it between two steps and fails with the code "CANCELLED".
 * The prompt clears it before the next command.
 */
#ifndef ALTMIG_BASE_CANCEL_H
#define ALTMIG_BASE_CANCEL_H

#include "base/error.h"

/* Async-signal-safe. */
void am_cancel(void);
void am_cancel_clear(void);
int am_cancelled(void);

/* 0, or -1 with code "CANCELLED" and "OPERATION: cancelled" when the flag is set. */
int am_check_cancel(const char *operation, struct am_error *error);

#endif

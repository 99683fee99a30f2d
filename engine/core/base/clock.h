/* SPDX-License-Identifier: MIT */
/* Time: a clock for deadlines, and sleeping. */
#ifndef ALTMIG_BASE_CLOCK_H
#define ALTMIG_BASE_CLOCK_H

#include "base/error.h"

/* Sleeps; CANCELLED when the cancel flag is set meanwhile. */
int am_sleep(double seconds, struct am_error *error);

/* Seconds of a clock that only goes forward. */
double am_clock(void);

#endif

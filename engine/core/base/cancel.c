/* SPDX-License-Identifier: MIT */
#include "base/cancel.h"

#include <signal.h>

static volatile sig_atomic_t cancelled;

void am_cancel(void)
{
	cancelled = 1;
}

void am_cancel_clear(void)
{
	cancelled = 0;
}

int am_cancelled(void)
{
	return cancelled != 0;
}

int am_check_cancel(const char *operation, struct am_error *error)
{
	return cancelled ? am_fail(error, "CANCELLED", "%s: cancelled", operation) : 0;
}

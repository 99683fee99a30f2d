/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <time.h>

#include "base/cancel.h"

/* Longest wait before the cancel flag is looked at. */
enum { TICK_MS = 100 };

double am_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int am_sleep(double seconds, struct am_error *error)
{
	double end = am_clock() + seconds;

	for (;;) {
		double left = end - am_clock();
		struct timespec pause;

		if (am_check_cancel("sleep", error) != 0)
			return -1;
		if (left <= 0)
			return 0;
		if (left > TICK_MS / 1e3)
			left = TICK_MS / 1e3;
		pause.tv_sec = 0;
		pause.tv_nsec = (long)(left * 1e9);
		nanosleep(&pause, NULL);
	}
}

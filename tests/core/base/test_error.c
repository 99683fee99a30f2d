/* SPDX-License-Identifier: MIT */
/* Messages have a reason, also where a library gives none. */
/* libnfs uses types beyond POSIX. */
#define _DEFAULT_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/error.h"
#include "tree/nfs/request.h"

static void a_reason_is_never_missing(void **state)
{
	(void)state;
	assert_string_equal(am_reason("broken pipe"), "broken pipe");
	assert_string_equal(am_reason(NULL), "no reason given");
	assert_string_equal(am_reason(""), "no reason given");
}

/* rpc_get_error gives NULL for a connection that ended before anything went wrong with it. */
static void a_lost_mount_without_reason(void **state)
{
	static struct nfs_fs fs;

	(void)state;
	am_nfs_note_lost(&fs, NULL);
	assert_string_equal(fs.lost, "no reason given");
	am_nfs_note_lost(&fs, "reset");
	assert_string_equal(fs.lost, "reset");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_reason_is_never_missing),
		cmocka_unit_test(a_lost_mount_without_reason)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

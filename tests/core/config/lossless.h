/* SPDX-License-Identifier: MIT */
/* What every grammar promises of any bytes: read, they print back as they were; else CONFIG_SYNTAX.
 */
#ifndef ALTMIG_TEST_CONFIG_LOSSLESS_H
#define ALTMIG_TEST_CONFIG_LOSSLESS_H

#include "config/record.h"

/* `result`: of reading `data` into `file`, which is freed. Returns 1 when it was read. */
static inline int lossless(struct am_records *file, const void *data, size_t length, int result,
	struct am_error *error)
{
	struct am_buf out = {0};

	if (result == 0) {
		assert_int_equal(am_records_write(file, &out, error), 0);
		assert_int_equal(out.length, length);
		if (length > 0)
			assert_memory_equal(out.data, data, length);
	} else {
		assert_string_equal(error->code, "CONFIG_SYNTAX");
	}
	am_buf_free(&out);
	am_records_free(file);
	return result == 0;
}

#endif

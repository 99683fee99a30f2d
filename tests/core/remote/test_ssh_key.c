/* SPDX-License-Identifier: MIT */
/*
 * Private keys do not stay in memory: every block that is given back is looked at. The linker sends
 * free and realloc of the engine here (tests/CMakeLists.txt).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/os.h"
#include "remote/ssh_key.h"

void __real_free(void *data);
void __wrap_free(void *data);
void *__real_realloc(void *data, size_t size);
void *__wrap_realloc(void *data, size_t size);

static int watching, blocks, leaks;

static int holds(const char *data, size_t size, const char *mark)
{
	size_t length = strlen(mark);

	for (size_t i = 0; i + length <= size; i++) {
		if (memcmp(data + i, mark, length) == 0)
			return 1;
	}
	return 0;
}

/* A block that is given back: with the key in it, decoded or not? */
static void look(void *data)
{
	size_t size = data != NULL ? malloc_usable_size(data) : 0;

	if (!watching || data == NULL)
		return;
	blocks++;
	leaks += holds(data, size, "SSSSSSSS") || holds(data, size, "U1NTU1NT");
}

void __wrap_free(void *data)
{
	look(data);
	__real_free(data);
}

void *__wrap_realloc(void *data, size_t size)
{
	look(data);
	return __real_realloc(data, size);
}

/* A key file of `count` bytes of key, all of them S. */
static void write_key(char *path, size_t count, const char *kind)
{
	static const char head[] =
		"openssh-key-v1\0\0\0\0\4none\0\0\0\4none\0\0\0\0\0\0\0\1\0\0\0\17"
		"\0\0\0\13ssh-ed25519";
	size_t length = sizeof head - 1 + count;
	unsigned char *blob = malloc(length);
	char *text = malloc(AM_BASE64_SIZE(length));
	int fd = mkstemp(path);
	FILE *file;

	assert_true(fd >= 0 && blob != NULL && text != NULL);
	memcpy(blob, head, sizeof head - 1);
	memset(blob + sizeof head - 1, 'S', count);
	am_base64_encode(blob, length, text);
	file = fdopen(fd, "w");
	assert_non_null(file);
	setvbuf(file, NULL, _IONBF, 0); /* nothing of the test itself stays behind either */
	fprintf(file, "-----BEGIN %sPRIVATE KEY-----\n", kind);
	for (size_t i = 0; i < strlen(text); i += 70)
		fprintf(file, "%.70s\n", text + i);
	fprintf(file, "-----END %sPRIVATE KEY-----\n", kind);
	fclose(file);
	am_os_clear(blob, length);
	am_os_clear(text, AM_BASE64_SIZE(length));
	free(blob);
	free(text);
}

static void inspect(size_t count, const char *kind, int result, const char *type)
{
	char path[] = "/tmp/altmig-key.XXXXXX";
	struct am_ssh_key_info info;
	struct am_error error;

	write_key(path, count, kind);
	blocks = leaks = 0;
	watching = 1;
	assert_int_equal(am_ssh_key_inspect(path, &info, &error), result);
	watching = 0;
	unlink(path);
	assert_true(blocks > 0);
	assert_int_equal(leaks, 0);
	if (result == 0)
		assert_string_equal(info.type, type);
}

static void no_key_is_left_in_memory(void **state)
{
	(void)state;
	inspect(300, "OPENSSH ", 0, "ssh-ed25519");
	inspect(20000, "OPENSSH ", 0, "ssh-ed25519"); /* several blocks of the reader */
	inspect(300, "", 0, "");
	inspect(300, "RSA ", 0, "ssh-rsa");
	inspect(100000, "OPENSSH ", -1, NULL); /* too long */
}

/* That the watch sees what is to be seen. */
static void a_block_that_is_not_cleared_is_seen(void **state)
{
	struct am_buf buf = {0};
	struct am_error error;

	(void)state;
	assert_int_equal(am_buf_addstr(&buf, "SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS", &error), 0);
	leaks = 0;
	watching = 1;
	am_buf_free(&buf);
	watching = 0;
	assert_int_equal(leaks, 1);
	assert_int_equal(am_buf_addstr(&buf, "SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS", &error), 0);
	watching = 1;
	am_buf_free_secret(&buf);
	watching = 0;
	assert_int_equal(leaks, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_block_that_is_not_cleared_is_seen),
		cmocka_unit_test(no_key_is_left_in_memory)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

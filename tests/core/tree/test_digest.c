/* SPDX-License-Identifier: MIT */
/* Digests of trees: the same for the same, another one for any difference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/checksum.h"

#include "tree/local_tree.h"

static const char *digest(
	struct fixture *f, const char *path, const struct am_digest_options *options)
{
	static char hex[4][65];
	static unsigned next;

	next = (next + 1) % 4;
	if (am_tree_digest(f->tree, path, options, hex[next], &f->error) != 0)
		return f->error.code;
	assert_int_equal(strspn(hex[next], "0123456789abcdef"), 64);
	return hex[next];
}

/* The line is a format: digests that an earlier release wrote down must stay comparable. */
static void the_line_is_as_documented(void **state)
{
	struct fixture *f = *state;
	char content_hex[65], line[300], want[65], lines[900];
	unsigned uid = geteuid(), gid;
	struct stat st;

	assert_int_equal(chmod(in(f, "root/usr/bin/ls"), 0751), 0);
	assert_int_equal(stat(in(f, "root/usr/bin/ls"), &st), 0);
	gid = st.st_gid;
	am_sha256_hex("ls", 2, content_hex);
	snprintf(line, sizeof line, "file 0751 %u %u 2 2:ls %s\n", uid, gid, content_hex);
	am_sha256_hex(line, strlen(line), want);
	assert_string_equal(digest(f, "/usr/bin", NULL), want);
	assert_int_equal(symlink("a b", in(f, "root/usr/bin/z")), 0);
	assert_int_equal(chmod(in(f, "root/usr/bin"), 0700), 0);
	snprintf(lines, sizeof lines,
		"dir 0700 %u %u 0 3:bin\nfile 0751 %u %u 2 6:bin/ls %s\n"
		"link 0777 %u %u 0 5:bin/z 3:a b\n",
		uid, gid, uid, gid, content_hex, uid, gid);
	am_sha256_hex(lines, strlen(lines), want);
	assert_string_equal(digest(f, "/usr", NULL), want);
}

static void nothing_and_what_is_no_directory(void **state)
{
	struct fixture *f = *state;
	char want[65];

	am_sha256_hex("", 0, want);
	assert_int_equal(mkdir(in(f, "root/empty"), 0755), 0);
	assert_string_equal(digest(f, "/empty", NULL), want);
	assert_string_equal(digest(f, "/etc/passwd", NULL), "ENOTDIR");
	assert_string_equal(digest(f, "/none", NULL), "ENOENT");
}

static void every_difference_counts(void **state)
{
	struct fixture *f = *state;
	struct am_digest_options times = {.times = 1};
	const struct timespec old[2] = {{1000000000, 0}, {1000000000, 7}};
	const char *file = "root/etc/passwd";
	char before[65], with_times[65];

	strcpy(before, digest(f, "/", NULL));
	put(in(f, file), "root:!:0:1"); /* of the same length */
	assert_string_not_equal(digest(f, "/", NULL), before);
	put(in(f, file), "root:!:0:0");
	assert_string_equal(digest(f, "/", NULL), before);
	assert_int_equal(chmod(in(f, file), 04600), 0);
	assert_string_not_equal(digest(f, "/", NULL), before);
	assert_int_equal(chmod(in(f, file), 0644), 0);
	assert_int_equal(chmod(in(f, "root/etc"), 0700), 0);
	assert_string_not_equal(digest(f, "/", NULL), before);
	assert_int_equal(chmod(in(f, "root/etc"), 0755), 0);
	put(in(f, "root/etc/empty"), "");
	assert_string_not_equal(digest(f, "/", NULL), before);
	unlink(in(f, "root/etc/empty"));
	strcpy(with_times, digest(f, "/", &times));
	assert_string_not_equal(with_times, before);
	assert_int_equal(utimensat(AT_FDCWD, in(f, file), old, 0), 0);
	assert_string_equal(digest(f, "/", NULL), before);
	assert_string_not_equal(digest(f, "/", &times), with_times);
}

/* A name or target that is written as a line of its own is no such line. */
static void names_cannot_imitate_entries(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdir(in(f, "root/a"), 0755), 0);
	assert_int_equal(mkdir(in(f, "root/b"), 0755), 0);
	assert_int_equal(symlink("x 1:y", in(f, "root/a/n")), 0);
	assert_int_equal(symlink("y", in(f, "root/b/n 5:x 1")), 0);
	assert_string_not_equal(digest(f, "/a", NULL), digest(f, "/b", NULL));
	assert_int_equal(am_tree_remove(f->tree, "/a/n", &f->error), 0);
	assert_int_equal(am_tree_remove(f->tree, "/b/n 5:x 1", &f->error), 0);
	assert_int_equal(symlink("t\nlink 0777 0 0 0 1:b 1:t", in(f, "root/a/a")), 0);
	assert_int_equal(symlink("t", in(f, "root/b/a")), 0);
	assert_int_equal(symlink("t", in(f, "root/b/b")), 0);
	assert_string_not_equal(digest(f, "/a", NULL), digest(f, "/b", NULL));
}

static int collect(void *context, const char *path, const char *hex, struct am_error *error)
{
	char *all = context;

	(void)error;
	assert_int_equal(strlen(hex), 64);
	strcat(strcat(all, path), " ");
	return 0;
}

static int stop(void *context, const char *path, const char *hex, struct am_error *error)
{
	(void)context;
	(void)hex;
	return am_fail(error, "ENOUGH", "stopped at %s", path);
}

static void each_entry_but_the_excluded(void **state)
{
	struct fixture *f = *state;
	const char *const patterns[] = {"/usr/b*", "pass*", NULL};
	struct am_digest_options options = {.exclude = patterns};
	char all[256] = "";

	assert_int_equal(am_tree_digest_each(f->tree, "/", NULL, collect, all, &f->error), 0);
	assert_string_equal(all, "/etc /etc/passwd /usr /usr/bin /usr/bin/ls ");
	all[0] = '\0';
	assert_int_equal(am_tree_digest_each(f->tree, "/", &options, collect, all, &f->error), 0);
	assert_string_equal(all, "/etc /usr ");
	assert_int_equal(am_tree_digest_each(f->tree, "/usr", NULL, stop, NULL, &f->error), -1);
	assert_string_equal(f->error.code, "ENOUGH");
	assert_string_equal(f->error.message, "stopped at /usr/bin");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_line_is_as_documented),
		TEST(nothing_and_what_is_no_directory),
		TEST(every_difference_counts),
		TEST(names_cannot_imitate_entries),
		TEST(each_entry_but_the_excluded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

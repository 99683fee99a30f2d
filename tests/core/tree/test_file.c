/* SPDX-License-Identifier: MIT */
/* Whole files: read, and replaced in one step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tree/local_tree.h"

static void write_never_leaves_the_tree(void **state)
{
	struct fixture *f = *state;
	char target[128];

	snprintf(target, sizeof target, "%s/outside", f->base);
	assert_int_equal(symlink(target, in(f, "root/etc/out")), 0);
	assert_int_equal(symlink("../../outside/secret", in(f, "root/etc/up")), 0);
	assert_int_equal(am_tree_write(f->tree, "/etc/out/secret", "x", 1, NULL, &f->error), -1);
	assert_string_equal(f->error.code, "ENOENT");
	assert_int_equal(am_tree_write(f->tree, "/etc/up", "x", 1, NULL, &f->error), -1);
	assert_string_equal(f->error.code, "OUTSIDE_TREE");
	assert_string_equal(content(in(f, "outside/secret")), "secret");
	/* an absolute link to a path that exists in the tree is written in the tree */
	assert_int_equal(symlink("/etc/passwd", in(f, "root/pw")), 0);
	assert_int_equal(am_tree_write(f->tree, "/pw", "new", 3, NULL, &f->error), 0);
	assert_string_equal(content(in(f, "root/etc/passwd")), "new");
}

static void write_replaces_and_keeps_other_links(void **state)
{
	struct fixture *f = *state;
	struct am_tree_attr attr = {.set = AM_SET_MODE | AM_SET_MTIME, .mode = 04755};
	struct am_tree_names names;
	struct am_tree_stat st;

	attr.mtime = (struct am_tree_time){1600000000, 123456789};
	assert_int_equal(chmod(in(f, "root/etc/passwd"), 0640), 0);
	assert_int_equal(am_tree_link(f->tree, "/etc/passwd", "/etc/old", &f->error), 0);
	/* what a killed run left behind */
	put(in(f, "root/etc/.passwd.altmig-new"), "torn");
	assert_int_equal(am_tree_write(f->tree, "/etc/passwd", "a", 1, NULL, &f->error), 0);
	assert_string_equal(content(in(f, "root/etc/old")), "root:!:0:0");
	assert_int_equal(am_tree_stat(f->tree, "/etc/passwd", 0, &st, &f->error), 0);
	assert_int_equal(st.mode, 0640);
	assert_int_equal(am_tree_write(f->tree, "/etc/passwd", "b", 1, &attr, &f->error), 0);
	assert_int_equal(am_tree_stat(f->tree, "/etc/passwd", 0, &st, &f->error), 0);
	assert_int_equal(st.mode, 04755);
	assert_int_equal(st.mtime.seconds, 1600000000);
	assert_int_equal(st.mtime.nanoseconds, 123456789);
	assert_int_equal(am_tree_list(f->tree, "/etc", &names, &f->error), 0);
	assert_int_equal(names.count, 2);
	assert_string_equal(names.names[0], "old");
	assert_string_equal(names.names[1], "passwd");
	am_tree_names_free(&names);
	assert_int_equal(am_tree_write(f->tree, "/etc", "b", 1, NULL, &f->error), -1);
	assert_string_equal(f->error.code, "EISDIR");
}

static void aborted_write_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct am_tree_names names;
	struct am_writer *writer = am_tree_create(f->tree, "/etc/passwd", 0, NULL, &f->error);

	assert_non_null(writer);
	assert_int_equal(am_writer_write(writer, "zz", 2, &f->error), 0);
	am_writer_abort(writer);
	assert_string_equal(content(in(f, "root/etc/passwd")), "root:!:0:0");
	assert_int_equal(am_tree_list(f->tree, "/etc", &names, &f->error), 0);
	assert_int_equal(names.count, 1);
	am_tree_names_free(&names);
}

static void fifo_is_not_opened(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(am_tree_mknod(f->tree, "/p", AM_TREE_FIFO, 0666, 0, 0, &f->error), 0);
	assert_string_equal(read_tree(f, "/p"), "EINVAL");
	assert_string_equal(read_tree(f, "/etc"), "EISDIR");
}

static void reader_outlives_its_tree(void **state)
{
	struct fixture *f = *state;
	struct am_tree *tree = am_tree_local(in(f, "root"), &f->error);
	struct am_reader *reader = am_tree_open(tree, "/etc/passwd", &f->error);
	char data[32];

	assert_non_null(reader);
	am_tree_close(tree);
	assert_int_equal(reader->read(reader, data, sizeof data, &f->error), 10);
	am_reader_close(reader);
}

/* A run that ended finds what one of an older release left: the names must not change. */
static void temporary_names_are_the_same_in_every_process(void **state)
{
	char name[AM_TREE_NAME_MAX + 1], got[AM_TREE_NAME_MAX + 1];

	(void)state;
	am_tree_temporary("passwd", got);
	assert_string_equal(got, ".passwd.altmig-new");
	memset(name, 'n', 250);
	name[250] = '\0';
	am_tree_temporary(name, got);
	assert_int_equal(strlen(got), 1 + 200 + 1 + 16 + strlen(".altmig-new"));
	assert_string_equal(got + 201, ".0cc2566b906dbe66.altmig-new");
}

static void reading_has_a_limit(void **state)
{
	struct fixture *f = *state;
	struct am_buf out = {0};

	assert_int_equal(am_buf_addstr(&out, "a", &f->error), 0);
	assert_int_equal(am_tree_read(f->tree, "/etc/passwd", 10, &out, &f->error), 0);
	assert_string_equal(
		out.data, "aroot:!:0:0"); /* behind what is there, which does not count */
	assert_int_equal(am_tree_read(f->tree, "/etc/passwd", 9, &out, &f->error), -1);
	assert_string_equal(f->error.code, "E2BIG");
	assert_string_equal(f->error.message, "read: /etc/passwd: more than 9 bytes");
	am_buf_free(&out);
	put(in(f, "root/empty"), "");
	out = (struct am_buf){0};
	assert_int_equal(am_tree_read(f->tree, "/empty", 0, &out, &f->error), 0);
	assert_int_equal(out.length, 0);
	am_buf_free(&out);
}

static void a_new_file_is_0644_whatever_the_umask(void **state)
{
	struct fixture *f = *state;
	mode_t before = umask(077);
	struct am_tree_stat st;

	assert_int_equal(am_tree_write(f->tree, "/etc/new", NULL, 0, NULL, &f->error), 0);
	umask(before);
	assert_int_equal(am_tree_stat(f->tree, "/etc/new", 0, &st, &f->error), 0);
	assert_int_equal(st.mode, 0644);
	assert_int_equal(st.size, 0);
}

/* Until it is in place nobody sees it; without following, a link is replaced itself. */
static void a_link_is_replaced_or_followed(void **state)
{
	struct fixture *f = *state;
	struct am_writer *writer;
	struct am_tree_stat st;

	assert_int_equal(symlink("passwd", in(f, "root/etc/link")), 0);
	writer = am_tree_create(f->tree, "/etc/link", 1, NULL, &f->error);
	assert_non_null(writer);
	assert_int_equal(am_writer_write(writer, "one ", 4, &f->error), 0);
	assert_int_equal(am_writer_write(writer, "two", 3, &f->error), 0);
	assert_string_equal(content(in(f, "root/etc/passwd")), "root:!:0:0");
	assert_int_equal(am_writer_commit(writer, &f->error), 0);
	assert_string_equal(content(in(f, "root/etc/passwd")), "one two");
	writer = am_tree_create(f->tree, "/etc/link", 0, NULL, &f->error);
	assert_non_null(writer);
	assert_int_equal(am_writer_write(writer, "three", 5, &f->error), 0);
	assert_int_equal(am_writer_commit(writer, &f->error), 0);
	assert_string_equal(content(in(f, "root/etc/passwd")), "one two");
	assert_int_equal(am_tree_stat(f->tree, "/etc/link", 0, &st, &f->error), 0);
	assert_int_equal(st.type, AM_TREE_FILE);
	assert_string_equal(content(in(f, "root/etc/link")), "three");
}

static void a_name_put_in_the_way_meanwhile_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct am_writer *writer = am_tree_create(f->tree, "/etc/new", 0, NULL, &f->error);
	struct am_tree_names names;

	assert_non_null(writer);
	assert_int_equal(mkdir(in(f, "root/etc/new"), 0755), 0);
	assert_int_equal(am_writer_commit(writer, &f->error), -1);
	assert_string_equal(f->error.code, "EISDIR");
	assert_int_equal(am_tree_list(f->tree, "/etc", &names, &f->error), 0);
	assert_int_equal(names.count, 2); /* and no temporary */
	am_tree_names_free(&names);
	am_writer_abort(NULL);
	assert_null(am_tree_create(f->tree, "/", 1, NULL, &f->error));
	assert_string_equal(f->error.code, "EISDIR");
	assert_null(am_tree_create(f->tree, "/none/x", 1, NULL, &f->error));
	assert_string_equal(f->error.code, "ENOENT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(write_never_leaves_the_tree),
		TEST(write_replaces_and_keeps_other_links),
		TEST(aborted_write_leaves_nothing),
		TEST(fifo_is_not_opened),
		TEST(reader_outlives_its_tree),
		cmocka_unit_test(temporary_names_are_the_same_in_every_process),
		TEST(reading_has_a_limit),
		TEST(a_new_file_is_0644_whatever_the_umask),
		TEST(a_link_is_replaced_or_followed),
		TEST(a_name_put_in_the_way_meanwhile_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

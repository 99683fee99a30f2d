/* SPDX-License-Identifier: MIT */
/* Entries by their paths: looked at, made, removed, given attributes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tree/local_tree.h"

static void remove_all_does_not_follow(void **state)
{
	struct fixture *f = *state;
	char target[128];

	snprintf(target, sizeof target, "%s/outside", f->base);
	assert_int_equal(symlink(target, in(f, "root/usr/out")), 0);
	assert_int_equal(am_tree_remove_all(f->tree, "/usr", &f->error), 0);
	assert_int_equal(am_tree_remove_all(f->tree, "/usr", &f->error), 0);
	assert_int_equal(am_tree_exists(f->tree, "/usr", &f->error), 0);
	assert_string_equal(content(in(f, "outside/secret")), "secret");
	assert_int_equal(am_tree_remove(f->tree, "/", &f->error), -1);
	assert_string_equal(f->error.code, "EBUSY");
}

static void stat_tells_what_is_there(void **state)
{
	struct fixture *f = *state;
	struct am_tree_stat st;

	assert_int_equal(chmod(in(f, "root/usr/bin/ls"), 04751), 0);
	assert_int_equal(symlink("usr/bin/ls", in(f, "root/ls")), 0);
	assert_int_equal(am_tree_stat(f->tree, "/ls", 0, &st, &f->error), 0);
	assert_int_equal(st.type, AM_TREE_LINK);
	assert_int_equal(st.size, 10);
	assert_int_equal(am_tree_stat(f->tree, "/ls", 1, &st, &f->error), 0);
	assert_int_equal(st.type, AM_TREE_FILE);
	assert_int_equal(st.mode, 04751);
	assert_int_equal(st.size, 2);
	assert_int_equal(st.nlink, 1);
	assert_int_equal(st.uid, geteuid());
	assert_int_equal(am_tree_stat(f->tree, "/", 0, &st, &f->error), 0);
	assert_int_equal(st.type, AM_TREE_DIR);
	assert_int_equal(am_tree_stat(f->tree, "/none", 0, &st, &f->error), -1);
	assert_string_equal(f->error.code, "ENOENT");
	assert_non_null(strstr(f->error.message, "/root/none: No such file or directory"));
}

static void exists_does_not_follow(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(symlink("nowhere", in(f, "root/dangling")), 0);
	assert_int_equal(symlink("loop", in(f, "root/loop")), 0);
	assert_int_equal(am_tree_exists(f->tree, "/dangling", NULL), 1);
	assert_int_equal(am_tree_exists(f->tree, "/dangling/x", NULL), 0);
	assert_int_equal(am_tree_exists(f->tree, "/etc/passwd/x", NULL), 0);
	assert_int_equal(am_tree_exists(f->tree, "/loop", &f->error), 1);
	assert_int_equal(am_tree_exists(f->tree, "/loop/x", &f->error), -1);
	assert_string_equal(f->error.code, "ELOOP");
	assert_int_equal(am_tree_exists(f->tree, "etc", NULL), -1);
}

static void readlink_needs_room_and_a_link(void **state)
{
	struct fixture *f = *state;
	char target[8];

	assert_int_equal(am_tree_symlink(f->tree, "1234567", "/l", &f->error), 0);
	assert_int_equal(am_tree_readlink(f->tree, "/l", target, 8, &f->error), 0);
	assert_string_equal(target, "1234567");
	assert_int_equal(am_tree_readlink(f->tree, "/l", target, 7, &f->error), -1);
	assert_string_equal(f->error.code, "ENAMETOOLONG");
	assert_int_equal(am_tree_readlink(f->tree, "/etc", target, 8, &f->error), -1);
	assert_string_equal(f->error.code, "EINVAL");
	assert_int_equal(am_tree_readlink(f->tree, "/", target, 8, &f->error), -1);
	assert_string_equal(f->error.code, "EINVAL");
}

static void a_resolved_path_needs_room(void **state)
{
	struct fixture *f = *state;
	char path[9];

	assert_int_equal(symlink("usr/bin", in(f, "root/bin")), 0);
	assert_int_equal(am_tree_resolve(f->tree, "/bin", path, 9, &f->error), 0);
	assert_string_equal(path, "/usr/bin");
	assert_int_equal(am_tree_resolve(f->tree, "/bin", path, 8, &f->error), -1);
	assert_string_equal(f->error.code, "ENAMETOOLONG");
	assert_int_equal(am_tree_resolve_parent(f->tree, "/bin", path, 9, &f->error), 0);
	assert_string_equal(path, "/bin");
}

static void list_is_in_byte_order(void **state)
{
	struct fixture *f = *state;
	struct am_tree_names names;

	put(in(f, "root/etc/Z"), "");
	put(in(f, "root/etc/a b"), "");
	put(in(f, "root/etc/\xff"), "");
	put(in(f, "root/etc/.hidden"), "");
	assert_int_equal(symlink("etc", in(f, "root/link")), 0);
	assert_int_equal(am_tree_list(f->tree, "/link", &names, &f->error), 0);
	assert_int_equal(names.count, 5);
	assert_string_equal(names.names[0], ".hidden");
	assert_string_equal(names.names[1], "Z");
	assert_string_equal(names.names[2], "a b");
	assert_string_equal(names.names[3], "passwd");
	assert_string_equal(names.names[4], "\xff");
	am_tree_names_free(&names);
	assert_int_equal(am_tree_list(f->tree, "/etc/passwd", &names, &f->error), -1);
	assert_string_equal(f->error.code, "ENOTDIR");
	assert_int_equal(names.count, 0);
	am_tree_names_free(&names);
}

/* The mode is the one that was asked for, whatever the umask. */
static void directories_are_made(void **state)
{
	struct fixture *f = *state;
	mode_t before = umask(077);
	struct am_tree_stat st;

	assert_int_equal(am_tree_mkdir(f->tree, "/d", 01777, &f->error), 0);
	umask(before);
	assert_int_equal(am_tree_stat(f->tree, "/d", 0, &st, &f->error), 0);
	assert_int_equal(st.mode, 01777);
	assert_int_equal(am_tree_mkdir(f->tree, "/d", 0755, &f->error), -1);
	assert_string_equal(f->error.code, "EEXIST");
	assert_int_equal(am_tree_mkdir(f->tree, "/", 0755, &f->error), -1);
	assert_string_equal(f->error.code, "EEXIST");
	assert_int_equal(am_tree_mkdir(f->tree, "/no/d", 0755, &f->error), -1);
	assert_string_equal(f->error.code, "ENOENT");
	assert_int_equal(symlink("usr", in(f, "root/link")), 0);
	assert_int_equal(am_tree_makedirs(f->tree, "/link//a/b/", 0711, &f->error), 0);
	assert_int_equal(am_tree_makedirs(f->tree, "/usr/a/b", 0755, &f->error), 0);
	assert_int_equal(am_tree_stat(f->tree, "/usr/a/b", 0, &st, &f->error), 0);
	assert_int_equal(st.mode, 0711); /* what is there stays as it is */
	assert_int_equal(am_tree_makedirs(f->tree, "/etc/passwd/x", 0755, &f->error), -1);
	assert_string_equal(f->error.code, "ENOTDIR");
}

static void link_and_rename_stay_in_the_tree(void **state)
{
	struct fixture *f = *state;
	char target[128];

	snprintf(target, sizeof target, "%s/outside", f->base);
	assert_int_equal(symlink(target, in(f, "root/out")), 0);
	assert_int_equal(symlink("../outside", in(f, "root/up")), 0);
	assert_int_equal(am_tree_rename(f->tree, "/etc/passwd", "/out/secret", &f->error), -1);
	assert_string_equal(f->error.code, "ENOENT");
	assert_int_equal(am_tree_rename(f->tree, "/up/secret", "/etc/got", &f->error), -1);
	assert_string_equal(f->error.code, "OUTSIDE_TREE");
	assert_int_equal(am_tree_link(f->tree, "/up/secret", "/etc/got", &f->error), -1);
	assert_string_equal(f->error.code, "OUTSIDE_TREE");
	/* a link is moved itself, not what it names */
	assert_int_equal(am_tree_rename(f->tree, "/up", "/etc/passwd", &f->error), 0);
	assert_int_equal(am_tree_exists(f->tree, "/up", &f->error), 0);
	assert_int_equal(am_tree_readlink(f->tree, "/etc/passwd", target, 128, &f->error), 0);
	assert_string_equal(target, "../outside");
	assert_int_equal(am_tree_link(f->tree, "/usr/bin/ls", "/etc/passwd", &f->error), -1);
	assert_string_equal(f->error.code, "EEXIST");
	assert_int_equal(am_tree_rename(f->tree, "/", "/x", &f->error), -1);
	assert_string_equal(f->error.code, "EBUSY");
	assert_string_equal(content(in(f, "outside/secret")), "secret");
}

static void remove_takes_one_entry(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(symlink("usr", in(f, "root/link")), 0);
	assert_int_equal(am_tree_remove(f->tree, "/usr", &f->error), -1);
	assert_true(
		strcmp(f->error.code, "ENOTEMPTY") == 0 || strcmp(f->error.code, "EEXIST") == 0);
	assert_int_equal(am_tree_remove(f->tree, "/link", &f->error), 0);
	assert_int_equal(am_tree_exists(f->tree, "/usr/bin/ls", &f->error), 1);
	assert_int_equal(am_tree_remove(f->tree, "/usr/bin/ls", &f->error), 0);
	assert_int_equal(am_tree_remove(f->tree, "/usr/bin", &f->error), 0);
	assert_int_equal(am_tree_remove(f->tree, "/usr/bin", &f->error), -1);
	assert_string_equal(f->error.code, "ENOENT");
	assert_int_equal(am_tree_remove_all(f->tree, "/none/x", &f->error), 0);
}

/* A chain of directories that is deeper than the engine goes is an error, no crash. */
static void hostile_depth_ends(void **state)
{
	struct fixture *f = *state;
	int at = open(in(f, "root"), O_RDONLY | O_DIRECTORY | O_CLOEXEC), top = dup(at);

	for (int i = 0; i < AM_TREE_DEPTH_MAX + 5; i++) {
		int next;

		assert_int_equal(mkdirat(at, "d", 0700), 0);
		next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(at);
		at = next;
	}
	close(at);
	assert_int_equal(am_tree_remove_all(f->tree, "/d", &f->error), -1);
	assert_string_equal(f->error.code, "ENAMETOOLONG");
	/* half of it first, so that the rest can be removed */
	assert_int_equal(renameat(top, "d/d/d/d/d/d/d/d/d/d", top, "e"), 0);
	close(top);
	assert_int_equal(am_tree_remove_all(f->tree, "/e", &f->error), 0);
}

static void special_files_and_attributes(void **state)
{
	struct fixture *f = *state;
	struct am_tree_attr attr = {.set = AM_SET_MODE | AM_SET_MTIME, .mode = 0604};
	struct am_tree_attr cut = {.set = AM_SET_SIZE, .size = 4};
	struct am_tree_stat st;

	attr.mtime = (struct am_tree_time){-5, 999999999};
	assert_int_equal(am_tree_mknod(f->tree, "/x", AM_TREE_FILE, 0600, 0, 0, &f->error), -1);
	assert_string_equal(f->error.code, "EINVAL");
	assert_int_equal(
		am_tree_mknod(f->tree, "/x", (enum am_tree_type)8, 0, 0, 0, &f->error), -1);
	assert_string_equal(f->error.code, "EINVAL");
	assert_int_equal(am_tree_mknod(f->tree, "/p", AM_TREE_FIFO, 0622, 0, 0, &f->error), 0);
	assert_int_equal(am_tree_stat(f->tree, "/p", 0, &st, &f->error), 0);
	assert_int_equal(st.type, AM_TREE_FIFO);
	assert_int_equal(st.mode, 0622);
	/* nothing is opened for it, or this would wait for a writer */
	assert_int_equal(am_tree_setattr(f->tree, "/p", 0, &attr, &f->error), 0);
	assert_int_equal(am_tree_stat(f->tree, "/p", 0, &st, &f->error), 0);
	assert_int_equal(st.mode, 0604);
	assert_int_equal(st.mtime.seconds, -5);
	assert_int_equal(st.mtime.nanoseconds, 999999999);
	assert_int_equal(am_tree_setattr(f->tree, "/p", 0, &cut, &f->error), -1);
	assert_string_equal(f->error.code, "EINVAL");
	assert_int_equal(am_tree_setattr(f->tree, "/etc/passwd", 0, &cut, &f->error), 0);
	assert_string_equal(content(in(f, "root/etc/passwd")), "root");
	/* the mode of what a link names changes only when it is followed */
	assert_int_equal(symlink("usr/bin/ls", in(f, "root/ls")), 0);
	assert_int_equal(chmod(in(f, "root/usr/bin/ls"), 0755), 0);
	assert_int_equal(am_tree_setattr(f->tree, "/ls", 0, &attr, &f->error), 0);
	assert_int_equal(am_tree_stat(f->tree, "/usr/bin/ls", 0, &st, &f->error), 0);
	assert_int_equal(st.mode, 0755);
	assert_int_equal(am_tree_setattr(f->tree, "/ls", 1, &attr, &f->error), 0);
	assert_int_equal(am_tree_stat(f->tree, "/usr/bin/ls", 0, &st, &f->error), 0);
	assert_int_equal(st.mode, 0604);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(remove_all_does_not_follow),
		TEST(stat_tells_what_is_there),
		TEST(exists_does_not_follow),
		TEST(readlink_needs_room_and_a_link),
		TEST(a_resolved_path_needs_room),
		TEST(list_is_in_byte_order),
		TEST(directories_are_made),
		TEST(link_and_rename_stay_in_the_tree),
		TEST(remove_takes_one_entry),
		TEST(hostile_depth_ends),
		TEST(special_files_and_attributes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

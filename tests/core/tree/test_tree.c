/* SPDX-License-Identifier: MIT */
/* Paths, mounts and names: what every operation on a tree goes by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tree/local_tree.h"

static void refuses_bad_paths(void **state)
{
	struct fixture *f = *state;
	char longname[300];

	assert_string_equal(resolved(f, "etc"), "EINVAL");
	assert_string_equal(resolved(f, ""), "EINVAL");
	assert_string_equal(resolved(f, "/./etc"), "EINVAL");
	assert_string_equal(resolved(f, "/etc/."), "EINVAL");
	assert_string_equal(resolved(f, "/.."), "OUTSIDE_TREE");
	assert_string_equal(resolved(f, "/etc/../../outside"), "OUTSIDE_TREE");
	assert_string_equal(resolved(f, "/etc/../usr//bin/"), "/usr/bin");
	assert_string_equal(resolved(f, "/"), "/");
	assert_string_equal(resolved(f, "/etc/passwd/x"), "ENOTDIR");
	assert_string_equal(resolved(f, "/missing/x"), "ENOENT");
	assert_string_equal(resolved(f, "/etc/missing"), "/etc/missing");
	memset(longname, 'a', sizeof longname);
	longname[0] = '/';
	longname[299] = '\0';
	assert_string_equal(resolved(f, longname), "ENAMETOOLONG");
}

static void follows_links_inside_only(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(symlink("/usr/bin", in(f, "root/bin")), 0);
	assert_int_equal(symlink("../../outside/secret", in(f, "root/etc/up")), 0);
	assert_int_equal(symlink("/outside", in(f, "root/abs")), 0);
	assert_int_equal(symlink("./../usr/./bin", in(f, "root/etc/rel")), 0);
	assert_int_equal(symlink("loop", in(f, "root/loop")), 0);
	assert_int_equal(symlink("b", in(f, "root/a")), 0);
	assert_int_equal(symlink("a/x", in(f, "root/b")), 0);
	assert_string_equal(read_tree(f, "/bin/ls"), "ls");
	assert_string_equal(resolved(f, "/bin/ls"), "/usr/bin/ls");
	assert_string_equal(resolved(f, "/etc/rel"), "/usr/bin");
	assert_string_equal(resolved(f, "/bin/.."), "/usr");
	assert_string_equal(read_tree(f, "/etc/up"), "OUTSIDE_TREE");
	assert_string_equal(read_tree(f, "/abs/secret"), "ENOENT");
	assert_string_equal(read_tree(f, "/loop"), "ELOOP");
	assert_string_equal(read_tree(f, "/loop/x"), "ELOOP");
	assert_string_equal(read_tree(f, "/a"), "ELOOP");
}

static void walk_is_sorted_and_copy_equals(void **state)
{
	struct fixture *f = *state;
	struct am_walk *walk;
	const struct am_tree_stat *st;
	const char *path;
	char all[512] = "", one[65], two[65];
	const char *const patterns[] = {"ls", NULL};
	struct am_digest_options options = {.exclude = patterns};

	assert_int_equal(symlink("usr/bin", in(f, "root/bin")), 0);
	walk = am_walk_open(f->tree, "/", &f->error);
	assert_non_null(walk);
	while (am_walk_next(walk, &path, &st, &f->error) == 1) {
		strcat(all, path);
		strcat(all, " ");
	}
	am_walk_close(walk);
	assert_string_equal(all, "/ /bin /etc /etc/passwd /usr /usr/bin /usr/bin/ls ");
	assert_int_equal(am_tree_copy(f->tree, "/usr", f->tree, "/usr/x", &f->error), -1);
	assert_string_equal(f->error.code, "EINVAL");
	assert_int_equal(am_tree_copy(f->tree, "/usr", f->tree, "/copy", &f->error), 0);
	assert_int_equal(am_tree_digest(f->tree, "/usr", NULL, one, &f->error), 0);
	assert_int_equal(am_tree_digest(f->tree, "/copy", NULL, two, &f->error), 0);
	assert_string_equal(one, two);
	put(in(f, "root/copy/bin/ls"), "sl");
	assert_int_equal(am_tree_digest(f->tree, "/copy", NULL, two, &f->error), 0);
	assert_string_not_equal(one, two);
	assert_int_equal(am_tree_digest(f->tree, "/usr", &options, one, &f->error), 0);
	assert_int_equal(am_tree_digest(f->tree, "/copy", &options, two, &f->error), 0);
	assert_string_equal(one, two);
}

static void impossible_names_are_refused(void **state)
{
	struct am_entries entries = {0};
	struct am_error error;

	(void)state;
	assert_int_equal(am_entries_add(&entries, "..", NULL, &error), 0);
	assert_int_equal(entries.count, 0);
	assert_int_equal(am_entries_add(&entries, "../x", NULL, &error), -1);
	assert_string_equal(error.code, "EPROTO");
	assert_int_equal(am_entries_add(&entries, "", NULL, &error), -1);
	am_entries_free(&entries);
}

static void patterns(void **state)
{
	static const char *const list[] = {"*.log", "/var/adm/ras/*", NULL};

	(void)state;
	assert_true(am_path_matches(list, "/a/b/x.log"));
	assert_true(am_path_matches(list, "/var/adm/ras/x/y"));
	assert_false(am_path_matches(list, "/var/adm/ras"));
	assert_false(am_path_matches(list, "/var/adm/x.logs"));
	assert_false(am_path_matches(NULL, "/x"));
}

static void types_have_names(void **state)
{
	(void)state;
	for (int i = AM_TREE_FILE; i <= AM_TREE_SOCKET; i++)
		assert_int_equal(am_tree_type_of(am_tree_type_name((enum am_tree_type)i)), i);
	assert_int_equal(am_tree_type_of("files"), 0);
	assert_int_equal(am_tree_type_of(""), 0);
	assert_string_equal(am_tree_type_name((enum am_tree_type)0), "unknown");
	assert_string_equal(am_tree_type_name((enum am_tree_type)8), "unknown");
}

/* Whatever changes something is refused before it is looked at; reading goes on. */
static void a_frozen_tree_is_only_read(void **state)
{
	struct fixture *f = *state;
	struct am_tree_attr attr = {.set = AM_SET_MODE, .mode = 0600};
	struct am_tree *t = f->tree;
	struct am_error *e = &f->error;
	char why[300];

	memset(why, 'y', sizeof why);
	why[299] = '\0';
	am_tree_freeze(t, "the client runs from it");
	for (int i = 0; i < 12; i++) {
		int r = i == 0    ? am_tree_write(t, "/etc/passwd", "x", 1, NULL, e)
			: i == 1  ? am_tree_mkdir(t, "/new", 0755, e)
			: i == 2  ? am_tree_makedirs(t, "/new/new", 0755, e)
			: i == 3  ? am_tree_symlink(t, "x", "/new", e)
			: i == 4  ? am_tree_link(t, "/etc/passwd", "/new", e)
			: i == 5  ? am_tree_rename(t, "/etc/passwd", "/new", e)
			: i == 6  ? am_tree_remove(t, "/etc/passwd", e)
			: i == 7  ? am_tree_remove_all(t, "/missing", e)
			: i == 8  ? am_tree_mknod(t, "/new", AM_TREE_FIFO, 0600, 0, 0, e)
			: i == 9  ? am_tree_setattr(t, "/etc/passwd", 0, &attr, e)
			: i == 10 ? am_tree_copy(t, "/etc", t, "/new", e)
				  : am_tree_write(t, "no path", "x", 1, NULL, e);

		assert_int_equal(r, -1);
		assert_string_equal(e->code, "READ_ONLY");
		assert_non_null(strstr(e->message, ": the client runs from it"));
	}
	assert_int_equal(am_tree_exists(t, "/new", e), 0);
	assert_string_equal(read_tree(f, "/etc/passwd"), "root:!:0:0");
	am_tree_freeze(t, why);
	assert_int_equal(am_tree_remove(t, "/x", e), -1);
	assert_int_equal(strlen(strstr(e->message, "yyy")), 255);
	am_tree_freeze(t, "");
	assert_int_equal(am_tree_remove(t, "/x", e), -1);
	assert_string_equal(e->message, "remove: /x: the tree is frozen");
	am_tree_freeze(t, NULL);
	assert_int_equal(am_tree_remove(t, "/etc/passwd", e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(refuses_bad_paths),
		TEST(follows_links_inside_only),
		TEST(walk_is_sorted_and_copy_equals),
		cmocka_unit_test(impossible_names_are_refused),
		cmocka_unit_test(patterns),
		cmocka_unit_test(types_have_names),
		TEST(a_frozen_tree_is_only_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

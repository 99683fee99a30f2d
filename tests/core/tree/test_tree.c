/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tree/tree.h"
#include "tree/resolve.h"

/* BASE/outside is what must never be reached; BASE/root is the tree. */
struct fixture {
	char base[64];
	char path[256];
	struct am_tree *tree;
	struct am_error error;
};

static const char *in(struct fixture *f, const char *relative)
{
	snprintf(f->path, sizeof f->path, "%s/%s", f->base, relative);
	return f->path;
}

static void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static const char *content(const char *path)
{
	static char text[256];
	FILE *file = fopen(path, "r");
	size_t n = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;

	if (file != NULL)
		fclose(file);
	text[n] = '\0';
	return text;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	strcpy(f->base, "/tmp/altmig-tree-XXXXXX");
	if (mkdtemp(f->base) == NULL)
		return -1;
	mkdir(in(f, "outside"), 0755);
	put(in(f, "outside/secret"), "secret");
	mkdir(in(f, "root"), 0755);
	mkdir(in(f, "root/usr"), 0755);
	mkdir(in(f, "root/usr/bin"), 0755);
	mkdir(in(f, "root/etc"), 0755);
	put(in(f, "root/usr/bin/ls"), "ls");
	put(in(f, "root/etc/passwd"), "root:!:0:0");
	f->tree = am_tree_local(in(f, "root"), &f->error);
	*state = f;
	return f->tree != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct am_tree *base = am_tree_local("/tmp", NULL);

	am_tree_close(f->tree);
	am_tree_remove_all(base, f->base + 4, NULL);
	am_tree_close(base);
	free(f);
	return 0;
}

static const char *read_tree(struct fixture *f, const char *path)
{
	static struct am_buf buf;

	am_buf_free(&buf);
	buf = (struct am_buf){0};
	if (am_tree_read(f->tree, path, 0, &buf, &f->error) != 0) {
		am_buf_free(&buf);
		buf = (struct am_buf){0};
		return f->error.code;
	}
	{
		static char text[256];

		snprintf(text, sizeof text, "%s", buf.data != NULL ? buf.data : "");
		am_buf_free(&buf);
		buf = (struct am_buf){0};
		return text;
	}
}

static const char *resolved(struct fixture *f, const char *path)
{
	static char out[AM_TREE_PATH_MAX];

	return am_tree_resolve(f->tree, path, out, sizeof out, &f->error) == 0 ? out
									       : f->error.code;
}

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

/* Between the resolution of the directory and the use of the name, the directory is swapped. */
static void swapped_directory_does_not_lead_out(void **state)
{
	struct fixture *f = *state;
	struct am_place place;
	struct am_fs_file *file;
	char a[256], b[256];

	assert_int_equal(am_tree_locate(f->tree, "t", "/etc/secret", 0, &place, &f->error), 0);
	strcpy(a, in(f, "root/etc"));
	strcpy(b, in(f, "root/etc.moved"));
	assert_int_equal(rename(a, b), 0);
	snprintf(b, sizeof b, "%s/outside", f->base);
	assert_int_equal(symlink(b, a), 0);
	assert_int_equal(place.dir->fs->ops->unlink(place.dir, place.name, &f->error), -1);
	assert_string_equal(f->error.code, "ENOENT");
	file = place.dir->fs->ops->create(place.dir, "made", &f->error);
	assert_non_null(file);
	file->fs->ops->close(file);
	am_place_free(&place);
	assert_int_equal(access(in(f, "root/etc.moved/made"), F_OK), 0);
	assert_string_equal(content(in(f, "outside/secret")), "secret");
	/* and by path the link is now an absolute one inside the tree, where nothing is */
	assert_string_equal(read_tree(f, "/etc/secret"), "ENOENT");
}

/* A name that becomes a link between stat and open is not opened. */
static void name_turned_link_is_not_opened(void **state)
{
	struct fixture *f = *state;
	struct am_place place;

	assert_int_equal(am_tree_locate(f->tree, "t", "/etc/passwd", 1, &place, &f->error), 0);
	unlink(in(f, "root/etc/passwd"));
	assert_int_equal(symlink("../../outside/secret", in(f, "root/etc/passwd")), 0);
	assert_null(place.dir->fs->ops->open(place.dir, place.name, &f->error));
	assert_string_equal(f->error.code, "EINVAL");
	am_place_free(&place);
}

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

static void fifo_is_not_opened(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(am_tree_mknod(f->tree, "/p", AM_TREE_FIFO, 0666, 0, 0, &f->error), 0);
	assert_string_equal(read_tree(f, "/p"), "EINVAL");
	assert_string_equal(read_tree(f, "/etc"), "EISDIR");
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(refuses_bad_paths),
		TEST(follows_links_inside_only),
		TEST(write_never_leaves_the_tree),
		TEST(write_replaces_and_keeps_other_links),
		TEST(aborted_write_leaves_nothing),
		TEST(swapped_directory_does_not_lead_out),
		TEST(name_turned_link_is_not_opened),
		TEST(remove_all_does_not_follow),
		TEST(fifo_is_not_opened),
		TEST(walk_is_sorted_and_copy_equals),
		TEST(reader_outlives_its_tree),
		cmocka_unit_test(impossible_names_are_refused),
		cmocka_unit_test(patterns),
		cmocka_unit_test(temporary_names_are_the_same_in_every_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

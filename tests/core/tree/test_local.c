/* SPDX-License-Identifier: MIT */
/* The back end for a directory of this host: nothing that happens meanwhile leads out of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/statvfs.h>

#include "base/os.h"

#include "tree/local_tree.h"

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

static void a_root_must_be_a_directory(void **state)
{
	struct am_error error;

	(void)state;
	assert_null(am_tree_local("/dev/null", &error));
	assert_string_equal(error.code, "ENOTDIR");
	assert_null(am_tree_local("/no/such/root", &error));
	assert_string_equal(error.code, "ENOENT");
	assert_string_equal(error.message, "tree: /no/such/root: No such file or directory");
	assert_null(am_tree_local("", NULL));
}

/* The tree is the directory that was opened, wherever it is moved to. */
static void the_root_is_held_open(void **state)
{
	struct fixture *f = *state;
	char from[128], to[128];

	snprintf(from, sizeof from, "%s/root", f->base);
	snprintf(to, sizeof to, "%s/moved", f->base);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(symlink("outside", from), 0);
	assert_string_equal(read_tree(f, "/etc/passwd"), "root:!:0:0");
	assert_string_equal(read_tree(f, "/secret"), "ENOENT");
}

static void it_is_one_mount(void **state)
{
	struct fixture *f = *state;
	struct am_tree_mount mount;
	struct stat st;

	assert_int_equal(am_tree_mount_count(f->tree), 1);
	assert_int_equal(am_tree_mount(f->tree, 0, &mount, &f->error), 0);
	assert_string_equal(mount.at, "/");
	assert_string_equal(mount.host, "");
	assert_string_equal(mount.export, in(f, "root"));
	assert_string_equal(mount.handle, "");
	assert_int_equal(stat(in(f, "root"), &st), 0);
	assert_int_equal(mount.fsid, st.st_dev);
	assert_int_equal(am_tree_check_mounts(f->tree, &f->error), 0);
}

static void space_is_in_bytes(void **state)
{
	struct fixture *f = *state;
	struct am_tree_space space;
	struct statvfs st;

	assert_int_equal(statvfs(in(f, "root"), &st), 0);
	assert_int_equal(am_tree_df(f->tree, "/usr", &space, &f->error), 0);
	assert_true(space.total == (uint64_t)st.f_blocks * st.f_frsize);
	assert_true(space.avail <= space.free && space.free <= space.total);
}

static void devices_have_numbers(void **state)
{
	struct fixture *f = *state;
	struct am_tree *tree = am_tree_local("/dev", &f->error);
	struct am_tree_stat st;
	struct stat null;

	assert_non_null(tree);
	assert_int_equal(stat("/dev/null", &null), 0);
	assert_int_equal(am_tree_stat(tree, "/null", 1, &st, &f->error), 0);
	assert_int_equal(st.type, AM_TREE_CHAR);
	assert_int_equal(st.rdev_major, am_os_major(null.st_rdev));
	assert_int_equal(st.rdev_minor, am_os_minor(null.st_rdev));
	assert_null(am_tree_open(tree, "/null", &f->error));
	assert_string_equal(f->error.code, "EINVAL");
	am_tree_close(tree);
}

/* A name that is there, and be it a link, is never written through. */
static void create_makes_a_new_file_only(void **state)
{
	struct fixture *f = *state;
	struct am_place place;
	struct am_fs_file *file;
	const struct am_fs_ops *ops;
	struct stat st;

	assert_int_equal(symlink("../../outside/made", in(f, "root/etc/link")), 0);
	assert_int_equal(am_tree_locate(f->tree, "t", "/etc/link", 0, &place, &f->error), 0);
	ops = place.dir->fs->ops;
	assert_null(ops->create(place.dir, "link", &f->error));
	assert_string_equal(f->error.code, "EEXIST");
	assert_null(ops->create(place.dir, "passwd", &f->error));
	assert_string_equal(f->error.code, "EEXIST");
	file = ops->create(place.dir, "new", &f->error);
	assert_non_null(file);
	ops->close(file);
	assert_int_equal(stat(in(f, "root/etc/new"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(access(in(f, "outside/made"), F_OK), -1);
	assert_null(ops->enter(place.dir, "link", &f->error));
	assert_string_equal(f->error.code, "ENOTDIR");
	assert_null(ops->enter(place.dir, "passwd", &f->error));
	assert_string_equal(f->error.code, "ENOTDIR");
	am_place_free(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(swapped_directory_does_not_lead_out),
		TEST(name_turned_link_is_not_opened),
		cmocka_unit_test(a_root_must_be_a_directory),
		TEST(the_root_is_held_open),
		TEST(it_is_one_mount),
		TEST(space_is_in_bytes),
		TEST(devices_have_numbers),
		TEST(create_makes_a_new_file_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

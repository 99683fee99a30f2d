/* SPDX-License-Identifier: MIT */
/* What differs between systems, as far as it can be seen without being root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include "base/os.h"

static char dir[] = "/tmp/test_os.XXXXXX";

static const char *in_dir(const char *name)
{
	static char path[64];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static int setup(void **state)
{
	int fd;

	(void)state;
	if (mkdtemp(dir) == NULL || mkdir(in_dir("hidden"), 0700) != 0 ||
		mkdir(in_dir("hidden/below"), 0700) != 0 || chmod(in_dir("hidden"), 0111) != 0 ||
		symlink("hidden", in_dir("link")) != 0)
		return -1;
	fd = open(in_dir("file"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	(void)state;
	chmod(in_dir("hidden"), 0700);
	rmdir(in_dir("hidden/below"));
	rmdir(in_dir("hidden"));
	unlink(in_dir("link"));
	unlink(in_dir("file"));
	return rmdir(dir);
}

/* What changes the process is tried in another one; `check` says whether all was right there. */
static void assert_in_child(int (*check)(void))
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0)
		_exit(check() ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_device_numbers(void **state)
{
	static const unsigned numbers[][2] = {
		{0, 0}, {1, 3}, {10, 255}, {10, 256}, {255, 0xFFFF}, {4095, 0xFFFFF}, {256, 1}};

	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		dev_t device = am_os_device(numbers[i][0], numbers[i][1]);

		assert_int_equal(am_os_major(device), numbers[i][0]);
		assert_int_equal(am_os_minor(device), numbers[i][1]);
	}
}

static void test_directory_need_not_be_readable_and_is_no_link(void **state)
{
	int at = am_os_open_directory(AT_FDCWD, dir), fd;
	struct stat st;

	(void)state;
	assert_true(at >= 0);
	fd = am_os_open_directory(at, "hidden");
	assert_true(fd >= 0);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(fstatat(fd, "below", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0111);
	close(fd);
	assert_int_equal(am_os_open_directory(at, "link"), -1);
	assert_true(errno == ELOOP || errno == ENOTDIR);
	assert_int_equal(am_os_open_directory(at, "file"), -1);
	assert_int_equal(errno, ENOTDIR);
	assert_int_equal(am_os_open_directory(at, "missing"), -1);
	assert_int_equal(errno, ENOENT);
	close(at);
}

static void test_chroot_tells_why_not(void **state)
{
	(void)state;
	assert_int_equal(am_os_chroot(in_dir("missing")), -1);
	assert_true(errno == ENOENT || errno == EPERM);
	assert_int_equal(am_os_chroot(in_dir("file")), -1);
	assert_true(errno == ENOTDIR || errno == EPERM);
}

static int closes_from_the_given_one(void)
{
	int fd = open("/dev/null", O_RDONLY);

	if (dup2(fd, 50) != 50 || dup2(fd, 51) != 51 || dup2(fd, 200) != 200)
		return 0;
	am_os_cloexec_from(51);
	return fcntl(50, F_GETFD) == 0 && fcntl(51, F_GETFD) == FD_CLOEXEC &&
	       fcntl(200, F_GETFD) == FD_CLOEXEC && fcntl(52, F_GETFD) == -1;
}

static void test_cloexec(void **state)
{
	(void)state;
	assert_in_child(closes_from_the_given_one);
}

/* Another open file of this process counts as somebody else only where the system can do that. */
static int is_locked_for_others(void)
{
	int fd = open(in_dir("file"), O_RDWR | O_CLOEXEC);

	return fd >= 0 && am_os_lock_test(fd) == 1 && am_os_lock(fd) == -1 &&
	       (errno == EAGAIN || errno == EACCES);
}

static int is_free_for_others(void)
{
	int fd = open(in_dir("file"), O_RDWR | O_CLOEXEC);

	return fd >= 0 && am_os_lock_test(fd) == 0 && am_os_lock(fd) == 0;
}

static void test_lock_keeps_others_out_until_it_is_closed(void **state)
{
	int fd = open(in_dir("file"), O_RDWR | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_in_child(is_free_for_others);
	assert_int_equal(am_os_lock(fd), 0);
	assert_int_equal(am_os_lock(fd), 0);
	assert_int_equal(am_os_lock_test(fd), 0); /* one's own is none */
	assert_in_child(is_locked_for_others);
#if defined(__linux__)
	close(open(in_dir("file"), O_RDONLY | O_CLOEXEC));
	assert_in_child(is_locked_for_others);
#endif
	close(fd);
	assert_in_child(is_free_for_others);
	assert_int_equal(am_os_lock(-1), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(am_os_lock_test(-1), -1);
}

static int keeps_private(void)
{
	struct rlimit before, after;

	if (getrlimit(RLIMIT_CORE, &before) != 0)
		return 0;
	am_os_keep_private();
	if (getrlimit(RLIMIT_CORE, &after) != 0)
		return 0;
#if defined(__linux__)
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return 0;
#endif
	return after.rlim_cur == 0 && after.rlim_max == before.rlim_max;
}

static void test_no_core_file(void **state)
{
	(void)state;
	assert_in_child(keeps_private);
}

static void test_clear(void **state)
{
	char data[6] = "secret";

	(void)state;
	am_os_clear(data, 0);
	assert_memory_equal(data, "secret", 6);
	am_os_clear(data, 5);
	assert_memory_equal(data, "\0\0\0\0\0t", 6);
	am_os_clear(NULL, 0);
}

static void test_exe_path(void **state)
{
	char path[PATH_MAX], small[2];
	struct am_error error;
	struct stat there, here;
	size_t length;

	(void)state;
	assert_int_equal(am_os_exe_path(path, sizeof path, &error), 0);
	assert_int_equal(path[0], '/');
	assert_int_equal(stat(path, &there), 0);
	assert_int_equal(stat("/proc/self/exe", &here), 0);
	assert_true(there.st_ino == here.st_ino && there.st_dev == here.st_dev);
	length = strlen(path);
	assert_int_equal(am_os_exe_path(path, length + 1, &error), 0);
	assert_int_equal(am_os_exe_path(path, length, &error), -1); /* no room for the NUL */
	assert_string_equal(error.code, "ENAMETOOLONG");
	assert_int_equal(am_os_exe_path(small, sizeof small, &error), -1);
}

static void test_terminal_width(void **state)
{
	struct winsize window = {.ws_row = 24, .ws_col = 132};
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)state;
	assert_int_equal(am_os_terminal_width(fd), 0);
	close(fd);
	assert_int_equal(am_os_terminal_width(-1), 0);
	fd = posix_openpt(O_RDWR | O_NOCTTY);
	if (fd < 0)
		return; /* a system without pseudo terminals */
	assert_int_equal(ioctl(fd, TIOCSWINSZ, &window), 0);
	assert_int_equal(am_os_terminal_width(fd), 132);
	close(fd);
}

static void test_random(void **state)
{
	unsigned char a[33] = {0}, b[33] = {0};

	(void)state;
	am_os_random(a, 32);
	am_os_random(b, 32);
	assert_memory_not_equal(a, b, 32);
	assert_memory_not_equal(a, a + 16, 16);
	assert_int_equal(a[32], 0);
	memset(b, 7, sizeof b);
	am_os_random(b, 0);
	assert_int_equal(b[0], 7);
}

/* Sixteen pieces of a megabyte, in the order of requests that come back, as a restore has them. */
static long faults_of(int rounds)
{
	struct rusage before, after;
	char *piece[16] = {NULL};

	getrusage(RUSAGE_SELF, &before);
	for (int i = 0; i < 16 * rounds; i++) {
		free(piece[i % 16]);
		piece[i % 16] = malloc(1 << 20);
		assert_non_null(piece[i % 16]);
		memset(piece[i % 16], i, 1 << 20);
	}
	for (int i = 0; i < 16; i++)
		free(piece[i]);
	getrusage(RUSAGE_SELF, &after);
	return after.ru_minflt - before.ru_minflt;
}

static void test_memory_is_kept(void **state)
{
	(void)state;
#if defined(__SANITIZE_ADDRESS__) || !defined(__GLIBC__)
	skip();
#endif
	am_os_keep_memory();
	faults_of(1);
	assert_in_range(
		faults_of(20), 0, 255); /* of 5120 pages that are written to in each round */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_device_numbers),
		cmocka_unit_test(test_directory_need_not_be_readable_and_is_no_link),
		cmocka_unit_test(test_chroot_tells_why_not),
		cmocka_unit_test(test_cloexec),
		cmocka_unit_test(test_lock_keeps_others_out_until_it_is_closed),
		cmocka_unit_test(test_no_core_file),
		cmocka_unit_test(test_memory_is_kept),
		cmocka_unit_test(test_clear),
		cmocka_unit_test(test_exe_path),
		cmocka_unit_test(test_terminal_width),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

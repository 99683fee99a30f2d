/* SPDX-License-Identifier: MIT */
/* The one file that asks for more than POSIX. */
#if defined(__linux__)
#define _GNU_SOURCE /* NOLINT: F_OFD_SETLK, chroot */
#elif defined(_AIX)
#define _ALL_SOURCE
#endif

#include "base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#if defined(__linux__)
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#elif defined(_AIX)
#include <sys/procfs.h>
#include <sys/sysmacros.h>
#include <termios.h>
#endif

unsigned am_os_major(dev_t device)
{
	return (unsigned)major(device);
}

unsigned am_os_minor(dev_t device)
{
	return (unsigned)minor(device);
}

dev_t am_os_device(unsigned major_number, unsigned minor_number)
{
	return makedev(major_number, minor_number);
}

int am_os_open_directory(int at, const char *name)
{
#if defined(O_SEARCH)
	return openat(at, name, O_SEARCH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
#elif defined(O_PATH)
	return openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
#else
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
#endif
}

int am_os_chroot(const char *path)
{
	return chroot(path);
}

void am_os_cloexec_from(int low)
{
	long last;

#if defined(__linux__) && defined(SYS_close_range)
	if (syscall(SYS_close_range, (unsigned)low, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */) == 0)
		return;
#endif
	last = sysconf(_SC_OPEN_MAX);
	if (last < 0 || last > 65536)
		last = 65536;
	for (int fd = low; fd < (int)last; fd++) {
		int flags = fcntl(fd, F_GETFD);

		if (flags >= 0)
			(void)fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
	}
}

#if defined(F_OFD_SETLK)
#define LOCK_SET  F_OFD_SETLK
#define LOCK_TEST F_OFD_GETLK
#else
#define LOCK_SET  F_SETLK
#define LOCK_TEST F_GETLK
#endif

int am_os_lock(int fd)
{
	struct flock range;

	memset(&range, 0, sizeof range);
	range.l_type = F_WRLCK;
	range.l_whence = SEEK_SET;
	return fcntl(fd, LOCK_SET, &range);
}

int am_os_lock_test(int fd)
{
	struct flock range;

	memset(&range, 0, sizeof range);
	range.l_type = F_WRLCK;
	range.l_whence = SEEK_SET;
	if (fcntl(fd, LOCK_TEST, &range) != 0)
		return -1;
	return range.l_type != F_UNLCK;
}

void am_os_keep_private(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_CORE, &limit) == 0) {
		limit.rlim_cur = 0;
		(void)setrlimit(RLIMIT_CORE, &limit);
	}
#if defined(__linux__)
	/* The limit does not hold where core files go to a program. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

void am_os_keep_memory(void)
{
#if defined(__GLIBC__)
	/* Others have no such choice: AIX keeps what is freed. */
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
}

void am_os_clear(void *data, size_t length)
{
#if defined(__linux__)
	if (length > 0)
		explicit_bzero(data, length);
#else
	volatile unsigned char *p = data;

	while (length-- > 0)
		*p++ = 0;
#endif
}

int am_os_exe_path(char *path, size_t size, struct am_error *error)
{
#if defined(_AIX)
	/* The kernel keeps no path; the object file of the process can be opened, not named. */
	(void)path;
	(void)size;
	return am_fail(error, "ENOTSUP", "exe_path: this system does not tell");
#else
	ssize_t n = readlink("/proc/self/exe", path, size);

	if (n < 0)
		return am_fail_errno(error, errno, "exe_path: /proc/self/exe");
	if ((size_t)n >= size)
		return am_fail_errno(error, ENAMETOOLONG, "exe_path: /proc/self/exe");
	path[n] = '\0';
	return 0;
#endif
}

int am_os_terminal_width(int fd)
{
	struct winsize window;

	if (ioctl(fd, TIOCGWINSZ, &window) != 0)
		return 0;
	return window.ws_col;
}

void am_os_random(void *data, size_t length)
{
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, data, length);
	uint64_t state = 0;

	if (fd >= 0)
		close(fd);
	if (got == (ssize_t)length)
		return;
#if defined(__linux__)
	if (syscall(SYS_getrandom, data, length, 0) == (long)length)
		return;
#endif
	for (size_t i = 0; i < length; i++) {
		struct timespec now;

		clock_gettime(CLOCK_MONOTONIC, &now);
		state = state * 6364136223846793005u + (uint64_t)now.tv_nsec + (uint64_t)getpid() +
			(uint64_t)(uintptr_t)&now;
		((unsigned char *)data)[i] = (unsigned char)(state >> 56);
	}
}

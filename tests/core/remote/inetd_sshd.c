/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "remote/inetd_sshd.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "remote/ssh_auth.h"

#define SSHD "/usr/sbin/sshd"

struct inetd_sshd sshd;
static const char *missing;

static const char config[] =
	"StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
	"PermitRootLogin prohibit-password\nPrintMotd no\nUseDNS no\nMaxSessions 4\n";

const char *inetd_sshd_path(const char *name)
{
	static char paths[4][128];
	static int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof paths[0], "%s/%s", sshd.dir, name);
	return path;
}

int inetd_sshd_shell(const char *command)
{
	char line[1024];

	snprintf(line, sizeof line, "cd %s && { %s\n}", sshd.dir, command);
	return system(line) == 0 ? 0 : -1;
}

static int write_config(void)
{
	FILE *file = fopen(inetd_sshd_path("sshd_config"), "w");

	if (file == NULL)
		return -1;
	fprintf(file, "HostKey %s/host\nAuthorizedKeysFile %s/authorized_keys\nPidFile none\n%s",
		sshd.dir, sshd.dir, config);
	return fclose(file);
}

/* Why there cannot be one here, or NULL. */
static const char *make(void)
{
	const struct passwd *me = getpwuid(getuid());

	sshd = (struct inetd_sshd){.dir = "/tmp/altmig-inetd.XXXXXX"};
	if (access(SSHD, X_OK) != 0)
		return "no " SSHD;
	if (system("command -v ssh-keygen >/dev/null") != 0)
		return "no ssh-keygen";
	if (getuid() == 0 && system("unshare -m true 2>/dev/null") != 0)
		return "root needs a mount namespace, and none can be made";
	if (me == NULL || mkdtemp(sshd.dir) == NULL)
		return "no directory or no user";
	snprintf(sshd.user, sizeof sshd.user, "%s", me->pw_name);
	snprintf(sshd.identity, sizeof sshd.identity, "%s/user", sshd.dir);
	snprintf(sshd.known_hosts, sizeof sshd.known_hosts, "%s/known_hosts", sshd.dir);
	if (inetd_sshd_shell(
		    "for key in host user other; do ssh-keygen -q -N '' -t ed25519 -f $key || exit "
		    "1; done; "
		    "cp user.pub authorized_keys; "
		    "sed 's/^\\([^ ]* [^ ]*\\).*/pair \\1/' host.pub >known_hosts") != 0 ||
		write_config() != 0)
		return "its keys cannot be made";
	return NULL;
}

void inetd_sshd_kill(void)
{
	if (sshd.pid > 0) {
		kill(-sshd.pid, SIGKILL);
		waitpid(sshd.pid, NULL, 0);
	}
	sshd.pid = 0;
}

int inetd_sshd_setup(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	unsetenv("SSH_AUTH_SOCK");
	missing = make();
	if (missing != NULL)
		fprintf(stderr, "skipped: %s\n", missing);
	return 0;
}

int inetd_sshd_teardown(void **state)
{
	(void)state;
	inetd_sshd_kill();
	if (strstr(sshd.dir, "XXXXXX") == NULL)
		inetd_sshd_shell("rm -rf -- \"$PWD\"");
	return 0;
}

int inetd_sshd_is_missing(void)
{
	return missing != NULL;
}

void inetd_sshd_needed(void)
{
	if (missing != NULL)
		skip();
}

int inetd_sshd_exit(int failed)
{
	return missing != NULL && failed == 0 ? 77 : failed;
}

static void run_sshd(int fd)
{
	static const char plain[] = "exec " SSHD " -i -f sshd_config -E log";
	/* sshd insists on /run/sshd, and bash reads ~/.bashrc even for one command. */
	static const char as_root[] =
		"exec unshare -m sh -c \"sed 's,^\\\\(root:.*:\\\\)[^:]*$,\\\\1/bin/sh,' "
		"/etc/passwd >passwd && "
		"mount --bind passwd /etc/passwd && mount -t tmpfs none /run && mkdir /run/sshd && "
		"exec " SSHD " -i -f sshd_config -E log\"";

	setpgid(0, 0);
	dup2(fd, 0);
	dup2(fd, 1);
	if (chdir(sshd.dir) == 0)
		execl("/bin/sh", "sh", "-c", getuid() == 0 ? as_root : plain, (char *)NULL);
	_exit(127);
}

void inetd_sshd_begin(struct am_ssh *ssh)
{
	int ends[2];

	inetd_sshd_kill();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	sshd.pid = fork();
	assert_true(sshd.pid >= 0);
	if (sshd.pid == 0)
		run_sshd(ends[1]);
	setpgid(sshd.pid, sshd.pid);
	close(ends[1]);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	*ssh = (struct am_ssh){.host = "pair",
		.user = sshd.user,
		.identity = sshd.identity,
		.known_hosts = sshd.known_hosts,
		.port = 22,
		.timeout = 20,
		.keepalive = 30,
		.fd = ends[0],
		.session = libssh2_session_init()};
	assert_non_null(ssh->session);
	libssh2_session_set_blocking(ssh->session, 0);
	am_ssh_heard(ssh);
}

void inetd_sshd_login(struct am_ssh *ssh)
{
	struct am_error error = {0};
	double deadline = am_clock() + 20;

	inetd_sshd_begin(ssh);
	if (am_ssh_handshake(ssh, deadline, &error) != 0 ||
		am_ssh_authenticate(ssh, deadline, &error) != 0)
		fail_msg("%s: %s", error.code, error.message);
}

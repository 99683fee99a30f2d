/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "host/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/os.h"

extern char **environ;

#define TICK_MS      100 /* longest wait before the cancel flag and the child are looked at */
#define KILL_AFTER   1.0 /* seconds between SIGTERM and SIGKILL */
#define SILENT_AFTER 0.5 /* seconds of silence that end a run whose program has ended */

static const struct {
	const char *name;
	int number;
} signal_names[] = {
	{"HUP", SIGHUP},
	{"INT", SIGINT},
	{"QUIT", SIGQUIT},
	{"ILL", SIGILL},
	{"TRAP", SIGTRAP},
	{"ABRT", SIGABRT},
	{"BUS", SIGBUS},
	{"FPE", SIGFPE},
	{"KILL", SIGKILL},
	{"USR1", SIGUSR1},
	{"SEGV", SIGSEGV},
	{"USR2", SIGUSR2},
	{"PIPE", SIGPIPE},
	{"ALRM", SIGALRM},
	{"TERM", SIGTERM},
	{"CHLD", SIGCHLD},
	{"CONT", SIGCONT},
	{"STOP", SIGSTOP},
	{"TSTP", SIGTSTP},
	{"TTIN", SIGTTIN},
	{"TTOU", SIGTTOU},
	{"XCPU", SIGXCPU},
	{"XFSZ", SIGXFSZ},
	{"SYS", SIGSYS},
};

int am_signal_number(const char *name)
{
	for (size_t i = 0; i < sizeof signal_names / sizeof *signal_names; i++) {
		if (strcmp(signal_names[i].name, name) == 0)
			return signal_names[i].number;
	}
	return -1;
}

void am_signal_name(int number, char *name, size_t size)
{
	for (size_t i = 0; i < sizeof signal_names / sizeof *signal_names; i++) {
		if (signal_names[i].number == number) {
			snprintf(name, size, "%s", signal_names[i].name);
			return;
		}
	}
	snprintf(name, size, "SIG%d", number);
}

/* Descriptors of our own are never below 3, so that they cannot be in the way of 0, 1 and 2. */
static int make_pipe(int fds[2], struct am_error *error)
{
	int raw[2], reason;

	if (pipe(raw) != 0)
		return am_fail_errno(error, errno, "pipe");
	for (int i = 0; i < 2; i++)
		fds[i] = fcntl(raw[i], F_DUPFD_CLOEXEC, 3);
	reason = errno;
	for (int i = 0; i < 2; i++)
		close(raw[i]);
	if (fds[0] >= 0 && fds[1] >= 0)
		return 0;
	for (int i = 0; i < 2; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	return am_fail_errno(error, reason, "pipe");
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int same_name(const char *a, const char *b)
{
	size_t length = strcspn(a, "=");

	return strncmp(a, b, length) == 0 && b[length] == '=';
}

static int in_list(const char *word, const char *const *list)
{
	for (; list != NULL && *list != NULL; list++) {
		if (same_name(word, *list))
			return 1;
	}
	return 0;
}

/* The environment of the child; the vector is malloc'd, its words are not copied. */
static char **make_environment(const char *const *added, struct am_error *error)
{
	size_t count = 1, n = 0;
	char **vector;

	for (char **p = environ; p != NULL && *p != NULL; p++)
		count++;
	for (const char *const *p = added; p != NULL && *p != NULL; p++)
		count++;
	vector = calloc(count, sizeof *vector);
	if (vector == NULL) {
		am_fail_errno(error, ENOMEM, "environment");
		return NULL;
	}
	for (char **p = environ; p != NULL && *p != NULL; p++) {
		if (!in_list(*p, added))
			vector[n++] = *p;
	}
	for (const char *const *p = added; p != NULL && *p != NULL; p++)
		vector[n++] = (char *)(uintptr_t)*p;
	return vector;
}

/* What the child tells its parent when it could not become the program. */
struct start_failure {
	int errnum;
	enum { AT_SETUP, AT_CHROOT, AT_CHDIR, AT_EXEC } at;
};

static void default_signals(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGCHLD};
	struct sigaction action;
	sigset_t none;

	memset(&action, 0, sizeof action);
	action.sa_handler = SIG_DFL;
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		sigaction(numbers[i], &action, NULL);
	alarm(0); /* of ours, which exec would keep */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* From here to the new program; says in `failure` where it ended. */
static void become(
	const struct am_process *process, char **environment, struct start_failure *failure)
{
	failure->at = AT_SETUP;
	for (int i = 0; i < 3; i++) {
		if (process->stdio[i] >= 0 && dup2(process->stdio[i], i) < 0)
			goto failed;
	}
	failure->at = AT_CHROOT;
	if (process->chroot != NULL &&
		(chdir(process->chroot) != 0 || am_os_chroot(".") != 0 || chdir("/") != 0))
		goto failed;
	failure->at = AT_CHDIR;
	if (process->cwd != NULL && chdir(process->cwd) != 0)
		goto failed;
	failure->at = AT_EXEC;
	environ = environment;
	execvp(process->argv[0], (char *const *)(uintptr_t)process->argv);
failed:
	failure->errnum = errno;
}

static int report_failure(const struct am_process *process, const struct start_failure *failure,
	struct am_error *error)
{
	switch (failure->at) {
	case AT_CHROOT:
		return am_fail_errno(error, failure->errnum, "run: %s: chroot to %s",
			process->argv[0], process->chroot);
	case AT_CHDIR:
		return am_fail_errno(error, failure->errnum, "run: %s: change to %s",
			process->argv[0], process->cwd);
	case AT_SETUP:
	case AT_EXEC:
		break;
	}
	return am_fail_errno(error, failure->errnum, "run: %s", process->argv[0]);
}

static void run_child(const struct am_process *process, char **environment, int report)
{
	struct start_failure failure;
	ssize_t n;

	if (process->place == AM_PROCESS_SESSION)
		setsid();
	else if (process->place == AM_PROCESS_GROUP)
		setpgid(0, 0);
	default_signals();
	am_os_cloexec_from(3);
	become(process, environment, &failure);
	n = write(report, &failure, sizeof failure);
	_exit(n < 0 ? 126 : 127);
}

/* What the child wrote before it ended: 0 when it became the program (the pipe just closed). */
static int read_report(int fd, struct start_failure *failure)
{
	ssize_t n;

	do
		n = read(fd, failure, sizeof *failure);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof *failure;
}

int am_process_start(const struct am_process *process, pid_t *pid, struct am_error *error)
{
	struct start_failure failure;
	char **environment = make_environment(process->env, error);
	int report[2], result = 0;

	if (environment == NULL)
		return -1;
	if (make_pipe(report, error) != 0) {
		free(environment);
		return -1;
	}
	*pid = fork();
	if (*pid == 0)
		run_child(process, environment, report[1]);
	if (*pid < 0)
		result = am_fail_errno(error, errno, "run: %s: fork", process->argv[0]);
	free(environment);
	close(report[1]);
	if (result == 0 && read_report(report[0], &failure)) {
		while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
			;
		result = report_failure(process, &failure, error);
	}
	close(report[0]);
	return result;
}

int am_process_exec(const struct am_process *process, struct am_error *error)
{
	struct start_failure failure;
	char **environment = make_environment(process->env, error);
	char **before = environ;

	if (environment == NULL)
		return -1;
	default_signals();
	become(process, environment, &failure);
	environ = before;
	free(environment);
	return report_failure(process, &failure, error);
}

/* 1 ended, 0 running, -1. */
static int reap(pid_t pid, struct am_process_exit *how, struct am_error *error)
{
	int status;
	pid_t got;

	do
		got = waitpid(pid, &status, WNOHANG);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return am_fail_errno(error, errno, "wait: process %ld", (long)pid);
	if (got == 0)
		return 0;
	how->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	how->status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
	return 1;
}

int am_process_wait(pid_t pid, int nohang, struct am_process_exit *how, struct am_error *error)
{
	double pause = 0.0005;

	for (;;) {
		int ended = reap(pid, how, error);

		if (ended != 0 || nohang)
			return ended;
		if (am_sleep(pause, error) != 0)
			return -1;
		if (pause < 0.02)
			pause *= 2;
	}
}

/* One run: the three pipes and how far everything got. */
struct run {
	const struct am_process *process;
	const struct am_process_io *io;
	struct am_process_result *result;
	pid_t pid;
	int in, out, err;
	size_t fed;
	size_t told[2];  /* bytes of each stream the line callback has seen */
	int ended;       /* the program itself has ended and been reaped */
	double deadline; /* 0: none */
	double heard;    /* when the last byte came, or the end */
};

static int start_run(struct run *run, struct am_error *error)
{
	int pipes[3][2];
	struct am_process process = *run->process;
	int made = 0, result = 0;

	while (made < 3 && result == 0) {
		result = make_pipe(pipes[made], error);
		if (result == 0)
			made++;
	}
	if (result == 0) {
		process.place = AM_PROCESS_GROUP;
		process.stdio[0] = pipes[0][0];
		process.stdio[1] = pipes[1][1];
		process.stdio[2] = pipes[2][1];
		result = am_process_start(&process, &run->pid, error);
	}
	for (int i = 0; i < made; i++) {
		close(pipes[i][i == 0 ? 0 : 1]);
		if (result != 0)
			close(pipes[i][i == 0 ? 1 : 0]);
	}
	if (result != 0)
		return -1;
	run->in = pipes[0][1];
	run->out = pipes[1][0];
	run->err = pipes[2][0];
	for (int i = 0; i < 3; i++) {
		int fd = pipes[i][i == 0 ? 1 : 0];

		(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	}
	return 0;
}

static void feed(struct run *run)
{
	while (run->fed < run->io->input_length) {
		ssize_t n =
			write(run->in, run->io->input + run->fed, run->io->input_length - run->fed);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			break; /* it reads no more: its own affair */
		run->fed += (size_t)n;
	}
	close_fd(&run->in);
}

/* Hands whole lines to the callback; at the end of the stream also what is left. */
static int tell_lines(struct run *run, int stream, int at_end, struct am_error *error)
{
	const struct am_buf *buf = stream == AM_STDOUT ? &run->result->out : &run->result->err;
	size_t *told = &run->told[stream - 1];

	if (run->io->on_line == NULL)
		return 0;
	while (*told < buf->length) {
		const char *line = buf->data + *told;
		size_t left = buf->length - *told;
		const char *end = memchr(line, '\n', left);
		size_t length = end != NULL ? (size_t)(end - line) : left;

		if (end == NULL && !at_end)
			return 0;
		*told += end != NULL ? length + 1 : length;
		if (run->io->on_line(run->io->context, stream, line, length, error) != 0)
			return -1;
	}
	return 0;
}

/* Reads what is there; closes the pipe at its end. */
static int drain(struct run *run, int stream, struct am_error *error)
{
	int *fd = stream == AM_STDOUT ? &run->out : &run->err;
	struct am_buf *buf = stream == AM_STDOUT ? &run->result->out : &run->result->err;

	for (int round = 0; round < 16; round++) { /* the other stream gets its turn */
		ssize_t n;

		if (am_buf_reserve(buf, 65536, error) != 0)
			return -1;
		n = read(*fd, buf->data + buf->length, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0)
			return am_fail_errno(error, errno, "run: %s: read", run->process->argv[0]);
		if (n == 0) {
			close_fd(fd);
			return tell_lines(run, stream, 1, error);
		}
		run->heard = am_clock();
		buf->length += (size_t)n;
		buf->data[buf->length] = '\0';
		if (run->io->max_output != 0 && buf->length > run->io->max_output)
			return am_fail(error, "E2BIG", "run: %s: more than %zu bytes of output",
				run->process->argv[0], run->io->max_output);
		if (tell_lines(run, stream, 0, error) != 0)
			return -1;
	}
	return 0;
}

static int check_limits(struct run *run, struct am_error *error)
{
	if (am_cancelled())
		return am_fail(error, "CANCELLED", "run: %s: cancelled", run->process->argv[0]);
	if (run->deadline != 0 && am_clock() >= run->deadline)
		return am_fail(error, "ETIMEDOUT", "run: %s: not done after %g seconds",
			run->process->argv[0], run->io->timeout);
	return 0;
}

static int wait_ms(const struct run *run)
{
	double left;

	if (run->deadline == 0)
		return TICK_MS;
	left = (run->deadline - am_clock()) * 1000;
	if (left < 0)
		return 0;
	return left < TICK_MS ? (int)left + 1 : TICK_MS;
}

/* Moves bytes until both outputs have ended, or the program has and its heirs are silent. */
static int exchange(struct run *run, struct am_error *error)
{
	while (run->out >= 0 || run->err >= 0) {
		struct pollfd fds[3] = {
			{run->in, POLLOUT, 0}, {run->out, POLLIN, 0}, {run->err, POLLIN, 0}};
		int n;

		if (check_limits(run, error) != 0)
			return -1;
		n = poll(fds, 3, wait_ms(run));
		if (n < 0 && errno != EINTR)
			return am_fail_errno(error, errno, "run: %s: poll", run->process->argv[0]);
		if (n > 0) {
			if (fds[0].revents != 0)
				feed(run);
			if (fds[1].revents != 0 && drain(run, AM_STDOUT, error) != 0)
				return -1;
			if (fds[2].revents != 0 && drain(run, AM_STDERR, error) != 0)
				return -1;
			continue;
		}
		if (!run->ended) {
			run->ended = reap(run->pid, &run->result->exit, error);
			if (run->ended < 0)
				return -1;
			if (run->ended)
				run->heard = am_clock(); /* the silence counts from here */
		}
		if (run->ended && am_clock() - run->heard > SILENT_AFTER)
			break;
	}
	if (run->out >= 0 && tell_lines(run, AM_STDOUT, 1, error) != 0)
		return -1;
	return run->err >= 0 ? tell_lines(run, AM_STDERR, 1, error) : 0;
}

static int await_end(struct run *run, struct am_error *error)
{
	double pause = 0.0005;

	while (!run->ended) {
		struct am_error ignored;

		run->ended = reap(run->pid, &run->result->exit, error);
		if (run->ended < 0)
			return -1;
		if (run->ended)
			break;
		if (check_limits(run, error) != 0)
			return -1;
		(void)am_sleep(pause, &ignored);
		if (pause < 0.02)
			pause *= 2;
	}
	return 0;
}

/* Ends the whole group; the cancel flag, set or not, does not shorten this. */
static void end_group(struct run *run)
{
	double end = am_clock() + KILL_AFTER;
	struct am_error ignored;
	const struct timespec pause = {0, 5000000};

	kill(-run->pid, SIGTERM);
	while (run->ended == 0 && am_clock() < end) {
		run->ended = reap(run->pid, &run->result->exit, &ignored);
		if (run->ended == 0)
			nanosleep(&pause, NULL);
	}
	kill(-run->pid, SIGKILL);
	while (run->ended == 0) {
		run->ended = reap(run->pid, &run->result->exit, &ignored);
		if (run->ended == 0)
			nanosleep(&pause, NULL);
	}
}

int am_process_run(const struct am_process *process, const struct am_process_io *io,
	struct am_process_result *result, struct am_error *error)
{
	struct run run = {.process = process, .io = io, .result = result};
	struct sigaction ignore, before;
	int status;

	if (start_run(&run, error) != 0)
		return -1;
	memset(&ignore, 0, sizeof ignore);
	ignore.sa_handler = SIG_IGN; /* a program that does not read its input must not end us */
	sigemptyset(&ignore.sa_mask);
	sigaction(SIGPIPE, &ignore, &before);

	run.heard = am_clock();
	run.deadline = io->timeout > 0 ? run.heard + io->timeout : 0;
	if (io->input_length == 0)
		close_fd(&run.in);
	status = exchange(&run, error);
	if (status == 0) {
		close_fd(&run.in);
		status = await_end(&run, error);
	}
	if (status != 0)
		end_group(&run);
	close_fd(&run.in);
	close_fd(&run.out);
	close_fd(&run.err);
	sigaction(SIGPIPE, &before, NULL);
	return status;
}

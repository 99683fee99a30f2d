/* SPDX-License-Identifier: MIT */
/*
 * Connecting to what is no SSH server, or one that means harm: on ports of 127.0.0.1, each with a
 * process behind it that sends what the test says. Every case ends in time, with a named error, and
 * with bounded memory. Sessions that come about are in bind/test_ssh, with a real sshd; the probe
 * of the shell too. Host keys and logins: test_ssh_auth.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "remote/ssh_connect.h"

#define VERSION "SSH-2.0-harm\r\n"

static int listener = -1, port;

static int setup(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t length = sizeof address;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
		listen(listener, 8) != 0 ||
		getsockname(listener, (struct sockaddr *)&address, &length) != 0)
		return -1;
	port = ntohs(address.sin_port);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(listener);
	return 0;
}

/* What a server does with a connection. It is killed when the test is done with it. */
typedef void server_fn(int fd);

static void silent(int fd)
{
	char text[4096];

	while (read(fd, text, sizeof text) > 0)
		;
	pause();
}

static void closes_at_once(int fd)
{
	close(fd);
}

static void closes_after_its_version(int fd)
{
	if (write(fd, VERSION, strlen(VERSION)) > 0)
		close(fd);
}

static void of_another_protocol(int fd)
{
	static const char text[] = "220 mail.example ESMTP\r\n";

	if (write(fd, text, strlen(text)) > 0)
		silent(fd);
}

static void random_bytes(int fd)
{
	unsigned seed = 1;
	char text[512];

	for (;;) {
		for (size_t i = 0; i < sizeof text; i++)
			text[i] = (char)(seed = seed * 1103515245 + 12345);
		if (write(fd, text, sizeof text) <= 0)
			break;
	}
}

static void flood(int fd, const char *text)
{
	size_t length = strlen(text);

	while (write(fd, text, length) > 0)
		;
}

static void a_line_without_end(int fd)
{
	flood(fd, "SSH-2.0-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
}

/* Lines before the version are allowed (RFC 4253), but not for ever. */
static void lines_without_end(int fd)
{
	flood(fd, "welcome\r\nto this\r\nhost, where lines never end, so that nobody gets in\r\n");
}

static void drop_by_drop(int fd)
{
	struct timespec pause = {0, 20 * 1000 * 1000};

	while (write(fd, "S", 1) == 1)
		nanosleep(&pause, NULL);
}

/* A packet of binary lengths behind a sound version. */
static void packet(int fd, const unsigned char *data, size_t length)
{
	if (write(fd, VERSION, strlen(VERSION)) > 0 && write(fd, data, length) > 0)
		for (;;)
			if (write(fd, data + 5, length - 5) <= 0)
				break;
}

static void a_packet_of_four_gigabytes(int fd)
{
	unsigned char data[64] = {0xff, 0xff, 0xff, 0xff, 4, 20};

	packet(fd, data, sizeof data);
}

static void a_packet_of_no_bytes(int fd)
{
	unsigned char data[64] = {0, 0, 0, 0, 0, 20};

	packet(fd, data, sizeof data);
}

/* A KEXINIT whose first name list is longer than the packet. */
static void a_list_longer_than_its_packet(int fd)
{
	unsigned char data[64] = {0, 0, 0, 60, 4, 20};

	memset(data + 6, 7, 16);
	memset(data + 22, 0xff, 4);
	packet(fd, data, sizeof data);
}

/* Sound packets that say nothing (SSH_MSG_IGNORE), without end. */
static void packets_that_say_nothing(int fd)
{
	static const unsigned char data[16] = {0, 0, 0, 12, 6, 2, 0, 0, 0, 0};

	if (write(fd, VERSION, strlen(VERSION)) > 0)
		while (write(fd, data, sizeof data) > 0)
			;
}

/* Sound packets of a kind that nobody knows, which a library may keep for whoever asks for them. */
static void packets_nobody_knows(int fd)
{
	static unsigned char data[32768] = {0, 0, 0x7f, 0xfc, 4, 200};

	if (write(fd, VERSION, strlen(VERSION)) > 0)
		while (write(fd, data, sizeof data) > 0)
			;
}

static pid_t serve(server_fn *server)
{
	pid_t pid = fork();

	if (pid == 0) {
		int fd;

		alarm(60); /* should the test be killed */
		while ((fd = accept(listener, NULL, NULL)) >= 0)
			server(fd);
		_exit(0);
	}
	return pid;
}

static long peak_kib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

enum { MEMORY_MAX_KIB = 32 << 10 };

/* One try; the code it fails with. It takes at most `timeout` and a little, and bounded memory. */
static const char *fails_as(const struct am_ssh_options *options, struct am_error *error)
{
	double started = am_clock();
	long before = peak_kib();

	*error = (struct am_error){0};
	assert_null(am_ssh_connect(options, error));
	assert_true(am_clock() - started < options->timeout + 5);
#if !defined(__SANITIZE_ADDRESS__) /* which keeps what is freed */
	assert_true(peak_kib() - before < MEMORY_MAX_KIB);
#else
	(void)before;
#endif
	assert_non_null(strstr(error->message, options->host));
	return error->code;
}

static struct am_ssh_options options(void)
{
	return (struct am_ssh_options){.host = "127.0.0.1",
		.port = port,
		.user = "nobody",
		.identity = "/nonexistent/key",
		.known_hosts = "/nonexistent/known_hosts",
		.timeout = 1};
}

static void servers_that_are_none_end_in_a_named_error(void **state)
{
	static const struct {
		const char *name, *codes;
		server_fn *server;
	} cases[] = {
		{"silent", "SSH_TIMEOUT", silent},
		{"closes at once", "SSH_CONNECT", closes_at_once},
		{"closes after its version", "SSH_CONNECT", closes_after_its_version},
		{"another protocol", "SSH_CONNECT SSH_TIMEOUT", of_another_protocol},
		{"random bytes", "SSH_CONNECT SSH_TIMEOUT", random_bytes},
		{"a line without end", "SSH_CONNECT SSH_TIMEOUT", a_line_without_end},
		{"lines without end", "SSH_CONNECT SSH_TIMEOUT", lines_without_end},
		{"drop by drop", "SSH_CONNECT SSH_TIMEOUT", drop_by_drop},
		{"a packet of four gigabytes", "SSH_CONNECT", a_packet_of_four_gigabytes},
		{"a packet of no bytes", "SSH_CONNECT SSH_TIMEOUT", a_packet_of_no_bytes},
		{"a list longer than its packet", "SSH_CONNECT", a_list_longer_than_its_packet},
		{"packets that say nothing", "SSH_CONNECT SSH_TIMEOUT", packets_that_say_nothing},
		{"packets nobody knows", "SSH_CONNECT", packets_nobody_knows},
	};
	struct am_ssh_options o = options();
	struct am_error error;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		pid_t pid = serve(cases[i].server);
		const char *code = fails_as(&o, &error);

		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		if (strstr(cases[i].codes, code) == NULL)
			fail_msg("%s: %s: %s", cases[i].name, code, error.message);
	}
}

static void a_port_nobody_listens_on_is_named(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t length = sizeof address;
	struct am_ssh_options o = options();
	struct am_error error;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	getsockname(fd, (struct sockaddr *)&address, &length);
	o.port = ntohs(address.sin_port); /* bound, but not listened on */
	assert_string_equal(fails_as(&o, &error), "SSH_CONNECT");
	assert_non_null(strstr(error.message, "is sshd running there"));
	assert_non_null(strstr(error.message, "connect: nobody@127.0.0.1:"));
	close(fd);
}

static void a_name_that_is_none_is_said(void **state)
{
	struct am_ssh_options o = options();
	struct am_error error;

	(void)state;
	o.host = "no such host";
	o.timeout = 20; /* of the resolver, which is not ours */
	assert_string_equal(fails_as(&o, &error), "SSH_CONNECT");
	assert_non_null(strstr(error.message, "name not resolved"));
}

static void cancel(int number)
{
	(void)number;
	am_cancel();
}

/* Also while the other side sends without end. */
static void a_signal_ends_connecting(void **state)
{
	struct am_ssh_options o = options();
	struct am_error error = {0};
	pid_t pid;

	(void)state;
	o.timeout = 20;
	am_cancel();
	assert_string_equal(fails_as(&o, &error), "CANCELLED");
	am_cancel_clear();
	pid = serve(lines_without_end);
	signal(SIGALRM, cancel);
	alarm(1);
	assert_string_equal(fails_as(&o, &error), "CANCELLED");
	am_cancel_clear();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void null_may_be_closed(void **state)
{
	(void)state;
	am_ssh_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers_that_are_none_end_in_a_named_error),
		cmocka_unit_test(a_port_nobody_listens_on_is_named),
		cmocka_unit_test(a_name_that_is_none_is_said),
		cmocka_unit_test(a_signal_ends_connecting),
		cmocka_unit_test(null_may_be_closed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

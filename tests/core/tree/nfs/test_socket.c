/* SPDX-License-Identifier: MIT */
/* The wire that is a socket: made, refused, full, at its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tree/nfs/socket.h"

static int listen_at(struct sockaddr_in *address)
{
	socklen_t length = sizeof *address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*address = (struct sockaddr_in){.sin_family = AF_INET};
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)address, sizeof *address), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)address, &length), 0);
	return fd;
}

static void wait_for(struct am_wire *wire, int sending)
{
	struct pollfd p = {wire->ops->fd(wire), wire->ops->events(wire, sending), 0};

	assert_int_equal(poll(&p, 1, 5000), 1);
}

static void a_connection_is_made_and_carries_bytes(void **state)
{
	struct sockaddr_in address;
	int listener = listen_at(&address), peer;
	struct iovec parts[] = {{"ab", 2}, {"", 0}, {"cde", 3}};
	struct am_error error = {0};
	struct am_wire *wire;
	char text[8] = "";

	(void)state;
	assert_int_equal(listen(listener, 1), 0);
	wire = am_socket_connect((struct sockaddr *)&address, sizeof address, 0, &error);
	assert_non_null(wire);
	assert_int_equal(wire->connected, 0);
	assert_int_equal(wire->ops->events(wire, 0), POLLOUT);
	wait_for(wire, 0);
	assert_int_equal(wire->ops->finish(wire, &error), 0);
	assert_int_equal(wire->connected, 1);
	assert_int_equal(wire->ops->events(wire, 0), POLLIN);
	assert_int_equal(wire->ops->events(wire, 1), POLLIN | POLLOUT);
	peer = accept(listener, NULL, NULL);
	assert_int_equal(wire->ops->send(wire, parts, 3, &error), 5);
	assert_int_equal(read(peer, text, sizeof text), 5);
	assert_string_equal(text, "abcde");
	assert_int_equal(wire->ops->receive(wire, text, sizeof text, &error), 0);
	assert_int_equal(write(peer, "xy", 2), 2);
	wait_for(wire, 0);
	assert_int_equal(wire->ops->receive(wire, text, sizeof text, &error), 2);
	assert_memory_equal(text, "xy", 2);
	close(peer);
	wait_for(wire, 0);
	assert_int_equal(wire->ops->receive(wire, text, sizeof text, &error), -1);
	assert_string_equal(error.code, "ECONNRESET");
	wire->ops->close(wire);
	close(listener);
}

static void a_refused_connection_says_so(void **state)
{
	struct sockaddr_in address;
	int fd = listen_at(&address); /* and does not listen */
	struct am_error error = {0};
	struct am_wire *wire =
		am_socket_connect((struct sockaddr *)&address, sizeof address, 0, &error);

	(void)state;
	if (wire != NULL) {
		wait_for(wire, 0);
		assert_int_equal(wire->ops->finish(wire, &error), -1);
		assert_int_equal(wire->connected, 0);
		wire->ops->close(wire);
	}
	assert_string_equal(error.code, "ECONNREFUSED");
	close(fd);
}

static void a_full_socket_takes_no_more(void **state)
{
	static char block[65536];
	struct iovec part = {block, sizeof block};
	struct am_error error = {0};
	struct am_wire *wire;
	size_t taken = 0;
	ssize_t n;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	wire = am_socket_over(pair[0], &error);
	assert_non_null(wire);
	assert_int_equal(wire->connected, 1);
	while ((n = wire->ops->send(wire, &part, 1, &error)) > 0)
		taken += (size_t)n;
	assert_int_equal(n, 0);
	assert_true(taken > 0 && taken < 64u << 20);
	close(pair[1]);
	assert_int_equal(wire->ops->send(wire, &part, 1, &error), -1);
	assert_string_equal(error.code, "EPIPE");
	wire->ops->close(wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_is_made_and_carries_bytes),
		cmocka_unit_test(a_refused_connection_says_so),
		cmocka_unit_test(a_full_socket_takes_no_more),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "tree/nfs/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef MSG_NOSIGNAL
#define SEND_FLAGS MSG_NOSIGNAL
#else
#define SEND_FLAGS 0
#endif

enum { RESERVED_FIRST = 600 }; /* below are ports that services are known by */

struct socket_wire {
	struct am_wire base;
	int fd;
};

/* ---- connecting ---- */

static int set_flags(int fd)
{
	int one = 1, flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
		fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return -1;
	/* A socket pair has no such option, and needs none. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	return 0;
}

/* 0 when bound to that port of any address of the family. */
static int bind_port(int fd, int family, int port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};

	if (family == AF_INET6)
		return bind(fd, (struct sockaddr *)&in6, sizeof in6);
	return bind(fd, (struct sockaddr *)&in, sizeof in);
}

static int open_socket(int family)
{
	int fd = socket(family, SOCK_STREAM, 0), one = 1;

	if (fd >= 0 && set_flags(fd) != 0) {
		close(fd);
		return -1;
	}
	if (fd >= 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	return fd;
}

/* The descriptor of a connection that is begun, or -1 with errno. */
static int begin(const struct sockaddr *to, socklen_t length, int port)
{
	int fd = open_socket(to->sa_family);
	int saved;

	if (fd < 0)
		return -1;
	if ((port == 0 || bind_port(fd, to->sa_family, port) == 0) &&
		(connect(fd, to, length) == 0 || errno == EINPROGRESS))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* From any reserved port that is free, else from one the system chooses. */
static int begin_reserved(const struct sockaddr *to, socklen_t length)
{
	int count = IPPORT_RESERVED - RESERVED_FIRST;
	int first = (int)(((unsigned)getpid() * 7919u + (unsigned)time(NULL)) % (unsigned)count);

	for (int i = 0; i < count; i++) {
		int fd = begin(to, length, RESERVED_FIRST + (first + i) % count);

		if (fd >= 0)
			return fd;
		if (errno != EADDRINUSE && errno != EADDRNOTAVAIL)
			break;
	}
	return begin(to, length, 0);
}

/* ---- the wire ---- */

static int socket_finish(struct am_wire *base, struct am_error *error)
{
	struct socket_wire *wire = (struct socket_wire *)base;
	int result = 0;
	socklen_t length = sizeof result;

	if (getsockopt(wire->fd, SOL_SOCKET, SO_ERROR, &result, &length) != 0)
		result = errno;
	if (result != 0)
		return am_fail(error, am_errno_name(result), "%s", strerror(result));
	base->connected = 1;
	return 0;
}

static ssize_t socket_send(
	struct am_wire *base, const struct iovec *parts, size_t count, struct am_error *error)
{
	struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = count};
	ssize_t n;

	do {
		n = sendmsg(((struct socket_wire *)base)->fd, &message, SEND_FLAGS);
	} while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : am_fail_reason(error, errno);
}

static ssize_t socket_receive(struct am_wire *base, void *data, size_t size, struct am_error *error)
{
	ssize_t n;

	do {
		n = recv(((struct socket_wire *)base)->fd, data, size, 0);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		return n;
	if (n == 0)
		return am_fail(error, "ECONNRESET", "the server closed the connection");
	return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : am_fail_reason(error, errno);
}

static int socket_fd(const struct am_wire *base)
{
	return ((const struct socket_wire *)base)->fd;
}

static short socket_events(struct am_wire *base, int sending)
{
	if (!base->connected)
		return POLLOUT;
	return (short)(POLLIN | (sending ? POLLOUT : 0));
}

static int socket_ready(const struct am_wire *base)
{
	(void)base;
	return 0;
}

static void socket_close(struct am_wire *base)
{
	close(((struct socket_wire *)base)->fd);
	free(base);
}

static const struct am_wire_ops socket_ops = {
	.finish = socket_finish,
	.send = socket_send,
	.receive = socket_receive,
	.fd = socket_fd,
	.events = socket_events,
	.ready = socket_ready,
	.close = socket_close,
};

static struct am_wire *new_wire(int fd, int connected, struct am_error *error)
{
	struct socket_wire *wire = malloc(sizeof *wire);

	if (wire == NULL) {
		am_fail_reason(error, ENOMEM);
		close(fd);
		return NULL;
	}
	*wire = (struct socket_wire){{&socket_ops, connected}, fd};
	return &wire->base;
}

struct am_wire *am_socket_connect(
	const struct sockaddr *to, socklen_t length, int reserved, struct am_error *error)
{
	int fd = reserved ? begin_reserved(to, length) : begin(to, length, 0);

	if (fd >= 0)
		return new_wire(fd, 0, error);
	am_fail_reason(error, errno);
	return NULL;
}

struct am_wire *am_socket_over(int fd, struct am_error *error)
{
	if (set_flags(fd) == 0)
		return new_wire(fd, 1, error);
	am_fail_reason(error, errno);
	close(fd);
	return NULL;
}

/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE
#include "relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in local(uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int relay_listen(struct relay_port *port, const char *mapping)
{
	unsigned from, to;
	int one = 1, fd;
	struct sockaddr_in address;

	if (sscanf(mapping, "%u:%u", &from, &to) != 2 || from > 65535 || to > 65535)
		return -1;
	address = local((uint16_t)from);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
		listen(fd, 16) != 0)
		return -1;
	*port = (struct relay_port){fd, (uint16_t)to};
	return 0;
}

static int connect_to(uint16_t target)
{
	struct sockaddr_in address = local(target);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	for (int port = 1023; fd >= 0 && port > 600; port--) {
		struct sockaddr_in own = local((uint16_t)port);

		if (bind(fd, (struct sockaddr *)&own, sizeof own) == 0)
			break;
	}
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

int relay_accept(const struct relay_port *port, int ends[2])
{
	int one = 1;

	ends[0] = accept(port->fd, NULL, NULL);
	if (ends[0] < 0)
		return -1;
	ends[1] = connect_to(port->target);
	if (ends[1] < 0) {
		close(ends[0]);
		return -1;
	}
	for (int i = 0; i < 2; i++)
		setsockopt(ends[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return 0;
}

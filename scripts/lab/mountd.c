/* SPDX-License-Identifier: MIT */
/*
 * A client of the port mapper and of the MOUNT protocol (RFC 1833, RFC 1813 appendix I): just
 * enough to learn whether a server exports a path to this host.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "lpar.h"

enum {
	PROGRAM_PORTMAP = 100000,
	PROGRAM_MOUNT = 100005,
	PORTMAP_GETPORT = 3,
	MOUNT_MNT = 1,
	MOUNT_UMNT = 3,
	AUTH_UNIX = 1,
	PROTOCOL_TCP = 6,
	REPLY_MAX = 4096,
	CALL_MAX = 2048,
};

struct message {
	unsigned char bytes[CALL_MAX];
	size_t length;
};

static void put32(struct message *m, uint32_t value)
{
	if (m->length + 4 > sizeof m->bytes)
		return; /* callers bound what they put; see put_string */
	m->bytes[m->length++] = (unsigned char)(value >> 24);
	m->bytes[m->length++] = (unsigned char)(value >> 16);
	m->bytes[m->length++] = (unsigned char)(value >> 8);
	m->bytes[m->length++] = (unsigned char)value;
}

static int put_string(struct message *m, const char *text)
{
	size_t n = strlen(text), padded = (n + 3) & ~(size_t)3;

	if (n > 1024 || m->length + 4 + padded > sizeof m->bytes)
		return -1;
	put32(m, (uint32_t)n);
	memset(m->bytes + m->length, 0, padded);
	memcpy(m->bytes + m->length, text, n);
	m->length += padded;
	return 0;
}

static uint32_t get32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The record mark, the call header and an AUTH_UNIX credential of root. */
static void begin_call(
	struct message *m, uint32_t xid, uint32_t program, uint32_t version, uint32_t procedure)
{
	m->length = 0;
	put32(m, 0);
	put32(m, xid);
	put32(m, 0); /* CALL */
	put32(m, 2);
	put32(m, program);
	put32(m, version);
	put32(m, procedure);
	put32(m, AUTH_UNIX);
	put32(m, 24);
	put32(m, 0);
	put_string(m, "lpar");
	put32(m, 0);
	put32(m, 0);
	put32(m, 0); /* no supplementary groups */
	put32(m, 0); /* verifier: AUTH_NONE */
	put32(m, 0);
}

static int transfer(int fd, unsigned char *bytes, size_t length, int sending)
{
	while (length > 0) {
		ssize_t n = sending ? send(fd, bytes, length, MSG_NOSIGNAL)
				    : recv(fd, bytes, length, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		bytes += n;
		length -= (size_t)n;
	}
	return 0;
}

/* Sends the call and leaves the reply's result words in `reply`; their number of bytes, or -1. */
static int call(int fd, struct message *m, unsigned char *reply)
{
	uint32_t mark, verifier;
	size_t length = m->length;

	m->length = 0;
	put32(m, 0x80000000u | (uint32_t)(length - 4));
	if (transfer(fd, m->bytes, length, 1) != 0 || transfer(fd, reply, 4, 0) != 0)
		return -1;
	mark = get32(reply);
	if ((mark & 0x80000000u) == 0 || (mark & 0x7fffffffu) > REPLY_MAX)
		return -1;
	length = mark & 0x7fffffffu;
	if (length < 24 || transfer(fd, reply, length, 0) != 0)
		return -1;
	if (get32(reply + 4) != 1 || get32(reply + 8) != 0)
		return -1; /* not a reply, or denied */
	verifier = get32(reply + 16);
	if (verifier > 400 || 24 + (size_t)verifier > length || get32(reply + 20 + verifier) != 0)
		return -1;
	length -= 24 + verifier;
	memmove(reply, reply + 24 + verifier, length);
	return (int)length;
}

static int dial(unsigned address, unsigned port)
{
	struct timeval limit = {5, 0};
	struct sockaddr_in to;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	memset(&to, 0, sizeof to);
	to.sin_family = AF_INET;
	to.sin_port = htons((uint16_t)port);
	to.sin_addr.s_addr = address;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static unsigned mountd_port(unsigned address)
{
	unsigned char reply[REPLY_MAX];
	struct message m;
	unsigned port = 0;
	int fd = dial(address, 111);

	if (fd < 0)
		return 0;
	begin_call(&m, 1, PROGRAM_PORTMAP, 2, PORTMAP_GETPORT);
	put32(&m, PROGRAM_MOUNT);
	put32(&m, 3);
	put32(&m, PROTOCOL_TCP);
	put32(&m, 0);
	if (call(fd, &m, reply) >= 4)
		port = get32(reply);
	close(fd);
	return port > 65535 ? 0 : port;
}

static int refuse(char *why, unsigned size, const char **code, const char *name, const char *text)
{
	snprintf(why, size, "%s", text);
	*code = name;
	return -1;
}

int lab_mountd_ask(
	unsigned address, const char *path, char *why, unsigned why_size, const char **code)
{
	unsigned char reply[REPLY_MAX];
	struct message m;
	unsigned port = mountd_port(address);
	uint32_t status;
	int fd, n;

	if (port == 0)
		return refuse(why, why_size, code, "ETIMEDOUT", "no mount daemon answers");
	fd = dial(address, port);
	if (fd < 0)
		return refuse(why, why_size, code, "ETIMEDOUT", "the mount daemon does not answer");
	begin_call(&m, 2, PROGRAM_MOUNT, 3, MOUNT_MNT);
	if (put_string(&m, path) != 0) {
		close(fd);
		return refuse(why, why_size, code, "ENAMETOOLONG", "path too long");
	}
	n = call(fd, &m, reply);
	status = n >= 4 ? get32(reply) : 0;
	close(fd);
	if (n < 4)
		return refuse(why, why_size, code, "ETIMEDOUT", "the mount daemon gives no answer");
	switch (status) {
	case 0:
		return 0;
	case 1:
	case 13:
		return refuse(why, why_size, code, "EACCES", "access denied");
	case 2:
		return refuse(why, why_size, code, "ENOENT", "no such file or directory");
	case 20:
		return refuse(why, why_size, code, "ENOTDIR", "not a directory");
	default:
		snprintf(why, why_size, "the server refuses with status %u", (unsigned)status);
		*code = "EIO";
		return -1;
	}
}

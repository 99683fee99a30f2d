/* SPDX-License-Identifier: MIT */
#include "remote/ssh_forward.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "remote/ssh_session.h"

enum { CHUNK = 32700 }; /* what libssh2 puts into one packet */

/* --- the wire --------------------------------------------------------------------------------- */

struct forward {
	struct am_wire base;
	struct am_ssh_channel channel;
	char packet[CHUNK];
};

static const struct am_ssh_channel *channel_of(const struct am_wire *base)
{
	return &((const struct forward *)base)->channel;
}

static int is_gone(const struct am_ssh_channel *channel)
{
	return channel->ssh == NULL || channel->handle == NULL;
}

static int gone(const struct am_ssh_channel *channel, struct am_error *error)
{
	return is_gone(channel) ? am_fail(error, "SSH_LOST", "the SSH session was lost") : 0;
}

static int finish(struct am_wire *base, struct am_error *error)
{
	return gone(channel_of(base), error);
}

static size_t gather(char *packet, const struct iovec *parts, size_t count)
{
	size_t length = 0;

	for (size_t i = 0; i < count && length < CHUNK; i++) {
		size_t n = parts[i].iov_len;

		if (n > CHUNK - length)
			n = CHUNK - length;
		memcpy(packet + length, parts[i].iov_base, n);
		length += n;
	}
	return length;
}

/*
 * What libssh2 takes of a packet may be none while keys are exchanged; it wants to see the same
 * bytes again then, which is so as nobody offers others.
 */
static ssize_t send_parts(
	struct am_wire *base, const struct iovec *parts, size_t count, struct am_error *error)
{
	struct forward *forward = (struct forward *)base;
	struct am_ssh_channel *channel = &forward->channel;
	ssize_t n;

	if (gone(channel, error) != 0)
		return -1;
	if (libssh2_channel_eof(channel->handle))
		return am_fail(error, "ECONNRESET", "the server closed the connection");
	am_ssh_heard(channel->ssh);
	n = am_ssh_channel_write(channel, forward->packet, gather(forward->packet, parts, count),
		am_clock() + channel->ssh->timeout, error);
	return n;
}

static size_t waiting(const struct am_ssh_channel *channel)
{
	unsigned long there = 0;

	(void)libssh2_channel_window_read_ex(channel->handle, &there, NULL);
	return there;
}

/*
 * A connection has no standard error. What is sent for it all the same would wait here for ever,
 * and say each time that there is something to receive.
 */
static int pass_over(
	struct am_ssh_channel *channel, void *room, size_t size, struct am_error *error)
{
	if (waiting(channel) == 0)
		return 0;
	return am_ssh_channel_read(channel, 1, room, size < CHUNK ? size : CHUNK,
		       am_clock() + channel->ssh->timeout, error) < 0
		       ? -1
		       : 0;
}

static ssize_t receive(struct am_wire *base, void *data, size_t size, struct am_error *error)
{
	struct am_ssh_channel *channel = &((struct forward *)base)->channel;
	size_t got = 0;

	if (gone(channel, error) != 0)
		return -1;
	am_ssh_heard(channel->ssh);
	while (got < size) {
		size_t left = size - got;
		ssize_t n = am_ssh_channel_read(channel, 0, (char *)data + got,
			left < CHUNK ? left : CHUNK, am_clock() + channel->ssh->timeout, error);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	if (got == 0 && libssh2_channel_eof(channel->handle))
		return am_fail(error, "ECONNRESET", "the server closed the connection");
	if (got == 0 && pass_over(channel, data, size, error) != 0)
		return -1;
	return (ssize_t)got;
}

static int descriptor(const struct am_wire *base)
{
	const struct am_ssh_channel *channel = channel_of(base);

	return is_gone(channel) ? -1 : am_ssh_descriptor(channel->ssh);
}

/* Without a window it is what comes in that allows to send. */
static short events(struct am_wire *base, int sending)
{
	struct am_ssh_channel *channel = &((struct forward *)base)->channel;

	if (is_gone(channel))
		return POLLIN;
	am_ssh_listen(channel->ssh);
	if (sending && libssh2_channel_window_write(channel->handle) > 0)
		return POLLIN | POLLOUT;
	return POLLIN;
}

static int ready(const struct am_wire *base)
{
	const struct am_ssh_channel *channel = channel_of(base);

	if (is_gone(channel) || libssh2_channel_eof(channel->handle))
		return 1;
	return waiting(channel) > 0 || am_ssh_is_ready(channel->ssh);
}

static void close_wire(struct am_wire *base)
{
	struct forward *forward = (struct forward *)base;

	am_ssh_channel_close(&forward->channel);
	free(forward);
}

static const struct am_wire_ops ops = {
	.finish = finish,
	.send = send_parts,
	.receive = receive,
	.fd = descriptor,
	.events = events,
	.ready = ready,
	.close = close_wire,
};

/* --- opening ---------------------------------------------------------------------------------- */

static int refused(const struct am_ssh *ssh, const char *host, int port, struct am_error *error)
{
	const char *why = am_ssh_last_error(ssh);

	if (strstr(why, "prohibited") != NULL)
		return am_fail(error, "SSH_CHANNEL",
			"the sshd of %s does not forward connections to %s port %d: see "
			"AllowTcpForwarding, PermitOpen and DisableForwarding of its sshd_config, "
			"and restrict or no-port-forwarding in authorized_keys of user %s",
			ssh->host, host, port, ssh->user);
	return am_fail(error, "SSH_CHANNEL", "%s cannot connect to %s port %d: %s", ssh->host, host,
		port, why);
}

static int open_channel(struct am_ssh_channel *channel, const char *host, int port, double deadline,
	struct am_error *error)
{
	struct am_ssh *ssh = channel->ssh;
	int rc;

	am_ssh_heard(ssh);
	while ((channel->handle = libssh2_channel_direct_tcpip_ex(
			ssh->session, host, port, "127.0.0.1", 0)) == NULL) {
		rc = libssh2_session_last_errno(ssh->session);
		if (rc == LIBSSH2_ERROR_EAGAIN && am_ssh_wait(ssh, deadline, error) == 0)
			continue;
		if (rc == LIBSSH2_ERROR_EAGAIN)
			am_ssh_drop(ssh); /* half open: see open_handle of ssh_channel.c */
		else if (rc == LIBSSH2_ERROR_CHANNEL_FAILURE)
			refused(ssh, host, port, error);
		else
			am_ssh_lost(ssh, rc, error);
		return -1;
	}
	channel->next = ssh->channels;
	ssh->channels = channel;
	return 0;
}

struct am_wire *am_ssh_forward(
	struct am_ssh *ssh, const char *host, int port, double deadline, struct am_error *error)
{
	struct forward *forward = calloc(1, sizeof *forward);

	if (forward == NULL) {
		am_fail_errno(error, ENOMEM, "forward: %s", host);
		return NULL;
	}
	forward->base = (struct am_wire){&ops, 1};
	forward->channel.ssh = ssh;
	if (open_channel(&forward->channel, host, port, deadline, error) == 0)
		return &forward->base;
	free(forward);
	return NULL;
}

/* --- dialing ---------------------------------------------------------------------------------- */

struct dialer {
	struct am_dialer base;
	struct am_ssh *ssh;
};

/* What another try will not change: who the host is, and who we are. */
static int is_final(const char *code)
{
	return strcmp(code, "CANCELLED") == 0 || strcmp(code, "SSH_AUTH") == 0 ||
	       strcmp(code, "SSH_KEY") == 0 || strncmp(code, "SSH_HOSTKEY_", 12) == 0;
}

static struct am_wire *dial(
	struct am_dialer *base, const char *host, int port, double seconds, struct am_error *error)
{
	struct am_ssh *ssh = ((struct dialer *)base)->ssh;
	struct am_wire *wire = NULL;
	struct am_error why;

	/* A session that died while nobody used it is noticed by the first use, and made again. */
	for (int i = 0; wire == NULL && i < 2; i++) {
		if (i > 0 && (am_ssh_connected(ssh) || am_cancelled()))
			break;
		if (!am_ssh_connected(ssh) && am_ssh_reconnect(ssh, &why) != 0)
			break;
		wire = am_ssh_forward(ssh, host, port, am_clock() + seconds, &why);
	}
	if (wire == NULL)
		am_fail(error, is_final(why.code) ? why.code : "DIAL", "%s", why.message);
	return wire;
}

static void close_dialer(struct am_dialer *base)
{
	am_ssh_close(((struct dialer *)base)->ssh);
	free(base);
}

struct am_dialer *am_ssh_dialer(const struct am_ssh_options *options, struct am_error *error)
{
	struct dialer *dialer = calloc(1, sizeof *dialer);
	struct am_ssh_options own = *options;

	if (dialer == NULL) {
		am_fail_errno(error, ENOMEM, "connect: %s", options->host);
		return NULL;
	}
	own.no_commands = 1;
	dialer->base = (struct am_dialer){dial, close_dialer};
	dialer->ssh = am_ssh_new(&own, error);
	if (dialer->ssh != NULL)
		return &dialer->base;
	free(dialer);
	return NULL;
}

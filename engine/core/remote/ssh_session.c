/* SPDX-License-Identifier: MIT */
#include "remote/ssh_session.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/escape.h"

enum { UNANSWERED_MAX = 4 };

#define CLOSE_GRACE 0.3 /* seconds to wait for the host to confirm the end of a channel */

int am_ssh_half_sent(const struct am_ssh *ssh)
{
	return (libssh2_session_block_directions(ssh->session) & LIBSSH2_SESSION_BLOCK_OUTBOUND) !=
	       0;
}

int am_ssh_descriptor(const struct am_ssh *ssh)
{
	return ssh->carrier != NULL ? ssh->carrier->ops->fd(ssh->carrier) : ssh->fd;
}

void am_ssh_listen(struct am_ssh *ssh)
{
	ssh->taken = 0;
	if (ssh->carrier != NULL)
		(void)ssh->carrier->ops->events(ssh->carrier, 0);
}

int am_ssh_is_ready(const struct am_ssh *ssh)
{
	return ssh->carrier != NULL && ssh->carrier->ops->ready(ssh->carrier);
}

/* Waits for the connection once; more than 0: it is worth trying. */
static int poll_once(struct am_ssh *ssh, int sending, int wait_ms)
{
	struct pollfd p = {am_ssh_descriptor(ssh), POLLIN, 0};

	am_ssh_listen(ssh);
	if (ssh->carrier != NULL)
		p.events = ssh->carrier->ops->events(ssh->carrier, sending);
	else if (sending)
		p.events |= POLLOUT;
	/* Who has to send first would not take what is there. */
	if ((!sending || p.fd < 0) && am_ssh_is_ready(ssh))
		return 1;
	return poll(&p, 1, wait_ms);
}

void am_ssh_queue_record(struct am_ssh *ssh, struct am_ssh_channel *channel)
{
	struct am_record *record = channel->record;

	channel->record = NULL;
	if (record == NULL)
		return;
	am_record_end(record);
	if (ssh->last != NULL && am_record_repeats(ssh->last, record)) {
		ssh->last->repeated++;
		ssh->last->seconds = record->time + record->seconds - ssh->last->time;
		am_record_free(record);
		return;
	}
	if (ssh->last != NULL)
		ssh->last->next = record;
	else
		ssh->first = record;
	ssh->last = record;
}

void am_ssh_heard(struct am_ssh *ssh)
{
	ssh->asked = am_clock();
	ssh->unanswered = 0;
}

/*
 * Asks for a sign of life, or gives up when that was in vain too often. A packet is sent only when
 * it is sure to leave whole: see the header.
 */
static int ask_alive(struct am_ssh *ssh, struct am_error *error)
{
	struct pollfd writable = {am_ssh_descriptor(ssh), POLLOUT, 0};
	int next;

	if (ssh->unanswered == UNANSWERED_MAX)
		return am_fail(error, "SSH_LOST", "connection lost: no sign of life for %g s",
			ssh->keepalive * (UNANSWERED_MAX + 1));
	ssh->unanswered++;
	ssh->asked = am_clock();
	if (!am_ssh_half_sent(ssh) && poll(&writable, 1, 0) == 1 &&
		(writable.revents & POLLOUT) != 0)
		libssh2_keepalive_send(ssh->session, &next);
	return 0;
}

int am_ssh_wait(struct am_ssh *ssh, double deadline, struct am_error *error)
{
	for (;;) {
		double time = am_clock();
		int slice = AM_SSH_POLL_MS;

		if (!ssh->closing && am_cancelled())
			return am_fail(error, "CANCELLED", "cancelled");
		if (deadline != 0 && time >= deadline)
			return am_fail(error, "SSH_TIMEOUT", "timed out");
		if (time - ssh->asked > ssh->keepalive && ask_alive(ssh, error) != 0)
			return -1;
		if (deadline != 0 && deadline - time < slice / 1000.0)
			slice = (int)((deadline - time) * 1000) + 1;
		if (poll_once(ssh, am_ssh_half_sent(ssh), slice) > 0) {
			am_ssh_heard(ssh);
			return 0;
		}
	}
}

void am_ssh_drop(struct am_ssh *ssh)
{
	struct am_wire *carrier = ssh->carrier;

	ssh->carrier = NULL; /* as the shutdown below */
	for (struct am_ssh_channel *c = ssh->channels; c != NULL; c = c->next)
		c->handle = NULL;
	if (ssh->fd >= 0)
		shutdown(ssh->fd, SHUT_RDWR); /* nothing below can wait for the peer any more */
	if (ssh->session != NULL) {
		for (int i = 0; i < 100; i++) {
			if (libssh2_session_free(ssh->session) != LIBSSH2_ERROR_EAGAIN)
				break;
		}
		ssh->session = NULL;
	}
	if (ssh->fd >= 0)
		close(ssh->fd);
	ssh->fd = -1;
	if (carrier != NULL)
		carrier->ops->close(carrier);
}

const char *am_ssh_last_error(const struct am_ssh *ssh)
{
	char *text = NULL;

	if (ssh->flooded)
		return "the host sends without end what was not asked for";
	libssh2_session_last_error(ssh->session, &text, NULL, 0);
	return am_reason(text);
}

int am_ssh_lost(struct am_ssh *ssh, int rc, struct am_error *error)
{
	am_fail(error, "SSH_LOST", "connection lost: %s (%d)", am_ssh_last_error(ssh), rc);
	am_ssh_drop(ssh);
	return -1;
}

/* --- channels --- */

static void unlink_channel(struct am_ssh_channel *channel)
{
	struct am_ssh_channel **link = &channel->ssh->channels;

	while (*link != NULL && *link != channel)
		link = &(*link)->next;
	if (*link == channel)
		*link = channel->next;
}

/*
 * Ends the channel. The host confirms that at once if the command has ended. If it has not, the
 * confirmation may come very late; the rest is then left to libssh2, which frees what is left of a
 * channel with its session.
 */
void am_ssh_channel_close(struct am_ssh_channel *channel)
{
	struct am_ssh *ssh = channel->ssh;
	double deadline = am_clock() + CLOSE_GRACE;

	am_buf_free(&channel->script);
	if (ssh == NULL)
		return;
	unlink_channel(channel);
	am_ssh_queue_record(ssh, channel);
	channel->ssh = NULL;
	if (channel->handle == NULL)
		return;
	ssh->closing = 1;
	am_ssh_heard(ssh);
	while (libssh2_channel_free(channel->handle) == LIBSSH2_ERROR_EAGAIN) {
		int half = am_ssh_half_sent(ssh);

		if (am_ssh_wait(ssh, deadline, NULL) == 0)
			continue;
		if (half)
			am_ssh_drop(ssh);
		break;
	}
	ssh->closing = 0;
	channel->handle = NULL;
}

/* Repeats a half-sent request: waits, or drops the connection. 1: repeat, 0: nothing half sent. */
static int again(struct am_ssh *ssh, ssize_t rc, double deadline, struct am_error *error)
{
	if (rc != LIBSSH2_ERROR_EAGAIN || !am_ssh_half_sent(ssh))
		return 0;
	if (am_ssh_wait(ssh, deadline, error) == 0)
		return 1;
	am_ssh_drop(ssh);
	return -1;
}

ssize_t am_ssh_channel_read(struct am_ssh_channel *channel, int extended, char *data, size_t size,
	double deadline, struct am_error *error)
{
	struct am_ssh *ssh = channel->ssh;
	ssize_t n;
	int repeat;

	do {
		n = libssh2_channel_read_ex(
			channel->handle, extended ? SSH_EXTENDED_DATA_STDERR : 0, data, size);
		repeat = again(ssh, n, deadline, error);
	} while (repeat == 1);
	if (repeat < 0)
		return -1;
	if (n < 0 && n != LIBSSH2_ERROR_EAGAIN)
		return am_ssh_lost(ssh, (int)n, error);
	return n < 0 ? 0 : n;
}

ssize_t am_ssh_channel_write(struct am_ssh_channel *channel, const char *data, size_t size,
	double deadline, struct am_error *error)
{
	struct am_ssh *ssh = channel->ssh;
	ssize_t n;
	int repeat;

	do {
		n = libssh2_channel_write(channel->handle, data, size);
		repeat = again(ssh, n, deadline, error);
	} while (repeat == 1);
	if (repeat < 0)
		return -1;
	if (n == LIBSSH2_ERROR_CHANNEL_CLOSED || n == LIBSSH2_ERROR_CHANNEL_EOF_SENT)
		return (ssize_t)size;
	if (n < 0 && n != LIBSSH2_ERROR_EAGAIN)
		return am_ssh_lost(ssh, (int)n, error);
	return n < 0 ? 0 : n;
}

int am_ssh_fail_shell(const struct am_ssh *ssh, const char *what, const char *data, size_t length,
	struct am_error *error)
{
	char shown[AM_SSH_SHOWN * 4 + 1];

	am_escape_to(shown, sizeof shown, data, length < AM_SSH_SHOWN ? length : AM_SSH_SHOWN, 0);
	return am_fail(error, "SSH_SHELL",
		"%s: \"%s%s\". Answers of commands there cannot be trusted. Make the start-up of "
		"the shell of user %s silent when there is no terminal (in /etc/environment, "
		"/etc/profile, ~/.profile, ~/.kshrc, ~/.bashrc, ~/.ssh/rc: [ -t 1 ] && ...), and "
		"let no forced command print; then check that 'ssh %s@%s true' prints nothing",
		what, shown, length > AM_SSH_SHOWN ? " ..." : "", ssh->user, ssh->user, ssh->host);
}

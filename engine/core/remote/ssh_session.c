/* SPDX-License-Identifier: MIT */
#include "remote/ssh_session.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/escape.h"

enum { UNANSWERED_MAX = 4 };

int am_ssh_half_sent(const struct am_ssh *ssh)
{
	return (libssh2_session_block_directions(ssh->session) & LIBSSH2_SESSION_BLOCK_OUTBOUND) !=
	       0;
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
	struct pollfd writable = {ssh->fd, POLLOUT, 0};
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
		struct pollfd p = {ssh->fd, POLLIN, 0};
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
		if (am_ssh_half_sent(ssh))
			p.events |= POLLOUT;
		ssh->taken = 0;
		if (poll(&p, 1, slice) > 0) {
			am_ssh_heard(ssh);
			return 0;
		}
	}
}

void am_ssh_drop(struct am_ssh *ssh)
{
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
}

const char *am_ssh_last_error(const struct am_ssh *ssh)
{
	char *text = NULL;

	libssh2_session_last_error(ssh->session, &text, NULL, 0);
	return am_reason(text);
}

int am_ssh_lost(struct am_ssh *ssh, int rc, struct am_error *error)
{
	am_fail(error, "SSH_LOST", "connection lost: %s (%d)", am_ssh_last_error(ssh), rc);
	am_ssh_drop(ssh);
	return -1;
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

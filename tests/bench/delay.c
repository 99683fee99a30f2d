/* SPDX-License-Identifier: MIT */
/*
 * delay MICROSECONDS LISTEN:TARGET ...: relays connections to ports of 127.0.0.1 to others there
 * and hands every byte on after that time, in both directions: a link of twice that round-trip
 * time. SIGUSR1 resets all connections.
 */
#define _GNU_SOURCE
#include "relay.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PAIRS_MAX = 64, CHUNK = 256 << 10, QUEUE_MAX = 64 << 20 };

/* Bytes on their way. */
struct chunk {
	struct chunk *next;
	uint64_t due;
	size_t length, sent;
	char data[];
};

/* One direction of a connection: read from one end, not yet written to the other. */
struct direction {
	struct chunk *first, *last;
	size_t queued;
	int ended; /* nothing more comes in */
	int shut;  /* and the other end knows */
};

struct pair {
	int used;
	int fd[2];
	struct direction direction[2]; /* direction[i] comes from fd[i] */
};

static struct relay_port ports[RELAY_PORTS_MAX];
static int listening;
static struct pair pairs[PAIRS_MAX];
static uint64_t delay_us;
static volatile sig_atomic_t reset_wanted;

static void on_signal(int number)
{
	(void)number;
	reset_wanted = 1;
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void drop(struct pair *pair, int reset)
{
	struct linger linger = {1, 0};

	for (int i = 0; i < 2; i++) {
		if (reset)
			setsockopt(pair->fd[i], SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
		close(pair->fd[i]);
		while (pair->direction[i].first != NULL) {
			struct chunk *chunk = pair->direction[i].first;

			pair->direction[i].first = chunk->next;
			free(chunk);
		}
	}
	memset(pair, 0, sizeof *pair);
}

static void take_connection(const struct relay_port *port)
{
	int ends[2];

	if (relay_accept(port, ends) != 0)
		return;
	for (struct pair *pair = pairs; pair < pairs + PAIRS_MAX; pair++) {
		if (!pair->used) {
			*pair = (struct pair){.used = 1, .fd = {ends[0], ends[1]}};
			return;
		}
	}
	close(ends[0]);
	close(ends[1]);
}

/* 0, or -1 when the connection is over. */
static int take_in(struct direction *direction, int fd)
{
	struct chunk *chunk = malloc(sizeof *chunk + CHUNK);
	ssize_t n;

	if (chunk == NULL)
		return -1;
	n = recv(fd, chunk->data, CHUNK, MSG_DONTWAIT);
	if (n <= 0) {
		free(chunk);
		if (n == 0)
			direction->ended = 1;
		return n == 0 || errno == EAGAIN || errno == EINTR ? 0 : -1;
	}
	chunk = realloc(chunk, sizeof *chunk + (size_t)n); /* shrinks */
	*chunk = (struct chunk){.due = now_us() + delay_us, .length = (size_t)n};
	if (direction->last != NULL)
		direction->last->next = chunk;
	else
		direction->first = chunk;
	direction->last = chunk;
	direction->queued += (size_t)n;
	return 0;
}

static int hand_out(struct direction *direction, int fd, uint64_t now)
{
	while (direction->first != NULL && direction->first->due <= now) {
		struct chunk *chunk = direction->first;
		ssize_t n = send(fd, chunk->data + chunk->sent, chunk->length - chunk->sent,
			MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		chunk->sent += (size_t)n;
		direction->queued -= (size_t)n;
		if (chunk->sent < chunk->length)
			return 0;
		direction->first = chunk->next;
		if (direction->first == NULL)
			direction->last = NULL;
		free(chunk);
	}
	if (direction->first == NULL && direction->ended && !direction->shut) {
		direction->shut = 1;
		shutdown(fd, SHUT_WR);
	}
	return 0;
}

static int serve(struct pair *pair, const struct pollfd *fds)
{
	uint64_t now;

	for (int i = 0; i < 2; i++) {
		if ((fds[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0 &&
			take_in(&pair->direction[i], pair->fd[i]) != 0)
			return -1;
	}
	now = now_us();
	for (int i = 0; i < 2; i++) {
		if (hand_out(&pair->direction[i], pair->fd[1 - i], now) != 0)
			return -1;
	}
	return pair->direction[0].shut && pair->direction[1].shut ? -1 : 0;
}

static void wait_for_events(struct pollfd *fds, nfds_t count, uint64_t next)
{
	uint64_t now = now_us(), wait = next == UINT64_MAX ? 1000000 : next > now ? next - now : 0;
	struct timespec ts = {(time_t)(wait / 1000000), (long)(wait % 1000000) * 1000};

	if (ppoll(fds, count, &ts, NULL) < 0) {
		for (nfds_t i = 0; i < count; i++)
			fds[i].revents = 0;
	}
}

static void exchange(void)
{
	struct pollfd fds[RELAY_PORTS_MAX + 2 * PAIRS_MAX];
	struct pair *of[PAIRS_MAX];
	uint64_t next = UINT64_MAX, now = now_us();
	nfds_t n = 0, count = 0;

	for (int i = 0; i < listening; i++)
		fds[n++] = (struct pollfd){ports[i].fd, POLLIN, 0};
	for (struct pair *pair = pairs; pair < pairs + PAIRS_MAX; pair++) {
		if (!pair->used)
			continue;
		of[count++] = pair;
		for (int i = 0; i < 2; i++) {
			struct direction *in = &pair->direction[i], *out = &pair->direction[1 - i];
			int events = in->ended || in->queued > QUEUE_MAX ? 0 : POLLIN;

			if (out->first != NULL && out->first->due <= now)
				events |= POLLOUT;
			else if (out->first != NULL && out->first->due < next)
				next = out->first->due;
			fds[n++] =
				(struct pollfd){events != 0 ? pair->fd[i] : -1, (short)events, 0};
		}
	}
	wait_for_events(fds, n, next);
	for (nfds_t i = 0; i < count; i++) {
		if (serve(of[i], &fds[(nfds_t)listening + 2 * i]) != 0)
			drop(of[i], 0);
	}
	for (int i = 0; i < listening; i++) {
		if (fds[i].revents & POLLIN)
			take_connection(&ports[i]);
	}
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: delay MICROSECONDS LISTEN:TARGET ...\n");
		return 2;
	}
	delay_us = strtoull(argv[1], NULL, 10);
	for (int i = 2; i < argc; i++) {
		if (listening == RELAY_PORTS_MAX ||
			relay_listen(&ports[listening++], argv[i]) != 0) {
			fprintf(stderr, "delay: %s: %s\n", argv[i], strerror(errno));
			return 1;
		}
	}
	signal(SIGUSR1, on_signal);
	for (;;) {
		if (reset_wanted) {
			reset_wanted = 0;
			for (struct pair *pair = pairs; pair < pairs + PAIRS_MAX; pair++) {
				if (pair->used)
					drop(pair, 1);
			}
		}
		exchange();
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * busy STATUS PROCEDURE[,PROCEDURE...] EVERY COUNT LISTEN:TARGET ...: relays connections to ports
 * of 127.0.0.1 to others there, record by record, and answers every EVERYth NFS call of those
 * procedures (numbers of NFS version 3) itself with STATUS, COUNT times at most (0: for ever). The
 * server never sees such a call. STATUS "proc": as if it did not know the procedure. Prints how
 * many it answered when it gets SIGTERM.
 *
 * busy damage SEED EVERY COUNT LISTEN:TARGET ...: changes every EVERYth reply of the server
 * instead, whatever it answers, so that most still are whole records.
 */
#define _DEFAULT_SOURCE
#include "relay.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAIRS_MAX = 32, RECORD_MAX = 4 << 20, NFS = 100003, BODY = 16 };

struct pair {
	int used;
	int fd[2];       /* the client's, the server's */
	char *record[2]; /* what came from each, not yet whole */
	size_t filled[2];
};

static struct relay_port ports[RELAY_PORTS_MAX];
static int listening;
static struct pair pairs[PAIRS_MAX];
static uint32_t status;
static int damage, no_procedure;
static uint64_t state; /* of the numbers drawn for damage */
static int wanted[32];
static unsigned every, count, seen, answered;
static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static uint32_t word(const char *record, size_t index)
{
	uint32_t value;

	memcpy(&value, record + 4 * index, sizeof value);
	return ntohl(value);
}

static void drop(struct pair *pair)
{
	for (int i = 0; i < 2; i++) {
		close(pair->fd[i]);
		free(pair->record[i]);
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
			for (int i = 0; i < 2; i++)
				pair->record[i] = malloc(RECORD_MAX);
			return;
		}
	}
	close(ends[0]);
	close(ends[1]);
}

static int send_all(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t n = send(fd, data, length, MSG_NOSIGNAL);

		if (n <= 0)
			return -1;
		data += n;
		length -= (size_t)n;
	}
	return 0;
}

/* The call is one of those: mark, xid, CALL, RPC version, program, version, procedure. */
static int chosen(const char *record, size_t length)
{
	if (length < 28 || word(record, 2) != 0 || word(record, 4) != NFS ||
		word(record, 6) >= 32 || !wanted[word(record, 6)])
		return 0;
	if (count != 0 && answered >= count)
		return 0;
	return ++seen % every == 0;
}

/*
 * Accepted, no verifier, success; the status, and zeros for what follows it in an error. Or:
 * accepted, no such procedure.
 */
static int answer(const struct pair *pair, const char *record)
{
	uint32_t reply[8 + BODY / 4] = {0};

	reply[0] = htonl(0x80000000u | (uint32_t)(sizeof reply - 4));
	memcpy(&reply[1], record + 4, 4);
	reply[2] = htonl(1);
	reply[6] = htonl(no_procedure ? 3 : 0);
	reply[7] = htonl(status);
	answered++;
	return send_all(pair->fd[0], (const char *)reply, sizeof reply);
}

static uint32_t draw(uint32_t most)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33) % most;
}

static void put_word(char *record, size_t index, uint32_t value)
{
	value = htonl(value);
	memcpy(record + 4 * index, &value, sizeof value);
}

/* One word in three is the record's length or the reply's number: the connection breaks by it. */
static size_t spoil(char *record, size_t length)
{
	static const uint32_t numbers[] = {0, 1, 2, 64, 65, 255, 256, 0x3fffffff, 0x40000002,
		0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff, 10003, 10008, 70};
	uint32_t words = (uint32_t)(length / 4), first = draw(16) == 0 ? 0 : 6;

	answered++;
	if (words <= first)
		first = 0;
	switch (draw(4)) {
	case 0:
		record[4 * first + draw((uint32_t)(length - 4 * first))] ^= (char)(1u << draw(8));
		break;
	case 1: /* whole, but shorter */
		length = 4 * (1 + draw(words - 1));
		put_word(record, 0, 0x80000000u | (uint32_t)(length - 4));
		break;
	default:
		put_word(record, first + draw(words - first),
			numbers[draw(sizeof numbers / sizeof *numbers)]);
	}
	return length;
}

static int due(void)
{
	return damage && (count == 0 || answered < count) && ++seen % every == 0;
}

/* Hands the whole records from one side on. */
static int hand_on(struct pair *pair, int side)
{
	char *record = pair->record[side];
	ssize_t n = recv(
		pair->fd[side], record + pair->filled[side], RECORD_MAX - pair->filled[side], 0);

	if (n <= 0)
		return -1;
	pair->filled[side] += (size_t)n;
	while (pair->filled[side] >= 4) {
		size_t length = (word(record, 0) & 0x7fffffff) + 4;
		int r;

		if (length > RECORD_MAX)
			return -1;
		if (pair->filled[side] < length)
			return 0;
		if (side == 0 && chosen(record, length))
			r = answer(pair, record);
		else
			r = send_all(pair->fd[1 - side], record,
				side == 1 && due() ? spoil(record, length) : length);
		if (r != 0)
			return -1;
		pair->filled[side] -= length;
		memmove(record, record + length, pair->filled[side]);
	}
	return 0;
}

static void exchange(void)
{
	struct pollfd fds[RELAY_PORTS_MAX + 2 * PAIRS_MAX];
	nfds_t n = 0;

	for (int i = 0; i < listening; i++)
		fds[n++] = (struct pollfd){ports[i].fd, POLLIN, 0};
	for (int i = 0; i < PAIRS_MAX; i++) {
		fds[n++] = (struct pollfd){pairs[i].used ? pairs[i].fd[0] : -1, POLLIN, 0};
		fds[n++] = (struct pollfd){pairs[i].used ? pairs[i].fd[1] : -1, POLLIN, 0};
	}
	if (poll(fds, n, 1000) <= 0)
		return;
	for (int i = 0; i < PAIRS_MAX; i++) {
		for (int side = 0; side < 2 && pairs[i].used; side++) {
			if (fds[listening + 2 * i + side].revents != 0 &&
				hand_on(&pairs[i], side) != 0)
				drop(&pairs[i]);
		}
	}
	for (int i = 0; i < listening; i++) {
		if (fds[i].revents & POLLIN)
			take_connection(&ports[i]);
	}
}

int main(int argc, char **argv)
{
	if (argc < 6) {
		fprintf(stderr, "usage: busy STATUS PROCEDURE,... EVERY COUNT LISTEN:TARGET ...\n");
		return 2;
	}
	status = (uint32_t)strtoul(argv[1], NULL, 10);
	damage = strcmp(argv[1], "damage") == 0;
	no_procedure = strcmp(argv[1], "proc") == 0;
	state = strtoull(argv[2], NULL, 10) * 0x9E3779B97F4A7C15u;
	for (char *p = damage ? "" : argv[2]; *p != '\0'; p += *p == ',') {
		unsigned long procedure = strtoul(p, &p, 10);

		if (procedure < 32)
			wanted[procedure] = 1;
		if (*p != '\0' && *p != ',')
			return 2;
	}
	every = (unsigned)strtoul(argv[3], NULL, 10);
	count = (unsigned)strtoul(argv[4], NULL, 10);
	if (every == 0)
		every = 1;
	for (int i = 5; i < argc; i++) {
		if (listening == RELAY_PORTS_MAX ||
			relay_listen(&ports[listening++], argv[i]) != 0) {
			perror("busy");
			return 1;
		}
	}
	signal(SIGTERM, on_signal);
	while (!stopped)
		exchange();
	printf("%u\n", answered);
	return 0;
}

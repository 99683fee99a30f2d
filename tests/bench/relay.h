/* SPDX-License-Identifier: MIT */
/*
 * What the relays of the tests share: ports of 127.0.0.1 they listen on, each with the port there
 * that its connections go on to.
 */
#ifndef ALTMIG_BENCH_RELAY_H
#define ALTMIG_BENCH_RELAY_H

#include <stdint.h>

enum { RELAY_PORTS_MAX = 8 };

struct relay_port {
	int fd;
	uint16_t target;
};

/* Listens as "LISTEN:TARGET" says. 0, or -1 with errno (unchanged for a mapping that is none). */
int relay_listen(struct relay_port *port, const char *mapping);
/*
 * Takes a connection and goes on to the target, from a reserved port where that can be had, since
 * servers may want one. ends: the client's and the server's socket, without delay. 0, or -1 with
 * both closed.
 */
int relay_accept(const struct relay_port *port, int ends[2]);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * e2e_capture FILE: writes every frame that goes over the links of its network namespace to FILE,
 * one after the other, until SIGTERM; then prints how many there were, and how many were missed.
 * Needs root.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_RCVBUFFORCE
#define SO_RCVBUFFORCE 33
#endif

enum { WAITING = 256 << 20 };

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

int main(int argc, char **argv)
{
	static char frame[256 << 10];
	struct sigaction action = {.sa_handler = stop}; /* no restart: recv ends */
	struct tpacket_stats missed = {0};
	socklen_t length = sizeof missed;
	int size = WAITING, out, in;
	unsigned long count = 0;

	if (argc != 2)
		return 2;
	sigaction(SIGTERM, &action, NULL);
	out = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0600);
	in = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	if (out < 0 || in < 0 ||
		setsockopt(in, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0) {
		fprintf(stderr, "e2e_capture: %s\n", strerror(errno));
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (!stopped) {
		ssize_t n = recv(in, frame, sizeof frame, 0);

		if (n < 0 && errno != EINTR)
			break;
		if (n > 0 && write(out, frame, (size_t)n) != n)
			break;
		count += n > 0;
	}
	if (getsockopt(in, SOL_PACKET, PACKET_STATISTICS, &missed, &length) != 0 || !stopped)
		return 1;
	printf("%lu %u\n", count, missed.tp_drops);
	return 0;
}

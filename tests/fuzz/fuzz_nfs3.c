/* SPDX-License-Identifier: MIT */
/*
 * What an NFS server may answer: the decoders of results, and the bytes of a connection with
 * requests on their way.
 */
#include "fuzz.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tree/nfs/nfs3.h"
#include "tree/nfs/rpc.h"
#include "tree/nfs/socket.h"

enum { REQUESTS = 3 };

static void count_done(
	void *context, enum am_rpc_outcome outcome, struct am_xdr *results, const char *why)
{
	++*(int *)context;
	REQUIRE(outcome == AM_RPC_ANSWERED ? results != NULL : why != NULL);
}

/* The stream behind three requests, whose numbers are put into its first replies. */
static void connection(const uint8_t *data, size_t size)
{
	int pair[2], done[REQUESTS] = {0};
	char out[4096], *in = malloc(size + 1);
	struct am_error error;
	struct am_rpc *rpc;

	REQUIRE(in != NULL && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	rpc = am_rpc_over(am_socket_over(pair[0], &error), 0, 0, &error);
	REQUIRE(rpc != NULL);
	memcpy(in, data, size);
	for (size_t i = 0; i < REQUESTS; i++) {
		struct am_rpc_request asked = {.args = "", .done = count_done, .context = &done[i]};

		REQUIRE(am_rpc_send(rpc, &asked, &error) == 0);
		REQUIRE(am_rpc_service(rpc, POLLOUT, &error) == 0);
		REQUIRE(recv(pair[1], out, sizeof out, 0) > 8);
		if (size >= 32 * (i + 1))
			memcpy(in + 32 * i + 4, out + 4, 4);
	}
	(void)send(pair[1], in, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(pair[1], SHUT_WR);
	while (am_rpc_service(rpc, POLLIN, &error) == 0)
		;
	REQUIRE(error.code[0] != 0 && error.message[0] != 0); /* the bare reason */
	am_rpc_close(rpc);
	for (size_t i = 0; i < REQUESTS; i++)
		REQUIRE(done[i] == 1);
	close(pair[1]);
	free(in);
}

static void list(struct am_xdr *xdr, int plus)
{
	struct am_nfs3_entry entry;
	char verifier[8];

	am_nfs3_list_begin(xdr, verifier);
	while (am_nfs3_list_entry(xdr, plus, &entry)) {
		REQUIRE(strlen(entry.name) <= AM_TREE_NAME_MAX);
		REQUIRE(entry.handle.length <= sizeof entry.handle.data);
	}
	(void)am_nfs3_list_end(xdr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned choice = fuzz_choice(&data, &size) % 13;
	struct fuzz_part part = fuzz_copy(data, size);
	struct am_xdr xdr = {
		(unsigned char *)part.data, (unsigned char *)part.data + part.length, 0};
	struct am_tree_stat stat;
	struct am_handle handle;
	struct am_nfs3_read read;
	struct am_nfs3_written written;
	struct am_tree_space space;
	uint32_t length, most[2];
	char verifier[8];

	switch (choice) {
	case 0:
		am_nfs3_attributes(&xdr, &stat);
		break;
	case 1:
		(void)am_nfs3_made(&xdr, &handle, &stat);
		break;
	case 2:
		(void)am_nfs3_text(&xdr, &length);
		break;
	case 3:
		am_nfs3_read(&xdr, &read);
		REQUIRE(xdr.bad || (read.data >= part.data &&
					   read.data + read.length <= part.data + part.length));
		break;
	case 4:
		am_nfs3_written(&xdr, &written);
		break;
	case 5:
		am_nfs3_committed(&xdr, verifier);
		break;
	case 6:
		list(&xdr, 1);
		break;
	case 11:
		list(&xdr, 0);
		break;
	case 7:
		am_nfs3_space(&xdr, &space);
		break;
	case 8:
		am_nfs3_limits(&xdr, &most[0], &most[1]);
		break;
	case 9:
		am_mount_result(&xdr, &handle);
		break;
	case 10:
		(void)am_portmap_result(&xdr);
		break;
	default:
		connection(data, size);
	}
	REQUIRE(xdr.at >= (unsigned char *)part.data && xdr.at <= xdr.end);
	fuzz_part_free(&part);
	return 0;
}

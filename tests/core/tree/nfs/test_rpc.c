/* SPDX-License-Identifier: MIT */
/* One RPC connection over a socket pair: records, replies in any order, refusals, the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tree/nfs/rpc.h"
#include "tree/nfs/socket.h"

struct seen {
	int calls;
	enum am_rpc_outcome outcome;
	uint32_t first;
	size_t left;
	char why[100];
};

struct fixture {
	struct am_rpc *rpc;
	int peer;
};

static int start(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct am_error error;
	int pair[2];

	assert_non_null(f);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	f->rpc = am_rpc_over(am_socket_over(pair[0], &error), 7, 8, &error);
	f->peer = pair[1];
	assert_non_null(f->rpc);
	*state = f;
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	am_rpc_close(f->rpc);
	close(f->peer);
	free(f);
	return 0;
}

static void done(
	void *context, enum am_rpc_outcome outcome, struct am_xdr *results, const char *why)
{
	struct seen *seen = context;

	seen->calls++;
	seen->outcome = outcome;
	if (outcome == AM_RPC_ANSWERED) {
		seen->left = am_xdr_left(results);
		seen->first = am_xdr_u32(results);
	} else {
		strncpy(seen->why, why, sizeof seen->why - 1);
	}
}

/* Sends a request and returns its number. */
static uint32_t ask(struct fixture *f, struct seen *seen)
{
	unsigned char record[4096];
	struct am_rpc_request asked = {.program = 100003,
		.version = 3,
		.procedure = 1,
		.args = "abcdefg",
		.args_length = 7,
		.done = done,
		.context = seen};
	struct am_error error;
	struct am_xdr xdr;
	ssize_t n;
	uint32_t mark, xid;

	memset(seen, 0, sizeof *seen);
	assert_int_equal(am_rpc_send(f->rpc, &asked, &error), 0);
	assert_int_equal(am_rpc_events(f->rpc), POLLIN | POLLOUT);
	assert_int_equal(am_rpc_service(f->rpc, POLLOUT, &error), 0);
	assert_int_equal(am_rpc_events(f->rpc), POLLIN);
	n = recv(f->peer, record, sizeof record, MSG_DONTWAIT);
	assert_true(n > 4);
	xdr = (struct am_xdr){record, record + n, 0};
	mark = am_xdr_u32(&xdr);
	assert_int_equal(mark, 0x80000000u | (uint32_t)(n - 4));
	xid = am_xdr_u32(&xdr);
	assert_int_equal(am_xdr_u32(&xdr), 0); /* CALL */
	assert_int_equal(am_xdr_u32(&xdr), 2); /* of RPC */
	assert_int_equal(am_xdr_u32(&xdr), 100003);
	assert_int_equal(am_xdr_u32(&xdr), 3);
	assert_int_equal(am_xdr_u32(&xdr), 1);
	assert_int_equal(am_xdr_u32(&xdr), 1); /* AUTH_SYS: stamp, machine, owner */
	assert_int_equal(am_xdr_u32(&xdr), 28);
	am_xdr_fixed(&xdr, 4 + 4 + 8);
	assert_int_equal(am_xdr_u32(&xdr), 7);
	assert_int_equal(am_xdr_u32(&xdr), 8);
	assert_int_equal(am_xdr_u32(&xdr), 0);
	assert_int_equal(am_xdr_u32(&xdr), 0); /* no verifier */
	assert_int_equal(am_xdr_u32(&xdr), 0);
	assert_int_equal(am_xdr_left(&xdr), 8);
	assert_memory_equal(xdr.at, "abcdefg\0", 8);
	assert_false(xdr.bad);
	return xid;
}

/* A reply up to the state, and one word of results. */
static size_t reply(unsigned char *to, uint32_t xid, uint32_t state, uint32_t word)
{
	struct am_xdr_out out = {to, to + 64, 0};

	am_xdr_put_u32(&out, 0x80000000u | 28);
	am_xdr_put_u32(&out, xid);
	am_xdr_put_u32(&out, 1);
	am_xdr_put_u32(&out, 0);
	am_xdr_put_u32(&out, 0);
	am_xdr_put_u32(&out, 0);
	am_xdr_put_u32(&out, state);
	am_xdr_put_u32(&out, word);
	return (size_t)(out.at - to);
}

static int give(struct fixture *f, const void *data, size_t length, struct am_error *error)
{
	assert_int_equal(send(f->peer, data, length, 0), length);
	memset(error, 0, sizeof *error);
	return am_rpc_service(f->rpc, POLLIN, error);
}

static void assert_broken(struct fixture *f, const void *data, size_t length, const char *why)
{
	struct am_error error;

	assert_int_equal(give(f, data, length, &error), -1);
	assert_string_equal(error.code, "EPROTO");
	assert_non_null(strstr(error.message, why));
	am_rpc_close(f->rpc);
	f->rpc = NULL;
}

static void assert_lost(const struct seen *seen)
{
	assert_int_equal(seen->calls, 1);
	assert_int_equal(seen->outcome, AM_RPC_LOST);
}

static void replies_come_in_any_order(void **state)
{
	struct fixture *f = *state;
	struct seen seen[3];
	uint32_t xid[3];
	unsigned char bytes[64];
	struct am_error error;

	for (int i = 0; i < 3; i++)
		xid[i] = ask(f, &seen[i]);
	for (int i = 2; i >= 0; i--) {
		size_t n = reply(bytes, xid[i], 0, 40 + (uint32_t)i);

		assert_int_equal(give(f, bytes, n, &error), 0);
		assert_int_equal(seen[i].calls, 1);
		assert_int_equal(seen[i].outcome, AM_RPC_ANSWERED);
		assert_int_equal(seen[i].first, 40 + i);
		assert_int_equal(seen[i].left, 4);
	}
}

static void records_come_byte_by_byte_and_in_fragments(void **state)
{
	struct fixture *f = *state;
	struct seen seen, other;
	uint32_t xid = ask(f, &seen), second = ask(f, &other);
	unsigned char bytes[64], cut[128];
	struct am_error error;
	size_t n = reply(bytes, xid, 0, 77), at = 0;

	for (size_t i = 0; i < n; i++) {
		assert_int_equal(seen.calls, 0);
		assert_int_equal(give(f, bytes + i, 1, &error), 0);
	}
	assert_int_equal(seen.first, 77);
	/* the next one in fragments of 4, with one that follows in the same piece */
	n = reply(bytes, second, 0, 78);
	for (size_t i = 4; i < n; i += 4) {
		struct am_xdr_out out = {cut + at, cut + sizeof cut, 0};

		am_xdr_put_u32(&out, (i + 4 == n ? 0x80000000u : 0) | 4);
		am_xdr_put_fixed(&out, bytes + i, 4);
		at += 8;
	}
	xid = ask(f, &seen);
	n = reply(bytes, xid, 0, 79);
	assert_true(at + n <= sizeof cut);
	memcpy(cut + at, bytes, n);
	assert_int_equal(give(f, cut, at + n, &error), 0);
	assert_int_equal(other.first, 78);
	assert_int_equal(other.left, 4);
	assert_int_equal(seen.first, 79);
}

static void a_refused_call_says_why(void **state)
{
	static const struct {
		uint32_t accepted, value;
		const char *why;
	} cases[] = {
		{1, 1, "does not serve this program"},
		{1, 2, "version"},
		{1, 3, "procedure"},
		{1, 4, "arguments"},
		{1, 5, "out of order"},
		{0, 0, "another version of RPC"},
		{0, 1, "credential"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct seen seen;
		unsigned char bytes[64];
		uint32_t xid = ask(f, &seen);
		struct am_error error;
		size_t n = reply(bytes, xid, cases[i].value, 0);

		if (!cases[i].accepted) {
			struct am_xdr_out out = {bytes + 12, bytes + sizeof bytes, 0};

			am_xdr_put_u32(&out, 1);
			am_xdr_put_u32(&out, cases[i].value);
		}
		assert_int_equal(give(f, bytes, n, &error), 0);
		assert_int_equal(seen.calls, 1);
		assert_int_equal(seen.outcome, AM_RPC_REFUSED);
		assert_non_null(strstr(seen.why, cases[i].why));
	}
}

static void a_reply_to_nothing_breaks_the_connection(void **state)
{
	struct fixture *f = *state;
	struct seen seen;
	unsigned char bytes[64];
	uint32_t xid = ask(f, &seen);
	size_t n = reply(bytes, xid + 1, 0, 1);

	assert_broken(f, bytes, n, "a reply to no request");
	assert_lost(&seen);
}

static void a_second_reply_breaks_the_connection(void **state)
{
	struct fixture *f = *state;
	struct seen seen;
	unsigned char bytes[64];
	size_t n = reply(bytes, ask(f, &seen), 0, 1);
	struct am_error error;

	assert_int_equal(give(f, bytes, n, &error), 0);
	assert_broken(f, bytes, n, "a reply to no request");
	assert_int_equal(seen.calls, 1);
}

static void a_reply_before_the_request_went_out_breaks_the_connection(void **state)
{
	struct fixture *f = *state;
	struct seen seen, next = {0};
	struct am_rpc_request asked = {.args = "", .done = done, .context = &next};
	unsigned char bytes[64];
	struct am_error error;
	size_t n = reply(bytes, ask(f, &seen) + 1, 0, 1);

	assert_int_equal(am_rpc_send(f->rpc, &asked, &error), 0);
	assert_broken(f, bytes, n, "still being sent");
	assert_lost(&seen);
	assert_lost(&next);
}

static void damaged_headers_break_the_connection(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
		const char *why;
	} cases[] = {
		{8, 0, "no reply"},                    /* a call */
		{8, 2, "no reply"},                    /* neither */
		{12, 2, "no reply"},                   /* neither accepted nor denied */
		{20, 0xfffffffc, "header of a reply"}, /* a verifier of negative length */
		{20, 401, "header of a reply"},        /* one that is too long */
		{20, 64, "header of a reply"},         /* one beyond the end */
		{24, 6, "unknown state"},
		{0, 0x80000004, "header of a reply"}, /* only a number */
		{0, 0x80000000, "header of a reply"}, /* nothing */
		{0, 0, "empty fragment"},
		{0, 0xffffffff, "too long"},
		{0, 0x80000000u + AM_RPC_RECORD_MAX + 1, "too long"},
		{0, AM_RPC_RECORD_MAX + 1, "too long"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct seen seen;
		unsigned char bytes[64];
		struct fixture *f;
		struct am_xdr_out out;
		size_t n;

		end(state);
		start(state);
		f = *state;
		n = reply(bytes, ask(f, &seen), 0, 1);
		out = (struct am_xdr_out){bytes + cases[i].at, bytes + sizeof bytes, 0};
		am_xdr_put_u32(&out, cases[i].value);
		assert_broken(f, bytes, n, cases[i].why);
		assert_lost(&seen);
	}
}

static void the_largest_record_is_taken_and_kept_memory_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct seen seen;
	static unsigned char bytes[AM_RPC_RECORD_MAX + 4];
	struct am_xdr_out mark;
	struct am_error error;
	size_t sent = 0;
	int flags = fcntl(f->peer, F_GETFL);

	assert_int_equal(fcntl(f->peer, F_SETFL, flags | O_NONBLOCK), 0);
	reply(bytes, ask(f, &seen), 0, 5);
	mark = (struct am_xdr_out){bytes, bytes + 4, 0};
	am_xdr_put_u32(&mark, 0x80000000u | AM_RPC_RECORD_MAX);
	while (seen.calls == 0) {
		ssize_t n = send(f->peer, bytes + sent, AM_RPC_RECORD_MAX + 4 - sent, 0);

		if (n > 0)
			sent += (size_t)n;
		assert_int_equal(am_rpc_service(f->rpc, POLLIN, &error), 0);
	}
	assert_int_equal(seen.left, AM_RPC_RECORD_MAX - 24);
}

static void data_go_out_whole_with_their_padding(void **state)
{
	enum { LENGTH = (1 << 20) - 3 };
	struct fixture *f = *state;
	struct seen seen = {0};
	char *data = malloc(LENGTH), *got = malloc(LENGTH + 200);
	struct am_rpc_request asked = {.args = "12345678",
		.args_length = 8,
		.data = data,
		.data_length = LENGTH,
		.done = done,
		.context = &seen};
	struct am_error error;
	size_t filled = 0, head = 4 + 6 * 4 + 36 + 8 + 8, whole = head + 4 + LENGTH + 3;

	assert_non_null(data);
	assert_non_null(got);
	for (size_t i = 0; i < LENGTH; i++)
		data[i] = (char)(i * 7 % 251);
	assert_int_equal(am_rpc_send(f->rpc, &asked, &error), 0);
	while (filled < whole) {
		ssize_t n;

		assert_int_equal(am_rpc_service(f->rpc, POLLOUT, &error), 0);
		n = recv(f->peer, got + filled, LENGTH + 200 - filled, MSG_DONTWAIT);
		assert_true(n > 0);
		filled += (size_t)n;
	}
	assert_int_equal(filled, whole);
	assert_memory_equal(got + head - 8, "12345678\0\x0f\xff\xfd", 12);
	assert_memory_equal(got + head + 4, data, LENGTH);
	assert_memory_equal(got + whole - 3, "\0\0\0", 3);
	assert_int_equal(seen.calls, 0);
	free(data);
	free(got);
}

static void what_is_too_large_is_refused(void **state)
{
	struct fixture *f = *state;
	struct am_rpc_request asked = {.args_length = AM_RPC_ARGS_MAX + 1, .done = done};
	struct am_error error;

	assert_int_equal(am_rpc_send(f->rpc, &asked, &error), -1);
	assert_string_equal(error.code, "E2BIG");
	asked = (struct am_rpc_request){
		.data = "", .data_length = AM_RPC_DATA_MAX + 1, .done = done};
	assert_int_equal(am_rpc_send(f->rpc, &asked, &error), -1);
	assert_string_equal(error.code, "E2BIG");
}

static void the_end_is_told_to_every_request_once(void **state)
{
	struct fixture *f = *state;
	struct seen seen[600];
	struct am_error error;

	for (int i = 0; i < 600; i++)
		ask(f, &seen[i]);
	shutdown(f->peer, SHUT_RDWR);
	assert_int_equal(am_rpc_service(f->rpc, POLLIN | POLLHUP, &error), -1);
	assert_string_equal(error.code, "ECONNRESET");
	am_rpc_close(f->rpc);
	f->rpc = NULL;
	for (int i = 0; i < 600; i++)
		assert_lost(&seen[i]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
	const struct CMUnitTest tests[] = {
		TEST(replies_come_in_any_order),
		TEST(records_come_byte_by_byte_and_in_fragments),
		TEST(a_refused_call_says_why),
		TEST(a_reply_to_nothing_breaks_the_connection),
		TEST(a_second_reply_breaks_the_connection),
		TEST(a_reply_before_the_request_went_out_breaks_the_connection),
		TEST(damaged_headers_break_the_connection),
		TEST(the_largest_record_is_taken_and_kept_memory_is_bounded),
		TEST(data_go_out_whole_with_their_padding),
		TEST(what_is_too_large_is_refused),
		TEST(the_end_is_told_to_every_request_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

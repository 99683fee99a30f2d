/* SPDX-License-Identifier: MIT */
/*
 * The way of a request: many at a time in any order, a busy server, a stale directory, one that is
 * refused, a lost connection, the guard. The server is this program, which answers whenever the
 * engine waits.
 */
#define _GNU_SOURCE /* NOLINT: ppoll */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tree/nfs/names.h"
#include "tree/nfs/work.h"

enum { ASKED_MAX = 400, NAME_AT = 72, FILE_BASE = 1000 };

static const struct am_handle root = {.length = 8, .data = "H0000001"};

/* A request as it came. */
struct asked {
	int connection;
	uint32_t xid, procedure;
	char handle[9], name[32];
};

static struct {
	int fd[CONNECTIONS];
	unsigned char in[CONNECTIONS][1 << 16];
	size_t filled[CONNECTIONS];
	struct asked asked[ASKED_MAX];
	size_t count, answered;
	size_t hold;           /* answers nothing before that many have come, then in reverse */
	int refuse;            /* says that it does not know the procedure */
	uint32_t status[16];   /* of the first answers, in order; NFS3_OK afterwards */
	uint32_t stale_handle; /* the last digit of a handle that is stale; 0: none */
	int silent;
} server;

static struct nfs_fs *fs;
static struct am_error error;
static int guarded, guard_result;

static void parse(int connection, const unsigned char *data, size_t length)
{
	struct asked *asked = &server.asked[server.count];
	struct am_xdr xdr = {data, data + length, 0};
	const char *handle, *name;
	uint32_t n;

	assert_true(server.count < ASKED_MAX);
	memset(asked, 0, sizeof *asked);
	asked->connection = connection;
	am_xdr_u32(&xdr);
	asked->xid = am_xdr_u32(&xdr);
	am_xdr_fixed(&xdr, 4 * 4);
	asked->procedure = am_xdr_u32(&xdr);
	xdr.at = data + NAME_AT;
	handle = am_xdr_opaque(&xdr, 64, &n);
	assert_int_equal(n, 8);
	memcpy(asked->handle, handle, 8);
	if (asked->procedure == AM_NFS3_LOOKUP || asked->procedure == AM_NFS3_MKDIR ||
		asked->procedure == AM_NFS3_REMOVE) {
		name = am_xdr_opaque(&xdr, 31, &n);
		assert_non_null(name);
		memcpy(asked->name, name, n);
	}
	server.count++;
}

static void put_attributes(struct am_xdr_out *out, int is_dir, uint64_t fileid)
{
	am_xdr_put_u32(out, is_dir ? 2 : 1);
	for (int i = 0; i < 4; i++)
		am_xdr_put_u32(out, 0);
	for (int i = 0; i < 3; i++)
		am_xdr_put_u64(out, 0);
	am_xdr_put_u64(out, 7); /* file system */
	am_xdr_put_u64(out, fileid);
	for (int i = 0; i < 6; i++)
		am_xdr_put_u32(out, 0);
}

/* Names are "f12" for the file 12, "d" for a directory. */
static void put_results(struct am_xdr_out *out, const struct asked *asked)
{
	uint64_t fileid = FILE_BASE + (uint64_t)strtoul(asked->name + 1, NULL, 10);

	switch (asked->procedure) {
	case AM_NFS3_GETATTR:
		put_attributes(out, 1, 1);
		break;
	case AM_NFS3_LOOKUP:
		am_xdr_put_opaque(out, asked->name[0] == 'd' ? "H0000003" : "H0000004", 8);
		am_xdr_put_u32(out, 1);
		put_attributes(out, asked->name[0] == 'd', fileid);
		am_xdr_put_u32(out, 0);
		break;
	default: /* MKDIR, REMOVE: nothing that anybody needs */
		for (int i = 0; i < 4; i++)
			am_xdr_put_u32(out, 0);
	}
}

static void answer(const struct asked *asked)
{
	unsigned char record[512];
	struct am_xdr_out out = {record + 4, record + sizeof record, 0};
	uint32_t status = server.answered < 16 ? server.status[server.answered] : NFS3_OK;

	if (server.stale_handle != 0 && asked->handle[7] == (char)server.stale_handle)
		status = NFS3ERR_STALE;
	server.answered++;
	am_xdr_put_u32(&out, asked->xid);
	am_xdr_put_u32(&out, 1);
	am_xdr_put_u32(&out, 0);
	am_xdr_put_u64(&out, 0);
	am_xdr_put_u32(&out, server.refuse ? 3 : 0);
	if (!server.refuse)
		am_xdr_put_u32(&out, status);
	if (!server.refuse && status == NFS3_OK)
		put_results(&out, asked);
	assert_false(out.overflow);
	{
		struct am_xdr_out mark = {record, record + 4, 0};

		am_xdr_put_u32(&mark, 0x80000000u | (uint32_t)(out.at - record - 4));
	}
	assert_true(send(server.fd[asked->connection], record, (size_t)(out.at - record),
			    MSG_NOSIGNAL) > 0);
}

static void receive(int connection)
{
	unsigned char *in = server.in[connection];
	ssize_t n = recv(server.fd[connection], in + server.filled[connection],
		sizeof server.in[0] - server.filled[connection], MSG_DONTWAIT);
	size_t at = 0;

	if (n > 0)
		server.filled[connection] += (size_t)n;
	while (server.filled[connection] - at >= 4) {
		struct am_xdr xdr = {in + at, in + at + 4, 0};
		size_t length = 4 + (am_xdr_u32(&xdr) & 0x7fffffff);

		if (server.filled[connection] - at < length)
			break;
		parse(connection, in + at, length);
		at += length;
	}
	server.filled[connection] -= at;
	memmove(in, in + at, server.filled[connection]);
}

static void serve(void)
{
	size_t first = server.count;

	for (int c = 0; c < CONNECTIONS; c++)
		receive(c);
	if (server.silent)
		return;
	if (server.hold > 0) {
		if (server.count < server.hold)
			return;
		first = 0;
		server.hold = 0;
		for (size_t i = server.count; i > 0; i--)
			answer(&server.asked[i - 1]);
		return;
	}
	for (size_t i = first; i < server.count; i++)
		answer(&server.asked[i]);
}

/* Stands before the system's: the one place where the engine waits. */
int poll(struct pollfd *fds, nfds_t count, int wait_ms)
{
	struct timespec wait = {wait_ms / 1000, wait_ms % 1000 * 1000000L};

	serve();
	return ppoll(fds, count, wait_ms < 0 ? NULL : &wait, NULL);
}

static int guard(void *context, const char *at, struct am_error *why)
{
	struct am_tree_stat st;

	(void)context;
	assert_string_equal(at, "/");
	guarded++;
	/* It may read over the mount that it guards. */
	assert_int_equal(am_nfs_stat(&fs->root->base, NULL, &st, NULL), 0);
	return guard_result == 0 ? 0 : am_fail(why, "ALT_NOT_MOUNTED", "no");
}

static int start_with(void **state, double retry, int with_guard)
{
	struct am_nfs_options options = {
		.timeout = 1, .retry = retry, .guard = with_guard ? guard : NULL};
	int pair[2], fds[CONNECTIONS];

	(void)state;
	memset(&server, 0, sizeof server);
	guarded = guard_result = 0;
	for (int c = 0; c < CONNECTIONS; c++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		fds[c] = pair[0];
		server.fd[c] = pair[1];
	}
	fs = am_nfs_over(fds, &root, &options, &error);
	assert_non_null(fs);
	fs->fsid = 7;
	memset(&error, 0, sizeof error);
	return 0;
}

static int start(void **state)
{
	return start_with(state, 5, 0);
}

static int start_guarded(void **state)
{
	return start_with(state, 5, 1);
}

static int end(void **state)
{
	(void)state;
	fs->base.ops->destroy(&fs->base);
	for (int c = 0; c < CONNECTIONS; c++)
		close(server.fd[c]);
	return 0;
}

/* ---- many at a time ---- */

enum { MANY = 120 };

static struct am_op wanted[MANY];
static struct am_handle files[MANY];
static char names[MANY][8];

static void look_for_many(void)
{
	for (int i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof names[i], "f%d", i);
		wanted[i] = (struct am_op){.kind = AM_OP_LOOK,
			.dir = &fs->root->base,
			.name = names[i],
			.file = &files[i]};
		assert_int_equal(am_nfs_op_start(&fs->base, &wanted[i], &error), 0);
	}
}

static int collect(struct am_op **done)
{
	struct am_fs *const list[] = {&fs->base};
	int count = 0;

	if (am_nfs_poll(list, 1, 50, done, &error) != 0)
		return -1;
	for (const struct am_op *op = *done; op != NULL; op = op->next)
		count++;
	return count;
}

static void assert_all_found(void)
{
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(wanted[i].outcome, AM_OP_DONE);
		assert_int_equal(wanted[i].stat.ino, FILE_BASE + i);
		assert_int_equal(files[i].length, 8);
	}
	assert_int_equal(fs->active, 0);
	assert_null(fs->first);
}

static void answers_in_reverse_find_their_requests(void **state)
{
	struct am_op *done = NULL;
	int used[CONNECTIONS] = {0};

	(void)state;
	server.hold = MANY;
	look_for_many();
	while (collect(&done) < MANY)
		;
	assert_all_found();
	for (size_t i = 0; i < server.count; i++)
		used[server.asked[i].connection]++;
	assert_int_equal(server.count, MANY);
	assert_int_equal(used[0], MANY / 2);
	assert_int_equal(used[1], MANY / 2);
}

/* Somebody waits for one request while others are under way: none of them is lost or waited for. */
static void one_is_waited_for_among_many(void **state)
{
	struct am_op *done = NULL;
	struct am_tree_stat st;

	(void)state;
	look_for_many();
	assert_int_equal(am_nfs_stat(&fs->root->base, "f7", &st, &error), 0);
	assert_int_equal(st.ino, FILE_BASE + 7);
	while (collect(&done) < MANY)
		;
	assert_all_found();
	assert_int_equal(server.count, MANY + 1);
}

static void what_is_dropped_is_gone(void **state)
{
	struct am_op *done = NULL;

	(void)state;
	server.silent = 1;
	look_for_many();
	assert_int_equal(collect(&done), 0);
	am_nfs_drop(&fs->base);
	assert_null(fs->first);
	assert_null(fs->ready);
	assert_null(fs->due);
	assert_int_equal(fs->active, 0);
	assert_null(done);
}

/* ---- trouble ---- */

static void a_busy_server_is_asked_again(void **state)
{
	struct am_tree_stat st;

	(void)state;
	server.status[0] = server.status[1] = NFS3ERR_JUKEBOX;
	assert_int_equal(am_nfs_stat(&fs->root->base, "f1", &st, &error), 0);
	assert_int_equal(server.count, 3);
}

static void one_that_stays_busy_is_given_up(void **state)
{
	struct am_tree_stat st;

	fs->base.ops->destroy(&fs->base);
	start_with(state, 0.25, 0);
	for (int i = 0; i < 16; i++)
		server.status[i] = NFS3ERR_JUKEBOX;
	assert_int_equal(am_nfs_stat(&fs->root->base, "f1", &st, &error), -1);
	assert_string_equal(error.code, "EAGAIN");
	assert_in_range(server.count, 2, 4);
	assert_null(fs->first);
}

static void a_refused_request_is_tried_three_times(void **state)
{
	struct am_tree_stat st;

	(void)state;
	server.refuse = 1;
	assert_int_equal(am_nfs_stat(&fs->root->base, "f1", &st, &error), -1);
	assert_string_equal(error.code, "NFS_RPC");
	assert_non_null(strstr(error.message, "procedure"));
	assert_int_equal(server.count, 3);
}

/* Its directory has another handle now: found by its name, and the request goes again. */
static void a_stale_directory_is_looked_up_again(void **state)
{
	struct am_handle old = {.length = 8, .data = "H0000002"};
	struct nfs_node *dir = am_nfs_new_node(fs, fs->root, "d", &old, &error);
	struct am_tree_stat st;

	(void)state;
	server.stale_handle = '2';
	assert_int_equal(am_nfs_stat(&dir->base, "f5", &st, &error), 0);
	assert_int_equal(st.ino, FILE_BASE + 5);
	assert_int_equal(server.count, 3);
	assert_string_equal(server.asked[1].name, "d");
	assert_string_equal(server.asked[1].handle, "H0000001");
	assert_string_equal(server.asked[2].handle, "H0000003");
	am_node_release(&dir->base);
}

/* It is stale under its new handle too: once is enough. */
static void a_directory_that_stays_stale_is_an_error(void **state)
{
	struct am_handle old = {.length = 8, .data = "H0000003"};
	struct nfs_node *dir = am_nfs_new_node(fs, fs->root, "d", &old, &error);
	struct am_tree_stat st;

	(void)state;
	server.stale_handle = '3';
	assert_int_equal(am_nfs_stat(&dir->base, "f5", &st, &error), -1);
	assert_string_equal(error.code, "ESTALE");
	assert_int_equal(server.count, 3);
	am_node_release(&dir->base);
}

static void a_lost_connection_is_an_error_when_it_does_not_come_back(void **state)
{
	struct am_tree_stat st;

	(void)state;
	for (int c = 0; c < CONNECTIONS; c++)
		shutdown(server.fd[c], SHUT_RDWR);
	assert_int_equal(am_nfs_stat(&fs->root->base, "f1", &st, &error), -1);
	assert_string_equal(error.code, "NFS_LOST");
	assert_null(fs->first);
	assert_null(fs->rpc[0]);
}

static void silence_is_noticed(void **state)
{
	struct am_tree_stat st;

	(void)state;
	server.silent = 1;
	assert_int_equal(am_nfs_stat(&fs->root->base, "f1", &st, &error), -1);
	assert_string_equal(error.code, "NFS_LOST");
	assert_non_null(strstr(error.message, "no answer in time"));
}

/* ---- the guard ---- */

static void the_guard_is_asked_once_and_before_the_first_write(void **state)
{
	struct am_tree_stat st;

	(void)state;
	assert_int_equal(am_nfs_stat(&fs->root->base, "f1", &st, &error), 0);
	assert_int_equal(guarded, 0);
	assert_int_equal(am_nfs_mkdir(&fs->root->base, "new", 0755, &error), 0);
	assert_int_equal(guarded, 1);
	assert_int_equal(server.asked[1].procedure, AM_NFS3_GETATTR); /* the guard's */
	assert_int_equal(server.asked[2].procedure, AM_NFS3_MKDIR);
	assert_int_equal(am_nfs_unlink(&fs->root->base, "old", &error), 0);
	assert_int_equal(guarded, 1);
}

static void what_the_guard_refuses_is_not_sent(void **state)
{
	(void)state;
	guard_result = -1;
	assert_int_equal(am_nfs_mkdir(&fs->root->base, "new", 0755, &error), -1);
	assert_string_equal(error.code, "ALT_NOT_MOUNTED");
	assert_int_equal(guarded, 1);
	for (size_t i = 0; i < server.count; i++)
		assert_int_equal(server.asked[i].procedure, AM_NFS3_GETATTR);
	assert_null(fs->first);
	assert_null(fs->due);
}

/* Many that look and one that writes: the guard, which waits itself, does not mix them up. */
static void the_guard_is_asked_while_others_are_under_way(void **state)
{
	struct am_op *done = NULL;

	(void)state;
	look_for_many();
	assert_int_equal(am_nfs_mkdir(&fs->root->base, "new", 0755, &error), 0);
	while (collect(&done) < MANY)
		;
	assert_all_found();
	assert_int_equal(guarded, 1);
}

int main(void)
{
#define TEST(name)    cmocka_unit_test_setup_teardown(name, start, end)
#define GUARDED(name) cmocka_unit_test_setup_teardown(name, start_guarded, end)
	const struct CMUnitTest tests[] = {
		TEST(answers_in_reverse_find_their_requests),
		TEST(one_is_waited_for_among_many),
		TEST(what_is_dropped_is_gone),
		TEST(a_busy_server_is_asked_again),
		TEST(one_that_stays_busy_is_given_up),
		TEST(a_refused_request_is_tried_three_times),
		TEST(a_stale_directory_is_looked_up_again),
		TEST(a_directory_that_stays_stale_is_an_error),
		TEST(a_lost_connection_is_an_error_when_it_does_not_come_back),
		TEST(silence_is_noticed),
		GUARDED(the_guard_is_asked_once_and_before_the_first_write),
		GUARDED(what_the_guard_refuses_is_not_sent),
		GUARDED(the_guard_is_asked_while_others_are_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

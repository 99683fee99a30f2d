/* SPDX-License-Identifier: MIT */
/*
 * Replies of a server that means harm: recorded ones, changed at random, come over socket pairs to
 * the decoders as they are used (one at a time, and many at a time). Whatever comes, a request ends
 * with a result or a named error, nothing is read or written outside of the reply (build with
 * sanitizers), and memory stays bounded.
 *
 *   NFS_MUTATIONS=N   how many (default 50,000)     NFS_SEED=N   where to begin; printed
 */
#define _GNU_SOURCE /* NOLINT: ppoll */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tree/nfs/work.h"

enum { REPLY_MAX = 4096, REPLIES_MAX = 40, RECORD_MAX = 64 << 10, CASE_SECONDS = 5 };

struct reply {
	char name[24];
	size_t length;
	unsigned char data[REPLY_MAX]; /* from the message type on */
};

static struct reply replies[REPLIES_MAX];
static size_t reply_count;
static uint64_t state;
static const struct am_handle root = {.length = 8, .data = "H0000001"};

static uint32_t draw(void)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33);
}

static size_t below(size_t most)
{
	return most > 0 ? draw() % most : 0;
}

static void load(void)
{
	FILE *file = fopen(TEST_DATA "/nfs-replies.txt", "r");
	static char line[2 * REPLY_MAX + 64];

	assert_non_null(file);
	while (fgets(line, sizeof line, file) != NULL) {
		struct reply *reply = &replies[reply_count];
		int at = 0;
		unsigned byte;

		if (line[0] == '#' || sscanf(line, "%23s %n", reply->name, &at) != 1)
			continue;
		assert_true(reply_count < REPLIES_MAX - 1);
		while (sscanf(line + at, "%2x", &byte) == 1) {
			assert_true(reply->length < REPLY_MAX);
			reply->data[reply->length++] = (unsigned char)byte;
			at += 2;
		}
		reply_count++;
	}
	fclose(file);
	assert_int_equal(reply_count, 25);
}

static const struct reply *recorded(const char *name)
{
	for (size_t i = 0; i < reply_count; i++) {
		if (strcmp(replies[i].name, name) == 0)
			return &replies[i];
	}
	fail_msg("no reply %s", name);
	return NULL;
}

/* ---- the server's side ---- */

struct record {
	unsigned char data[RECORD_MAX];
	size_t length;
};

static void put_u32(unsigned char *to, uint32_t value)
{
	to[0] = (unsigned char)(value >> 24);
	to[1] = (unsigned char)(value >> 16);
	to[2] = (unsigned char)(value >> 8);
	to[3] = (unsigned char)value;
}

/* Mark, number and what was recorded. */
static void compose(struct record *record, const struct reply *reply, uint32_t xid)
{
	put_u32(record->data, 0x80000000u | (uint32_t)(reply->length + 4));
	put_u32(record->data + 4, xid);
	memcpy(record->data + 8, reply->data, reply->length);
	record->length = reply->length + 8;
}

static void write_all(int fd, const struct record *record)
{
	/* The receiver may have closed already; a full buffer is no matter either. */
	(void)send(fd, record->data, record->length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void set_mark(struct record *record)
{
	put_u32(record->data, 0x80000000u | (uint32_t)(record->length - 4));
}

static void insert(struct record *record, size_t at, const void *data, size_t length)
{
	if (record->length + length > RECORD_MAX)
		return;
	memmove(record->data + at + length, record->data + at, record->length - at);
	memcpy(record->data + at, data, length);
	record->length += length;
}

/* One change of the reply. */
static void change(struct record *record)
{
	static const uint32_t numbers[] = {0, 1, 2, 3, 4, 5, 8, 63, 64, 65, 255, 256, 0xffff,
		0x10000, 0x3fffffff, 0x40000000, 0x40000002, 0x7fffffff, 0x80000000, 0xfffffffc,
		0xffffffff, (uint32_t)-20, (uint32_t)-64, 10003, 10004, 10008, 70};
	static const unsigned char noise[64] = {1, 2, 3};
	size_t words = record->length / 4, at = below(words) * 4;
	unsigned char keep[4];

	switch (draw() % 10) {
	case 0:
	case 1: /* single bits */
		for (size_t n = 1 + below(8); n > 0; n--)
			record->data[below(record->length)] ^= (unsigned char)(1u << below(8));
		break;
	case 2:
	case 3:
	case 4: /* lengths, counts, states: anywhere behind the number */
		if (words > 2)
			put_u32(record->data + 8 + below(words - 2) * 4,
				numbers[below(sizeof numbers / sizeof *numbers)]);
		break;
	case 5: /* cut, with the mark as it was or as it should be */
		record->length = 4 + below(record->length - 4);
		if (draw() % 2)
			set_mark(record);
		break;
	case 6: /* more than there should be */
		insert(record, record->length, noise, 4 * below(16));
		set_mark(record);
		break;
	case 7: /* two words change places */
		words = below(words) * 4;
		memcpy(keep, record->data + at, 4);
		memcpy(record->data + at, record->data + words, 4);
		memcpy(record->data + words, keep, 4);
		break;
	case 8: /* a piece again, or gone */
		if (draw() % 2)
			insert(record, at, record->data + below(words) * 4, 4);
		else if (record->length > at + 8)
			memmove(record->data + at, record->data + at + 4,
				(record->length -= 4) - at);
		if (draw() % 2)
			set_mark(record);
		break;
	default: /* in fragments, some of them empty */
		if (record->length > 16) {
			size_t first = 4 + 4 * below((record->length - 8) / 4);
			unsigned char mark[4];

			put_u32(mark, 0x80000000u | (uint32_t)(record->length - first));
			put_u32(record->data, (uint32_t)(first - 4));
			insert(record, first, mark, 4);
		}
	}
}

/* What is sent for one request: the reply, changed, now and then twice or with another before. */
static void send_changed(int fd, const struct reply *reply, uint32_t xid)
{
	struct record record;

	if (draw() % 32 == 0) { /* to no request, or to one that comes later */
		compose(&record, &replies[below(reply_count)], xid + draw() % 3);
		write_all(fd, &record);
	}
	compose(&record, reply, xid);
	for (size_t n = 1 + below(3); n > 0; n--)
		change(&record);
	write_all(fd, &record);
	if (draw() % 32 == 0)
		write_all(fd, &record);
}

/* ---- the engine's side ---- */

/* What is asked, by name of the recorded replies it gets; the last of them is the changed one. */
struct kind {
	const char *replies[4];
	int (*ask)(struct nfs_fs *fs, struct am_error *error);
	enum am_op_kind op; /* with ask NULL */
	int part;           /* it would ask for more: the connection is lost instead */
};

static struct am_node *root_of(struct nfs_fs *fs)
{
	return fs->base.ops->root(&fs->base, NULL);
}

static int ask_port(struct nfs_fs *fs, struct am_error *error)
{
	uint32_t port = 0;
	int r = am_nfs_ask_port(fs, 0, 100003, 3, "nfsd", &port, error);

	assert_true(r != 0 || port <= 65535);
	return r;
}

static int ask_mount(struct nfs_fs *fs, struct am_error *error)
{
	struct am_handle handle;
	int r = am_nfs_ask_mount(fs, &handle, error);

	assert_true(r != 0 || (handle.length > 0 && handle.length <= sizeof handle.data));
	return r;
}

static int ask_nothing(struct nfs_fs *fs, struct am_error *error)
{
	return am_nfs_ask_nothing(fs, 0, error);
}

static int ask_first(struct nfs_fs *fs, struct am_error *error)
{
	int r = am_nfs_first_look(fs, error);

	assert_in_range(fs->read_max, 4096, AM_RPC_DATA_MAX);
	assert_in_range(fs->write_max, 4096, AM_RPC_DATA_MAX);
	return r;
}

#define WITH_ROOT(name, expression)                                                                \
	static int name(struct nfs_fs *fs, struct am_error *error)                                 \
	{                                                                                          \
		const struct am_fs_ops *ops = fs->base.ops;                                        \
		struct am_node *dir = root_of(fs);                                                 \
		int r = ((void)ops, expression);                                                   \
                                                                                                   \
		am_node_release(dir);                                                              \
		return r;                                                                          \
	}

static int list(struct am_node *dir, struct am_error *error)
{
	struct am_entries entries = {0};
	int r = dir->fs->ops->list(dir, &entries, error);

	for (size_t i = 0; i < entries.count; i++) {
		assert_null(strchr(entries.entries[i].name, '/'));
		assert_true(entries.entries[i].handle.length <= 64);
	}
	am_entries_free(&entries);
	return r;
}

static int read_link(struct am_node *dir, struct am_error *error)
{
	char target[AM_TREE_PATH_MAX];

	return dir->fs->ops->readlink(dir, "link", target, sizeof target, error);
}

static int read_file(struct am_node *dir, struct am_error *error)
{
	struct am_fs_file *file = dir->fs->ops->open(dir, "file", error);
	char *data = malloc(500); /* of exactly that size, so that a byte beyond is seen */
	ssize_t n = -1;

	assert_non_null(data);
	if (file != NULL) {
		n = dir->fs->ops->read(file, data, 500, error);
		assert_true(n <= 500);
		dir->fs->ops->close(file);
	}
	free(data);
	return n < 0 ? -1 : 0;
}

static int write_file(struct am_node *dir, size_t length, struct am_error *error)
{
	struct am_fs_file *file = dir->fs->ops->create(dir, "new", error);
	struct am_tree_attr attr = {.set = AM_SET_MODE, .mode = 0644};
	char data[400] = {0};
	int r = -1;

	if (file != NULL) {
		r = dir->fs->ops->write(file, data, length, error);
		if (r == 0)
			r = dir->fs->ops->finish(file, &attr, error);
		dir->fs->ops->close(file);
	}
	return r;
}

static struct am_tree_stat found;
static struct am_tree_space space;
static const struct am_tree_attr mode = {.set = AM_SET_MODE, .mode = 0600};

WITH_ROOT(do_stat, ops->stat(dir, NULL, &found, error))
WITH_ROOT(do_lookup, ops->stat(dir, "x", &found, error))
WITH_ROOT(do_list, list(dir, error))
WITH_ROOT(do_readlink, read_link(dir, error))
WITH_ROOT(do_read, read_file(dir, error))
WITH_ROOT(do_create, write_file(dir, 0, error))
WITH_ROOT(do_write, write_file(dir, 400, error))
WITH_ROOT(do_setattr, ops->setattr(dir, NULL, &mode, error))
WITH_ROOT(do_mkdir, ops->mkdir(dir, "d", 0755, error))
WITH_ROOT(do_symlink, ops->symlink(dir, "l", "target", error))
WITH_ROOT(do_link, ops->link(dir, "file", dir, "other", error))
WITH_ROOT(do_rename, ops->rename(dir, "file", dir, "other", error))
WITH_ROOT(do_unlink, ops->unlink(dir, "file", error))
WITH_ROOT(do_rmdir, ops->rmdir(dir, "d", error))
WITH_ROOT(do_mknod, ops->mknod(dir, "p", AM_TREE_FIFO, 0600, 0, 0, error))
WITH_ROOT(do_df, ops->df(dir, &space, error))

static int probe(struct nfs_fs *fs, struct am_error *error)
{
	fs->written = root;
	return fs->base.ops->probe(&fs->base, error);
}

static const struct kind kinds[] = {
	{{"GETPORT"}, ask_port, 0, 0},
	{{"MNT"}, ask_mount, 0, 0},
	{{"NULL"}, ask_nothing, 0, 0},
	{{"FSINFO"}, ask_first, 0, 1},
	{{"FSINFO", "GETATTR"}, ask_first, 0, 0},
	{{"GETATTR"}, do_stat, 0, 0},
	{{"LOOKUP_DIR"}, do_lookup, 0, 0},
	{{"LOOKUP_2"}, do_lookup, 0, 0},
	{{"READDIRPLUS"}, do_list, 0, 0},
	{{"READDIRPLUS"}, do_list, 0, 0},
	{{"LOOKUP_LINK", "READLINK"}, do_readlink, 0, 0},
	{{"LOOKUP_FILE", "READ"}, do_read, 0, 0},
	{{"CREATE"}, do_create, 0, 1},
	{{"CREATE", "SETATTR"}, do_create, 0, 0},
	{{"CREATE", "WRITE"}, do_write, 0, 1},
	{{"CREATE", "WRITE", "SETATTR"}, do_write, 0, 0},
	{{"SETATTR"}, do_setattr, 0, 0},
	{{"MKDIR"}, do_mkdir, 0, 0},
	{{"SYMLINK"}, do_symlink, 0, 0},
	{{"LOOKUP_FILE", "LINK"}, do_link, 0, 0},
	{{"LOOKUP_FILE", "RENAME"}, do_rename, 0, 0},
	{{"REMOVE"}, do_unlink, 0, 0},
	{{"RMDIR"}, do_rmdir, 0, 0},
	{{"RMDIR_66"}, do_rmdir, 0, 0},
	{{"MKNOD"}, do_mknod, 0, 0},
	{{"FSSTAT"}, do_df, 0, 0},
	{{"COMMIT"}, probe, 0, 0},
	{{"CREATE", "WRITE", "SETATTR"}, NULL, AM_OP_FILE, 0},
	{{"CREATE", "WRITE"}, NULL, AM_OP_FILE, 1},
	{{"MKDIR"}, NULL, AM_OP_DIR, 0},
	{{"SYMLINK"}, NULL, AM_OP_LINK, 1},
	{{"MKNOD"}, NULL, AM_OP_NODE, 1},
	{{"LOOKUP_FILE", "LINK"}, NULL, AM_OP_HARD, 0},
	{{"CREATE"}, NULL, AM_OP_OPEN, 0},
	{{"WRITE"}, NULL, AM_OP_WRITE, 0},
	{{"COMMIT"}, NULL, AM_OP_CLOSE, 1},
	{{"SETATTR"}, NULL, AM_OP_ATTR, 0},
	{{"READDIRPLUS"}, NULL, AM_OP_LIST, 0},
	{{"LOOKUP_FILE"}, NULL, AM_OP_LOOK, 0},
	{{"READLINK"}, NULL, AM_OP_TARGET, 0},
	{{"READ"}, NULL, AM_OP_READ, 0},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* One entry on its way, as a restore or a scan has many of. */
static int put_one(struct nfs_fs *fs, enum am_op_kind kind, struct am_error *error)
{
	char data[400] = {0}, *into = malloc(500);
	struct am_handle file = root;
	struct am_entries entries = {0};
	struct am_node *dir = root_of(fs), *child = am_nfs_child(dir, "d", NULL, error);
	struct am_op op = {.kind = kind,
		.type = AM_TREE_FIFO,
		.dir = dir,
		.name = "name",
		.target = "target",
		.attr = {.set = AM_SET_MODE, .mode = 0644},
		.from = dir,
		.from_name = "from",
		.node = kind == AM_OP_DIR ? child : dir,
		.file = &file,
		.data = data,
		.length = kind == AM_OP_TARGET || kind == AM_OP_READ ? 500 : sizeof data,
		.commit = 1,
		.into = into,
		.entries = &entries};
	struct am_op *done = NULL;
	int r = am_nfs_op_start(&fs->base, &op, error);
	struct am_fs *list_of[] = {&fs->base};

	assert_non_null(into);
	assert_non_null(child);
	while (r == 0 && done == NULL)
		r = am_nfs_poll(list_of, 1, 100, &done, error);
	if (done != NULL) {
		assert_ptr_equal(done, &op);
		assert_true(op.got <= 500);
		assert_true(file.length <= sizeof file.data);
		if (op.outcome == AM_OP_FAILED) {
			*error = op.error;
			r = -1;
		}
	}
	am_nfs_drop(&fs->base);
	am_entries_free(&entries);
	am_node_release(child);
	am_node_release(dir);
	free(into);
	return r;
}

/*
 * The server: whenever the engine waits, it answers what came. After the last reply that the kind
 * names it closes its side. `changed` 0: as recorded.
 */
static struct {
	int fd, changed;
	const struct kind *kind;
	/* In the place of a kind: makes the reply of each request. */
	void (*make)(struct am_xdr_out *out, uint64_t number);
	uint64_t number; /* of requests so far */
	size_t next;     /* reply */
	unsigned char in[RECORD_MAX];
	size_t filled;
} server;

static void answer_made(uint32_t xid)
{
	static struct record record;
	static const unsigned char accepted[16] = {0, 0, 0, 1};
	struct am_xdr_out out = {record.data + 8, record.data + sizeof record.data, 0};

	am_xdr_put_fixed(&out, accepted, sizeof accepted);
	am_xdr_put_u32(&out, 0); /* success */
	server.make(&out, server.number++);
	assert_false(out.overflow);
	record.length = (size_t)(out.at - record.data);
	set_mark(&record);
	put_u32(record.data + 4, xid);
	write_all(server.fd, &record);
}

static void answer(uint32_t xid)
{
	const char *const *names = server.kind->replies;
	size_t n = server.next++;
	int last = n == 3 || names[n + 1] == NULL;
	struct record record;

	if (n > 3 || names[n] == NULL)
		return;
	if (last && server.changed) {
		send_changed(server.fd, recorded(names[n]), xid);
	} else {
		compose(&record, recorded(names[n]), xid);
		write_all(server.fd, &record);
	}
	if (last)
		shutdown(server.fd, SHUT_WR);
}

static void serve(void)
{
	ssize_t n = recv(server.fd, server.in + server.filled, sizeof server.in - server.filled,
		MSG_DONTWAIT);
	size_t at = 0;

	if (n > 0)
		server.filled += (size_t)n;
	while (server.filled - at >= 8) {
		struct am_xdr xdr = {server.in + at, server.in + server.filled, 0};
		size_t length = 4 + (am_xdr_u32(&xdr) & 0x7fffffff);

		if (server.filled - at < length)
			break;
		if (server.make != NULL)
			answer_made(am_xdr_u32(&xdr));
		else
			answer(am_xdr_u32(&xdr));
		at += length;
	}
	memmove(server.in, server.in + at, server.filled -= at);
}

/* Stands before the system's: the one place where the engine waits. */
int poll(struct pollfd *fds, nfds_t count, int wait_ms)
{
	struct timespec wait = {wait_ms / 1000, wait_ms % 1000 * 1000000L};

	serve();
	return ppoll(fds, count, wait_ms < 0 ? NULL : &wait, NULL);
}

static struct nfs_fs *connect_to_server(int others[CONNECTIONS], struct am_error *error)
{
	struct am_nfs_options options = {.timeout = 2, .retry = 0.001};
	int pair[2], fds[CONNECTIONS];
	struct nfs_fs *fs;

	for (int connection = 0; connection < CONNECTIONS; connection++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		fds[connection] = pair[0];
		others[connection] = pair[1];
	}
	fs = am_nfs_over(fds, &root, &options, error);
	assert_non_null(fs);
	server.fd = others[0];
	server.next = server.filled = 0;
	server.number = 0;
	memset(error, 0, sizeof *error);
	return fs;
}

static void disconnect(struct nfs_fs *fs, const int others[CONNECTIONS])
{
	fs->base.ops->destroy(&fs->base);
	for (int connection = 0; connection < CONNECTIONS; connection++)
		close(others[connection]);
}

static int run_case(const struct kind *kind, int with_change, struct am_error *error)
{
	int others[CONNECTIONS], r;
	struct nfs_fs *fs = connect_to_server(others, error);

	server.kind = kind;
	server.changed = with_change;
	r = kind->ask != NULL ? kind->ask(fs, error) : put_one(fs, kind->op, error);
	disconnect(fs, others);
	return r;
}

/* The same with replies that are made; both ways of asking. */
static void run_made(void (*make)(struct am_xdr_out *, uint64_t),
	int (*ask)(struct nfs_fs *, struct am_error *), enum am_op_kind op, const char *code,
	const char *text)
{
	server.make = make;
	for (int way = 0; way < 2; way++) {
		int others[CONNECTIONS], r;
		struct am_error error;
		struct nfs_fs *fs = connect_to_server(others, &error);

		r = way == 0 ? ask(fs, &error) : put_one(fs, op, &error);
		disconnect(fs, others);
		assert_int_equal(r, -1);
		assert_string_equal(error.code, code);
		assert_non_null(strstr(error.message, text));
	}
	server.make = NULL;
}

/* A hang ends the test program, with what it was at. */
static char what[200];

static void on_alarm(int number)
{
	(void)number;
	(void)!write(2, what, strlen(what));
	_exit(1);
}

static void watch(const char *name, unsigned long at, unsigned long long seed)
{
	snprintf(what, sizeof what, "hangs: %s, number %lu, NFS_SEED=%llu\n", name, at, seed);
	alarm(CASE_SECONDS);
}

/* ---- the tests ---- */

/* The replies as they were recorded do what they should: else the other tests would show nothing.
 */
static void as_recorded(void **unused)
{
	static const char *const fails[] = {"LOOKUP_2", "RMDIR_66"};
	struct am_error error;

	(void)unused;
	for (size_t i = 0; i < KINDS; i++) {
		const char *first = kinds[i].replies[0];
		int r;

		watch(first, i, 0);
		r = run_case(&kinds[i], 0, &error);
		if (strcmp(first, fails[0]) == 0)
			assert_string_equal(error.code, "ENOENT");
		else if (strcmp(first, fails[1]) == 0)
			assert_string_equal(error.code, "ENOTEMPTY");
		else if (r != (kinds[i].part ? -1 : 0))
			fail_msg("%s (%zu): %s %s", first, i, error.code, error.message);
	}
	alarm(0);
}

/* ---- servers that never end ---- */

static void put_entry(struct am_xdr_out *out, uint64_t cookie)
{
	char name[24];

	snprintf(name, sizeof name, "n%llu", (unsigned long long)cookie);
	am_xdr_put_u32(out, 1);
	am_xdr_put_u64(out, cookie);
	am_xdr_put_string(out, name);
	am_xdr_put_u64(out, cookie);
	am_xdr_put_u32(out, 0);
	am_xdr_put_u32(out, 0);
}

static void put_page(struct am_xdr_out *out, uint64_t first, size_t count)
{
	am_xdr_put_u32(out, NFS3_OK);
	am_xdr_put_u32(out, 0);
	am_xdr_put_u64(out, 0);
	for (size_t i = 0; i < count; i++)
		put_entry(out, first + i);
	am_xdr_put_u32(out, 0);
	am_xdr_put_u32(out, 0); /* and more to come */
}

static void endless_list(struct am_xdr_out *out, uint64_t number)
{
	put_page(out, 1 + number * 1000, 1000);
}

static void circular_list(struct am_xdr_out *out, uint64_t number)
{
	put_page(out, 1 + number % 50 * 100, 100);
}

static void one_entry_again(struct am_xdr_out *out, uint64_t number)
{
	(void)number;
	put_page(out, 7, 1);
}

static void cookie_of_the_beginning(struct am_xdr_out *out, uint64_t number)
{
	(void)number;
	put_page(out, 0, 1);
}

static void empty_pages(struct am_xdr_out *out, uint64_t number)
{
	put_page(out, number, 0);
}

static void lists_without_end(void **unused)
{
	(void)unused;
	watch("lists without end", 0, 0);
	run_made(endless_list, do_list, AM_OP_LIST, "E2BIG", "entries");
	run_made(circular_list, do_list, AM_OP_LIST, "EPROTO", "repeats itself");
	run_made(one_entry_again, do_list, AM_OP_LIST, "EPROTO", "repeats itself");
	run_made(cookie_of_the_beginning, do_list, AM_OP_LIST, "EPROTO", "repeats itself");
	run_made(empty_pages, do_list, AM_OP_LIST, "EPROTO", "does not go on");
}

/* LOOKUP finds a file of 10 bytes. */
static void put_lookup(struct am_xdr_out *out)
{
	const struct reply *reply = recorded("LOOKUP_FILE");

	am_xdr_put_fixed(out, reply->data + 20, reply->length - 20);
}

static int is_lookup(void)
{
	struct am_xdr xdr = {server.in + 24, server.in + 28, 0};

	return am_xdr_u32(&xdr) == AM_NFS3_LOOKUP;
}

static void put_read(struct am_xdr_out *out, const char *data, size_t length)
{
	if (is_lookup()) {
		put_lookup(out);
		return;
	}
	am_xdr_put_u32(out, NFS3_OK);
	am_xdr_put_u32(out, 0);
	am_xdr_put_u32(out, (uint32_t)length);
	am_xdr_put_u32(out, 0); /* the file goes on */
	am_xdr_put_opaque(out, data, length);
}

static void nothing_read(struct am_xdr_out *out, uint64_t number)
{
	(void)number;
	put_read(out, "", 0);
}

static void too_much_read(struct am_xdr_out *out, uint64_t number)
{
	static const char data[4096];

	(void)number;
	put_read(out, data, sizeof data);
}

static void reads_that_cannot_be(void **unused)
{
	(void)unused;
	watch("reads", 0, 0);
	run_made(nothing_read, do_read, AM_OP_READ, "EPROTO", "has not ended");
	run_made(too_much_read, do_read, AM_OP_READ, "EPROTO", "more than was asked for");
}

static void some_read(struct am_xdr_out *out, uint64_t number)
{
	static const char data[50000];

	(void)number;
	put_read(out, data, sizeof data);
}

/* As a reader of the whole file would. */
static void a_file_without_end(void **unused)
{
	static char data[50000];
	int others[CONNECTIONS];
	struct am_error error;
	struct nfs_fs *fs = connect_to_server(others, &error);
	struct am_node *dir = root_of(fs);
	struct am_fs_file *file;
	size_t got = 0;
	ssize_t n;

	(void)unused;
	watch("a file without end", 0, 0);
	server.make = some_read;
	file = dir->fs->ops->open(dir, "file", &error);
	assert_non_null(file);
	while ((n = dir->fs->ops->read(file, data, sizeof data, &error)) > 0)
		got += (size_t)n;
	assert_int_equal(n, -1);
	assert_string_equal(error.code, "EPROTO");
	assert_true(got < (size_t)AM_FILE_GROWTH_MAX + 100000);
	server.make = NULL;
	dir->fs->ops->close(file);
	am_node_release(dir);
	disconnect(fs, others);
}

static long resident(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss; /* KiB */
}

static unsigned long setting(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtoul(text, NULL, 10) : otherwise;
}

static void changed(void **unused)
{
	unsigned long count = setting("NFS_MUTATIONS", 50000), failed = 0;
	unsigned long long seed = setting("NFS_SEED", (unsigned long)time(NULL));
	long before = 0;

	(void)unused;
	printf("# %lu changed replies, NFS_SEED=%llu\n", count, seed);
	for (unsigned long i = 0; i < count; i++) {
		const struct kind *kind = &kinds[i % KINDS];
		struct am_error error;

		state = (seed + i) * 0x9E3779B97F4A7C15u;
		watch(kind->replies[0], i, seed);
		if (run_case(kind, 1, &error) != 0) {
			failed++;
			if (error.code[0] == '\0' || error.message[0] == '\0')
				fail_msg("a failure without a name: %s, number %lu, NFS_SEED=%llu",
					kind->replies[0], i, seed);
		}
		if (i == count / 10)
			before = resident();
	}
	alarm(0);
	printf("# %lu ended in a named error\n", failed);
	assert_true(failed > count / 4);
	assert_true(resident() - before < 16 << 10);
}

static int start(void **unused)
{
	struct sigaction action = {.sa_handler = on_alarm};

	(void)unused;
	sigaction(SIGALRM, &action, NULL);
	load();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_recorded),
		cmocka_unit_test(lists_without_end),
		cmocka_unit_test(reads_that_cannot_be),
		cmocka_unit_test(a_file_without_end),
		cmocka_unit_test(changed),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}

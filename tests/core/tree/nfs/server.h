/* SPDX-License-Identifier: MIT */
/*
 * An NFS server in this program's memory, over socket pairs: it answers whenever the engine waits
 * (poll is defined here and stands before the system's). Include it in one file of a test.
 */
#ifndef ALTMIG_TEST_NFS_SERVER_H
#define ALTMIG_TEST_NFS_SERVER_H

#ifndef _GNU_SOURCE
#error "ppoll: define _GNU_SOURCE first"
#endif

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

#include "tree/nfs/connect.h"

enum { NODES_MAX = 64, DATA_MAX = 3 << 20, PROCEDURES = 22, IN_MAX = 4 << 20 };

struct server_node {
	uint32_t type; /* 0: free; else of the protocol */
	size_t parent;
	char name[64], target[128];
	uint32_t mode, uid, gid;
	size_t size;
	uint64_t fsid;
	unsigned char *data;
};

static struct {
	int fd[CONNECTIONS];
	unsigned char *in[CONNECTIONS];
	size_t filled[CONNECTIONS];
	struct server_node nodes[NODES_MAX]; /* 1 is the root */
	unsigned count[PROCEDURES];          /* requests of each kind */
	/* The next so many of a kind are answered with this status, without effect. */
	uint32_t status[PROCEDURES];
	unsigned times[PROCEDURES];
	uint32_t verifier;      /* of writes */
	unsigned restart_after; /* so many WRITEs it is another; 0: never */
	int stable;             /* every WRITE is on disk */
	uint32_t write_most;    /* bytes of one WRITE that it takes */
	size_t page;            /* entries of one READDIRPLUS */
	uint32_t mount_status, port;
	int silent_attributes; /* none with handles */
} server;

static struct nfs_fs *fs;
static struct am_error error;

static size_t server_find(size_t dir, const char *name)
{
	for (size_t i = 1; i < NODES_MAX; i++) {
		if (server.nodes[i].type != 0 && i != 1 && server.nodes[i].parent == dir &&
			strcmp(server.nodes[i].name, name) == 0)
			return i;
	}
	return 0;
}

static size_t server_add(size_t dir, const char *name, uint32_t type)
{
	for (size_t i = 2; i < NODES_MAX; i++) {
		struct server_node *node = &server.nodes[i];

		if (node->type == 0) {
			free(node->data);
			*node = (struct server_node){
				.type = type, .parent = dir, .mode = 0600, .fsid = 7};
			snprintf(node->name, sizeof node->name, "%s", name);
			return i;
		}
	}
	abort();
}

static void server_fill(size_t id, const void *data, size_t size)
{
	struct server_node *node = &server.nodes[id];

	if (node->data == NULL)
		node->data = calloc(1, DATA_MAX);
	assert_non_null(node->data);
	memcpy(node->data, data, size);
	node->size = size;
}

static void put_attributes(struct am_xdr_out *out, size_t id)
{
	const struct server_node *node = &server.nodes[id];

	am_xdr_put_u32(out, node->type);
	am_xdr_put_u32(out, node->mode);
	am_xdr_put_u32(out, 1);
	am_xdr_put_u32(out, node->uid);
	am_xdr_put_u32(out, node->gid);
	am_xdr_put_u64(out, node->type == 5 ? strlen(node->target) : node->size);
	am_xdr_put_u64(out, node->size);
	am_xdr_put_u64(out, 0);
	am_xdr_put_u64(out, node->fsid);
	am_xdr_put_u64(out, id);
	for (int i = 0; i < 6; i++)
		am_xdr_put_u32(out, 0);
}

static void put_post(struct am_xdr_out *out, size_t id)
{
	am_xdr_put_u32(out, id != 0 && !server.silent_attributes);
	if (id != 0 && !server.silent_attributes)
		put_attributes(out, id);
}

static void put_change(struct am_xdr_out *out, size_t id)
{
	am_xdr_put_u32(out, 0);
	put_post(out, id);
}

static void put_handle(struct am_xdr_out *out, size_t id)
{
	char handle[16];

	snprintf(handle, sizeof handle, "H%07zu", id);
	am_xdr_put_opaque(out, handle, 8);
}

static size_t take_handle(struct am_xdr *xdr)
{
	uint32_t length;
	const char *handle = am_xdr_opaque(xdr, 64, &length);
	size_t id = handle != NULL && length == 8 ? strtoul(handle + 1, NULL, 10) : 0;

	return id < NODES_MAX && server.nodes[id].type != 0 ? id : 0;
}

static void take_name(struct am_xdr *xdr, char *name, size_t size)
{
	uint32_t length;
	const char *from = am_xdr_opaque(xdr, size - 1, &length);

	assert_non_null(from);
	memcpy(name, from, length);
	name[length] = '\0';
}

static void take_attributes(struct am_xdr *xdr, struct server_node *node)
{
	if (am_xdr_u32(xdr))
		node->mode = am_xdr_u32(xdr);
	if (am_xdr_u32(xdr))
		node->uid = am_xdr_u32(xdr);
	if (am_xdr_u32(xdr))
		node->gid = am_xdr_u32(xdr);
	if (am_xdr_u32(xdr))
		node->size = (size_t)am_xdr_u64(xdr);
	for (int i = 0; i < 2; i++) {
		if (am_xdr_u32(xdr) == 2)
			am_xdr_fixed(xdr, 8);
	}
}

static void make_entry(struct am_xdr *xdr, struct am_xdr_out *out, uint32_t procedure, size_t dir)
{
	static const uint32_t types[] = {1, 2, 5}; /* CREATE, MKDIR, SYMLINK */
	char name[64];
	uint32_t type;
	size_t id;

	take_name(xdr, name, sizeof name);
	type = procedure == AM_NFS3_MKNOD ? am_xdr_u32(xdr) : types[procedure - AM_NFS3_CREATE];
	if (server_find(dir, name) != 0) {
		am_xdr_put_u32(out, NFS3ERR_EXIST);
		put_change(out, dir);
		return;
	}
	if (procedure == AM_NFS3_CREATE)
		assert_int_equal(am_xdr_u32(xdr), 1); /* GUARDED */
	id = server_add(dir, name, type);
	take_attributes(xdr, &server.nodes[id]);
	if (procedure == AM_NFS3_SYMLINK)
		take_name(xdr, server.nodes[id].target, sizeof server.nodes[id].target);
	am_xdr_put_u32(out, NFS3_OK);
	am_xdr_put_u32(out, 1);
	put_handle(out, id);
	put_post(out, id);
	put_change(out, dir);
}

static void list_page(struct am_xdr *xdr, struct am_xdr_out *out, size_t dir)
{
	uint64_t cookie = am_xdr_u64(xdr);
	size_t given = 0, id = (size_t)cookie + 1, page = server.page != 0 ? server.page : 1000;

	am_xdr_put_u32(out, NFS3_OK);
	put_post(out, dir);
	am_xdr_put_u64(out, 0);
	for (; id < NODES_MAX && given < page; id++) {
		if (id < 2 || server.nodes[id].type == 0 || server.nodes[id].parent != dir)
			continue;
		am_xdr_put_u32(out, 1);
		am_xdr_put_u64(out, id);
		am_xdr_put_string(out, server.nodes[id].name);
		am_xdr_put_u64(out, id);
		put_post(out, id);
		am_xdr_put_u32(out, 1);
		put_handle(out, id);
		given++;
	}
	am_xdr_put_u32(out, 0);
	am_xdr_put_u32(out, id == NODES_MAX);
}

static void do_write(struct am_xdr *xdr, struct am_xdr_out *out, size_t id)
{
	uint64_t offset = am_xdr_u64(xdr);
	uint32_t count = am_xdr_u32(xdr), stable = am_xdr_u32(xdr), length;
	const char *data = am_xdr_opaque(xdr, AM_RPC_DATA_MAX, &length);

	assert_non_null(data);
	assert_int_equal(count, length);
	if (server.write_most != 0 && count > server.write_most)
		count = server.write_most;
	if (server.nodes[id].data == NULL)
		server_fill(id, "", 0);
	assert_true(offset + count <= DATA_MAX);
	memcpy(server.nodes[id].data + offset, data, count);
	if (offset + count > server.nodes[id].size)
		server.nodes[id].size = (size_t)offset + count;
	if (server.restart_after != 0 && server.count[AM_NFS3_WRITE] == server.restart_after)
		server.verifier++;
	am_xdr_put_u32(out, NFS3_OK);
	put_change(out, id);
	am_xdr_put_u32(out, count);
	am_xdr_put_u32(out, server.stable ? 2 : stable);
	am_xdr_put_u64(out, server.verifier);
}

static void do_read(struct am_xdr *xdr, struct am_xdr_out *out, size_t id)
{
	uint64_t offset = am_xdr_u64(xdr);
	size_t count = am_xdr_u32(xdr), size = server.nodes[id].size;

	count = offset >= size ? 0 : size - offset < count ? (size_t)(size - offset) : count;
	am_xdr_put_u32(out, NFS3_OK);
	put_post(out, id);
	am_xdr_put_u32(out, (uint32_t)count);
	am_xdr_put_u32(out, offset + count >= size);
	am_xdr_put_opaque(out, server.nodes[id].data + offset, count);
}

static void do_rename(struct am_xdr *xdr, struct am_xdr_out *out, size_t from)
{
	char old[64], new_name[64];
	size_t to, id, other;

	take_name(xdr, old, sizeof old);
	to = take_handle(xdr);
	take_name(xdr, new_name, sizeof new_name);
	id = server_find(from, old);
	other = server_find(to, new_name);
	if (other != 0 && other != id)
		server.nodes[other].type = 0;
	if (id != 0) {
		server.nodes[id].parent = to;
		snprintf(server.nodes[id].name, sizeof server.nodes[id].name, "%s", new_name);
	}
	am_xdr_put_u32(out, id != 0 ? NFS3_OK : NFS3ERR_NOENT);
	put_change(out, from);
	put_change(out, to);
}

static void do_remove(struct am_xdr *xdr, struct am_xdr_out *out, size_t dir, int directory)
{
	char name[64];
	size_t id;
	uint32_t status = NFS3_OK;

	take_name(xdr, name, sizeof name);
	id = server_find(dir, name);
	if (id == 0)
		status = NFS3ERR_NOENT;
	else if ((server.nodes[id].type == 2) != directory)
		status = directory ? NFS3ERR_NOTDIR : NFS3ERR_ISDIR;
	else
		server.nodes[id].type = 0;
	am_xdr_put_u32(out, status);
	put_change(out, dir);
}

static void answer_nfs(struct am_xdr *xdr, struct am_xdr_out *out, uint32_t procedure)
{
	size_t id = procedure != AM_NFS3_NULL ? take_handle(xdr) : 1;
	char name[64];
	size_t found;

	if (server.times[procedure] > 0) {
		server.times[procedure]--;
		am_xdr_put_u32(out, server.status[procedure]);
		am_xdr_put_u64(out, 0);
		return;
	}
	if (id == 0) {
		am_xdr_put_u32(out, NFS3ERR_STALE);
		am_xdr_put_u64(out, 0);
		return;
	}
	switch (procedure) {
	case AM_NFS3_NULL:
		break;
	case AM_NFS3_GETATTR:
		am_xdr_put_u32(out, NFS3_OK);
		put_attributes(out, id);
		break;
	case AM_NFS3_SETATTR:
		take_attributes(xdr, &server.nodes[id]);
		am_xdr_put_u32(out, NFS3_OK);
		put_change(out, id);
		break;
	case AM_NFS3_LOOKUP:
		take_name(xdr, name, sizeof name);
		found = server_find(id, name);
		am_xdr_put_u32(out, found != 0 ? NFS3_OK : NFS3ERR_NOENT);
		if (found != 0) {
			put_handle(out, found);
			put_post(out, found);
		}
		put_post(out, id);
		break;
	case AM_NFS3_READLINK:
		am_xdr_put_u32(out, NFS3_OK);
		put_post(out, id);
		am_xdr_put_string(out, server.nodes[id].target);
		break;
	case AM_NFS3_READ:
		do_read(xdr, out, id);
		break;
	case AM_NFS3_WRITE:
		do_write(xdr, out, id);
		break;
	case AM_NFS3_CREATE:
	case AM_NFS3_MKDIR:
	case AM_NFS3_SYMLINK:
	case AM_NFS3_MKNOD:
		make_entry(xdr, out, procedure, id);
		break;
	case AM_NFS3_REMOVE:
	case AM_NFS3_RMDIR:
		do_remove(xdr, out, id, procedure == AM_NFS3_RMDIR);
		break;
	case AM_NFS3_RENAME:
		do_rename(xdr, out, id);
		break;
	case AM_NFS3_READDIRPLUS:
		list_page(xdr, out, id);
		break;
	case AM_NFS3_FSINFO:
		am_xdr_put_u32(out, NFS3_OK);
		put_post(out, id);
		for (int i = 0; i < 7; i++)
			am_xdr_put_u32(out, 65536);
		break;
	case AM_NFS3_COMMIT:
		am_xdr_put_u32(out, NFS3_OK);
		put_change(out, id);
		am_xdr_put_u64(out, server.verifier);
		break;
	default:
		am_xdr_put_u32(out, NFS3ERR_NOTSUPP);
		am_xdr_put_u64(out, 0);
	}
}

static void answer(int connection, const unsigned char *data, size_t length)
{
	static unsigned char record[AM_RPC_RECORD_MAX];
	struct am_xdr_out out = {record + 4, record + sizeof record, 0},
			  mark = {record, record + 4, 0};
	struct am_xdr xdr = {data, data + length, 0};
	uint32_t xid, program, procedure;
	size_t sent = 0, size;

	am_xdr_u32(&xdr);
	xid = am_xdr_u32(&xdr);
	am_xdr_fixed(&xdr, 8);
	program = am_xdr_u32(&xdr);
	am_xdr_u32(&xdr);
	procedure = am_xdr_u32(&xdr);
	xdr.at = data + 72; /* behind credential and verifier */
	am_xdr_put_u32(&out, xid);
	am_xdr_put_u32(&out, 1);
	am_xdr_put_u32(&out, 0);
	am_xdr_put_u64(&out, 0);
	am_xdr_put_u32(&out, 0);
	if (program == AM_PORTMAP_PROGRAM) {
		am_xdr_put_u32(&out, server.port);
	} else if (program == AM_MOUNT_PROGRAM) {
		am_xdr_put_u32(&out, server.mount_status);
		if (server.mount_status == MNT3_OK) {
			put_handle(&out, 1);
			am_xdr_put_u32(&out, 1);
			am_xdr_put_u32(&out, 1);
		}
	} else {
		assert_true(procedure < PROCEDURES);
		server.count[procedure]++;
		answer_nfs(&xdr, &out, procedure);
	}
	assert_false(out.overflow);
	size = (size_t)(out.at - record);
	am_xdr_put_u32(&mark, 0x80000000u | (uint32_t)(size - 4));
	while (sent < size) {
		ssize_t n = send(server.fd[connection], record + sent, size - sent, MSG_NOSIGNAL);

		assert_true(n > 0);
		sent += (size_t)n;
	}
}

static void serve(int connection)
{
	unsigned char *in = server.in[connection];
	size_t *filled = &server.filled[connection], at = 0;
	ssize_t n;

	while (server.fd[connection] >= 0 &&
		(n = recv(server.fd[connection], in + *filled, IN_MAX - *filled, MSG_DONTWAIT)) > 0)
		*filled += (size_t)n;
	while (*filled - at >= 4) {
		struct am_xdr xdr = {in + at, in + at + 4, 0};
		size_t length = 4 + (am_xdr_u32(&xdr) & 0x7fffffff);

		if (*filled - at < length)
			break;
		answer(connection, in + at, length);
		at += length;
	}
	memmove(in, in + at, *filled -= at);
}

int poll(struct pollfd *fds, nfds_t count, int wait_ms)
{
	struct timespec wait = {wait_ms / 1000, wait_ms % 1000 * 1000000L};

	for (int c = 0; c < CONNECTIONS; c++)
		serve(c);
	return ppoll(fds, count, wait_ms < 0 ? NULL : &wait, NULL);
}

static inline int server_start(void **state)
{
	const struct am_handle root = {.length = 8, .data = "H0000001"};
	struct am_nfs_options options = {.timeout = 2, .retry = 2};
	int pair[2], fds[CONNECTIONS];

	(void)state;
	memset(&server, 0, sizeof server);
	server.nodes[1] = (struct server_node){.type = 2, .mode = 0755, .fsid = 7};
	for (int c = 0; c < CONNECTIONS; c++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		fds[c] = pair[0];
		server.fd[c] = pair[1];
		server.in[c] = malloc(IN_MAX);
		assert_non_null(server.in[c]);
	}
	fs = am_nfs_over(fds, &root, &options, &error);
	assert_non_null(fs);
	fs->fsid = 7;
	memset(&error, 0, sizeof error);
	return 0;
}

static inline int server_end(void **state)
{
	(void)state;
	fs->base.ops->destroy(&fs->base);
	for (int c = 0; c < CONNECTIONS; c++) {
		close(server.fd[c]);
		free(server.in[c]);
	}
	for (size_t i = 0; i < NODES_MAX; i++)
		free(server.nodes[i].data);
	return 0;
}

#endif

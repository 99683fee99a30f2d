/* SPDX-License-Identifier: MIT */
/*
 * nfsload MODE HOST EXPORT NFSPORT MOUNTPORT PLAN
 *
 * Baselines of the benchmark of restoring: what the requests themselves cost, without an archive.
 * PLAN has a line per entry, "d PATH" or "f SIZE PATH", directories before what is in them.
 *
 * limit        the requests a file needs (CREATE, WRITE, SETATTR), 256 files at a time
 * limit-N      the same over N connections (1 to 8)
 * one          the same requests, one after the other
 * synchronous  the library's own mkdir, creat, write, chown, chmod, utimes, close
 * bulk         "f" lines are written by 1 MiB pieces, 8 at a time
 *
 * Prints "SECONDS REQUESTS CPUSECONDS" of the entries alone, after connecting.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <nfsc/libnfs-zdr.h>
#include <nfsc/libnfs.h>
#include <nfsc/libnfs-raw.h>
#include <nfsc/libnfs-raw-mount.h>
#include <nfsc/libnfs-raw-nfs.h>

/* Exported by the library, but missing in its installed headers. */
extern const struct nfs_fh3 *nfs_get_rootfh(struct nfs_context *nfs);

enum { BIG = 1 << 20 };

struct handle {
	unsigned length;
	char data[64];
};

struct entry {
	int is_dir;
	size_t size, parent; /* parent: an index + 1, 0 is the root */
	char *path, *name;
	struct handle handle;
};

static struct entry *entries;
static size_t count, capacity;
enum { CONNECTIONS_MAX = 8 };
static struct rpc_context *rpc, *connections[CONNECTIONS_MAX];
static nfds_t connected;
static struct handle root;
static unsigned long requests;
static size_t active;
static char content[BIG];

static void die(const char *what, const char *why)
{
	fprintf(stderr, "nfsload: %s: %s\n", what, why);
	exit(1);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* ---- the plan ---- */

static size_t parent_of(const char *path)
{
	static size_t last;
	const char *slash = strrchr(path, '/');
	size_t length = (size_t)(slash - path);

	if (length == 0)
		return 0;
	if (last > 0 && strlen(entries[last - 1].path) == length &&
		memcmp(entries[last - 1].path, path, length) == 0)
		return last;
	for (size_t i = count; i-- > 0;) {
		if (entries[i].is_dir && strlen(entries[i].path) == length &&
			memcmp(entries[i].path, path, length) == 0)
			return last = i + 1;
	}
	die(path, "its directory is not in the plan");
	return 0;
}

static void read_plan(const char *file)
{
	FILE *in = fopen(file, "r");
	char line[4200], path[4100];
	size_t size = 0;

	if (in == NULL)
		die(file, strerror(errno));
	while (fgets(line, sizeof line, in) != NULL) {
		int is_dir = line[0] == 'd';

		if (is_dir ? sscanf(line, "d %4099s", path) != 1
			   : sscanf(line, "f %zu %4099s", &size, path) != 2)
			die(file, "bad line");
		if (count == capacity) {
			capacity = capacity != 0 ? capacity * 2 : 1024;
			entries = realloc(entries, capacity * sizeof *entries);
			if (entries == NULL)
				die(file, "no memory");
		}
		entries[count] = (struct entry){.is_dir = is_dir, .size = is_dir ? 0 : size};
		entries[count].parent = parent_of(path);
		entries[count].path = strdup(path);
		entries[count].name = strrchr(entries[count].path, '/') + 1;
		count++;
	}
	fclose(in);
}

/* ---- raw requests ---- */

static void exchange(void)
{
	struct pollfd p[CONNECTIONS_MAX];

	for (nfds_t i = 0; i < connected; i++)
		p[i] = (struct pollfd){
			rpc_get_fd(connections[i]), (short)rpc_which_events(connections[i]), 0};
	if (poll(p, connected, 30000) <= 0)
		die("connection", "no answer");
	for (nfds_t i = 0; i < connected; i++) {
		if (p[i].revents != 0 && rpc_service(connections[i], p[i].revents) < 0)
			die("connection", rpc_get_error(connections[i]));
	}
}

/* The connections take turns. */
static void next_connection(void)
{
	static nfds_t last;

	last = (last + 1) % connected;
	rpc = connections[last];
}

static void use(nfs_fh3 *to, struct handle *handle)
{
	to->data.data_len = handle->length;
	to->data.data_val = handle->data;
}

static struct handle *parent_handle(const struct entry *entry)
{
	return entry->parent == 0 ? &root : &entries[entry->parent - 1].handle;
}

static void check(int status, nfsstat3 answer, const struct entry *entry)
{
	if (status != RPC_STATUS_SUCCESS || answer != NFS3_OK)
		die(entry->path, "request failed");
}

static void queued(int result)
{
	if (result != 0)
		die("queue", rpc_get_error(rpc));
	requests++;
}

static void take(struct entry *entry, const post_op_fh3 *object)
{
	const nfs_fh3 *from = &object->post_op_fh3_u.handle;

	if (!object->handle_follows || from->data.data_len > sizeof entry->handle.data)
		die(entry->path, "no handle");
	entry->handle.length = from->data.data_len;
	memcpy(entry->handle.data, from->data.data_val, from->data.data_len);
}

static sattr3 attributes(int times)
{
	sattr3 attr = {0};

	attr.mode.set_it = 1;
	attr.mode.set_mode3_u.mode = 0644;
	if (times) {
		attr.atime.set_it = attr.mtime.set_it = SET_TO_CLIENT_TIME;
		attr.atime.set_atime_u.atime.seconds = 1500000000;
		attr.mtime.set_mtime_u.mtime.seconds = 1500000000;
	} else {
		attr.uid.set_it = attr.gid.set_it = 1;
		attr.uid.set_uid3_u.uid = attr.gid.set_gid3_u.gid = 2;
	}
	return attr;
}

static void set_done(struct rpc_context *context, int status, void *data, void *private)
{
	(void)context;
	check(status, ((SETATTR3res *)data)->status, private);
	active--;
}

static void send_set(struct entry *entry)
{
	SETATTR3args args = {.new_attributes = attributes(1)};

	use(&args.object, &entry->handle);
	queued(rpc_nfs3_setattr_async(rpc, set_done, &args, entry));
}

static void write_done(struct rpc_context *context, int status, void *data, void *private)
{
	rpc = context; /* goes on where it began */
	check(status, ((WRITE3res *)data)->status, private);
	send_set(private);
}

static void create_done(struct rpc_context *context, int status, void *data, void *private)
{
	CREATE3res *res = data;
	struct entry *entry = private;
	WRITE3args args = {.count = (count3)entry->size, .stable = UNSTABLE};

	rpc = context;
	check(status, res->status, entry);
	take(entry, &res->CREATE3res_u.resok.obj);
	if (entry->size == 0) {
		send_set(entry);
		return;
	}
	args.data.data_len = (u_int)entry->size;
	args.data.data_val = content;
	use(&args.file, &entry->handle);
	queued(rpc_nfs3_write_async(rpc, write_done, &args, entry));
}

static void mkdir_done(struct rpc_context *context, int status, void *data, void *private)
{
	MKDIR3res *res = data;

	(void)context;
	check(status, res->status, private);
	take(private, &res->MKDIR3res_u.resok.obj);
	active--;
}

static void start(struct entry *entry)
{
	active++;
	next_connection();
	if (entry->is_dir) {
		MKDIR3args args = {.where.name = entry->name, .attributes = attributes(0)};

		args.attributes.mode.set_mode3_u.mode = 0755;
		use(&args.where.dir, parent_handle(entry));
		queued(rpc_nfs3_mkdir_async(rpc, mkdir_done, &args, entry));
	} else {
		CREATE3args args = {.where.name = entry->name, .how.mode = UNCHECKED};

		args.how.createhow3_u.obj_attributes = attributes(0);
		use(&args.where.dir, parent_handle(entry));
		queued(rpc_nfs3_create_async(rpc, create_done, &args, entry));
	}
}

static size_t depth(const struct entry *entry)
{
	size_t n = 0;

	for (const char *p = entry->path; *p != '\0'; p++)
		n += *p == '/';
	return n;
}

/* Level by level, so that nothing waits for one directory alone. */
static void make_directories(size_t window)
{
	for (size_t level = 1, left = 1; left > 0; level++) {
		left = 0;
		for (size_t i = 0; i < count; i++) {
			size_t n = entries[i].is_dir ? depth(&entries[i]) : 0;

			left += n > level;
			if (n != level)
				continue;
			while (active >= window)
				exchange();
			start(&entries[i]);
		}
		while (active > 0)
			exchange();
	}
}

static void run_raw(size_t window)
{
	make_directories(window);
	for (size_t i = 0; i < count; i++) {
		while (active >= window)
			exchange();
		if (!entries[i].is_dir)
			start(&entries[i]);
	}
	while (active > 0)
		exchange();
	for (size_t i = 0; i < count; i++) {
		if (!entries[i].is_dir)
			continue;
		while (active >= window)
			exchange();
		active++;
		send_set(&entries[i]);
	}
	while (active > 0)
		exchange();
}

static void piece_done(struct rpc_context *context, int status, void *data, void *private)
{
	(void)context;
	check(status, ((WRITE3res *)data)->status, private);
	active--;
}

static void run_bulk(void)
{
	for (size_t i = 0; i < count; i++) {
		struct entry *entry = &entries[i];
		size_t size = entry->size;

		entry->size = 0; /* made empty, then filled */
		while (parent_handle(entry)->length == 0)
			exchange();
		start(entry);
		while (active > 0)
			exchange();
		for (size_t at = 0; !entry->is_dir && at < size; at += BIG) {
			size_t length = size - at < BIG ? size - at : BIG;
			WRITE3args args = {
				.offset = at, .count = (count3)length, .stable = UNSTABLE};

			while (active >= 8)
				exchange();
			args.data.data_len = (u_int)length;
			args.data.data_val = content;
			use(&args.file, &entry->handle);
			active++;
			queued(rpc_nfs3_write_async(rpc, piece_done, &args, entry));
		}
		while (active > 0)
			exchange();
	}
}

static void run_synchronous(struct nfs_context *nfs)
{
	struct timeval times[2] = {{1500000000, 0}, {1500000000, 0}};

	for (size_t i = 0; i < count; i++) {
		struct entry *entry = &entries[i];
		struct nfsfh *file;

		if (entry->is_dir) {
			if (nfs_mkdir2(nfs, entry->path, 0755) != 0)
				die(entry->path, nfs_get_error(nfs));
			continue;
		}
		if (nfs_creat(nfs, entry->path, 0644, &file) != 0)
			die(entry->path, nfs_get_error(nfs));
		if (entry->size > 0 && nfs_write(nfs, file, entry->size, content) < 0)
			die(entry->path, nfs_get_error(nfs));
		nfs_close(nfs, file);
		if (nfs_chown(nfs, entry->path, 2, 2) != 0 ||
			nfs_chmod(nfs, entry->path, 0644) != 0 ||
			nfs_utimes(nfs, entry->path, times) != 0)
			die(entry->path, nfs_get_error(nfs));
	}
}

static struct nfs_context *connect_to(char **argv)
{
	struct nfs_context *nfs = nfs_init_context();
	char text[4300];
	struct nfs_url *url;

	if (nfs == NULL)
		die(argv[2], "out of memory");
	snprintf(text, sizeof text,
		"nfs://%s%s/?version=3&nfsport=%s&mountport=%s&auto-traverse-mounts=0", argv[2],
		argv[3], argv[4], argv[5]);
	url = nfs_parse_url_dir(nfs, text);
	if (url == NULL || nfs_mount(nfs, url->server, url->path) != 0)
		die(argv[3], nfs_get_error(nfs));
	connections[connected++] = nfs_get_rpc_context(nfs);
	return nfs;
}

int main(int argc, char **argv)
{
	struct nfs_context *nfs;
	double started;
	clock_t cpu;
	int several = argc > 1 && strncmp(argv[1], "limit-", 6) == 0 ? atoi(argv[1] + 6) : 1;

	if (argc != 7 || several < 1 || several > CONNECTIONS_MAX) {
		fprintf(stderr, "usage: nfsload limit[-N]|one|synchronous|bulk HOST EXPORT NFSPORT "
				"MOUNTPORT PLAN\n");
		return 2;
	}
#ifdef __GLIBC__
	mallopt(M_MMAP_THRESHOLD, 32 << 20); /* as am_os_keep_memory() has it */
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
	memset(content, 'x', sizeof content);
	read_plan(argv[6]);
	nfs = connect_to(argv);
	while (connected < (nfds_t)several)
		connect_to(argv);
	rpc = connections[0];
	root.length = (unsigned)nfs_get_rootfh(nfs)->data.data_len;
	memcpy(root.data, nfs_get_rootfh(nfs)->data.data_val, root.length);
	started = now();
	cpu = clock();
	if (strncmp(argv[1], "limit", 5) == 0)
		run_raw(256);
	else if (strcmp(argv[1], "one") == 0)
		run_raw(1);
	else if (strcmp(argv[1], "bulk") == 0)
		run_bulk();
	else
		run_synchronous(nfs);
	printf("%.4f %lu %.2f\n", now() - started, requests,
		(double)(clock() - cpu) / CLOCKS_PER_SEC);
	return 0;
}

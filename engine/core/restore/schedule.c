/* SPDX-License-Identifier: MIT */
/*
 * Restoring over a network: many members at a time. Each becomes a request; it starts when what it
 * needs is there (its directory, the file it is a link of, an earlier request of the same name) and
 * when the window has room. Reading and unpacking go on meanwhile. What is not simple is done one
 * request after the other by member.c, with everything else still on its way.
 */
#include "restore/schedule.h"

#include "base/hash.h"
#include "tree/pipeline.h"
#include "tree/resolve.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BUCKETS = 4096,
	AHEAD = 256, /* requests that wait besides those of the window */
	PASSES_MAX = 5,
};

/* A directory that members go to. */
struct dir {
	struct am_dir base; /* first; the path is that of the archive */
	struct dir *real;   /* the entry of the same directory that has the rest, or this one */
	struct request *pending; /* makes it, or NULL */
	int fresh;               /* new: what was not put there is not there */
};

/* A file that comes in pieces. */
struct large {
	struct am_handle file;
	struct request *open;
	enum am_op_outcome opened;
};

struct request {
	struct am_op op; /* first */
	enum { MEMBER, IMPLIED, PIECE_OF, OPENING, CLOSING, LATE } role;
	struct am_bff_member member;
	char *at, *name, *target, *link;
	char *data;
	size_t memory;
	size_t mount;
	struct dir *dir;       /* that it makes */
	struct am_dir *source; /* of a hard link, in many.sources */
	struct large *large;   /* CLOSING frees it */
	int was_made;          /* the link was known as the archive's before */
	unsigned blocked;
	struct request **waiters;
	size_t waiting, capacity;
	struct request *next_pending, *next_ready;
	struct request *next, *previous; /* all of them */
	struct request *owner;           /* of a piece: the request of its file */
};

struct many {
	struct restore *r;
	struct am_pipeline pipeline;
	unsigned restarts[AM_PIPELINE_MOUNTS]; /* seen so far */
	struct am_dirs dirs;
	struct am_dirs sources; /* files that get another name: not replaced before */
	struct request *pending[BUCKETS];
	struct request *all, *ready, *last_ready;
	size_t aliases; /* entries of directories that are known by another path */
	size_t requests, memory;
	uint64_t begun;          /* members of this pass */
	uint64_t rewrite_before; /* those before it may be lost; 0: none */
	uint64_t limit;          /* this pass restores only those before; 0: all */
};

static int no_memory(struct am_error *error)
{
	return am_fail_errno(error, ENOMEM, "restore");
}

static size_t bucket(const char *path)
{
	return (size_t)am_hash(path, strlen(path)) % BUCKETS;
}

/* ---- requests ---- */

static void free_request(struct many *m, struct request *request)
{
	m->memory -= request->memory;
	m->requests--;
	if (request->previous != NULL)
		request->previous->next = request->next;
	else
		m->all = request->next;
	if (request->next != NULL)
		request->next->previous = request->previous;
	if (request->role == CLOSING ||
		(request->role == OPENING && request->large->open == request))
		free(request->large);
	if (request->source != NULL)
		am_dirs_remove(&m->sources, request->source);
	free(request->waiters);
	free(request->data);
	free(request->at);
	free(request->name);
	free(request->target);
	free(request->link);
	free(request);
}

static int request_done(struct am_op *op, struct am_error *error);

static struct request *new_request(struct many *m, enum am_op_kind kind, struct am_error *error)
{
	struct request *request = calloc(1, sizeof *request);

	if (request == NULL) {
		no_memory(error);
		return NULL;
	}
	request->op.kind = kind;
	request->op.over = request_done;
	request->op.owner = m;
	request->next = m->all;
	if (m->all != NULL)
		m->all->previous = request;
	m->all = request;
	m->requests++;
	return request;
}

static char *copy(const char *text)
{
	return text != NULL ? strdup(text) : NULL;
}

/* A request for a member. */
static struct request *member_request(struct many *m, enum am_op_kind kind,
	const struct am_bff_member *member, const struct dir *parent, const struct member_place *to,
	struct am_error *error)
{
	struct request *request = new_request(m, kind, error);

	if (request == NULL)
		return NULL;
	request->member = *member;
	request->at = strdup(to->at);
	request->name = copy(member->name);
	request->target = copy(member->target);
	request->link = copy(member->link);
	if (request->at == NULL || request->name == NULL ||
		(member->target != NULL && request->target == NULL) ||
		(member->link != NULL && request->link == NULL)) {
		free_request(m, request);
		no_memory(error);
		return NULL;
	}
	request->member.name = request->name;
	request->member.target = request->target;
	request->member.link = request->link;
	request->member.acl = request->member.pcl = NULL;
	request->mount = parent->base.mount;
	request->op.dir = parent->base.node;
	request->op.name = strrchr(request->at, '/') + 1;
	request->op.target = request->target;
	request->op.attr = am_member_attr(member);
	request->op.commit = m->r->options != NULL && m->r->options->commit;
	return request;
}

static struct request *pending_at(const struct many *m, const char *at)
{
	struct request *request = m->pending[bucket(at)];

	while (request != NULL && strcmp(request->at, at) != 0)
		request = request->next_pending;
	return request;
}

static void forget_pending(struct many *m, const struct request *request)
{
	struct request **link;

	if (request->at == NULL)
		return;
	link = &m->pending[bucket(request->at)];
	while (*link != NULL && *link != request)
		link = &(*link)->next_pending;
	if (*link == request)
		*link = request->next_pending;
}

/* `request` starts after `other`, which may be NULL. */
static int after(struct request *request, struct request *other, struct am_error *error)
{
	if (other == NULL || other == request)
		return 0;
	if (other->waiting == other->capacity) {
		size_t capacity = other->capacity != 0 ? other->capacity * 2 : 4;
		struct request **waiters =
			realloc(other->waiters, capacity * sizeof(struct request *));

		if (waiters == NULL)
			return no_memory(error);
		other->waiters = waiters;
		other->capacity = capacity;
	}
	other->waiters[other->waiting++] = request;
	request->blocked++;
	return 0;
}

static void make_ready(struct many *m, struct request *request)
{
	request->next_ready = NULL;
	if (m->last_ready != NULL)
		m->last_ready->next_ready = request;
	else
		m->ready = request;
	m->last_ready = request;
}

/* Takes the request over; it starts when nothing blocks it. */
static void submit(struct many *m, struct request *request)
{
	if (request->at != NULL) {
		struct request **link = &m->pending[bucket(request->at)];

		request->next_pending = *link;
		*link = request;
	}
	if (request->blocked == 0)
		make_ready(m, request);
}

static void wake_waiters(struct many *m, struct request *request)
{
	for (size_t i = 0; i < request->waiting; i++) {
		if (--request->waiters[i]->blocked == 0)
			make_ready(m, request->waiters[i]);
	}
	request->waiting = 0;
}

static int start_ready(struct many *m, struct am_error *error)
{
	while (m->ready != NULL && !am_pipeline_full(&m->pipeline)) {
		struct request *request = m->ready;

		if (am_pipeline_start(
			    &m->pipeline, m->pipeline.fs[request->mount], &request->op, error) != 0)
			return -1;
		m->ready = request->next_ready;
		if (m->ready == NULL)
			m->last_ready = NULL;
	}
	return 0;
}

/* ---- what came of them ---- */

/* Says how much room is left where there was too little. */
static void add_space(struct many *m, size_t mount, struct am_error *error)
{
	struct am_fs *fs = m->pipeline.fs[mount];
	struct am_tree_space space;
	struct am_node *root = fs->ops->root(fs, NULL);
	size_t length = strlen(error->message);

	if (root == NULL)
		return;
	if (fs->ops->df(root, &space, NULL) == 0)
		snprintf(error->message + length, sizeof error->message - length,
			"; %s has %" PRIu64 " of %" PRIu64 " 512-byte blocks and %" PRIu64
			" files free",
			fs->name, space.avail / 512, space.total / 512, space.files_free);
	am_node_release(root);
}

static int request_failed(struct many *m, struct request *request, struct am_error *error)
{
	const struct request *who = request->owner != NULL ? request->owner : request;

	am_pipeline_fail(
		m->r->tree, request->mount, who->at != NULL ? who->at : "", &request->op, error);
	if (strcmp(error->code, "ENOSPC") == 0)
		add_space(m, request->mount, error);
	if (who->name != NULL)
		return am_member_fail("restore", &who->member, error);
	am_error_prefix(error, "restore");
	return -1;
}

static void count_member(struct many *m, const struct request *request)
{
	struct am_restore_stats *stats = m->r->stats;

	switch (request->op.kind) {
	case AM_OP_FILE:
	case AM_OP_CLOSE:
		stats->files++;
		break;
	case AM_OP_DIR:
		stats->dirs++;
		break;
	case AM_OP_LINK:
	case AM_OP_HARD:
		stats->links++;
		break;
	case AM_OP_NODE:
		stats->devices++;
		break;
	default:
		break;
	}
	stats->members++;
}

/* One request after the other, from what this one holds. */
static int one_by_one(struct many *m, struct request *request, struct am_error *error)
{
	struct held held = {request->data, request->op.length};

	if (request->op.kind == AM_OP_FILE)
		m->r->stats->bytes -= request->op.length; /* is counted again */
	if (am_restore_member(m->r, &request->member, request->at, &held, error) != 0)
		return am_restore_fail(m->r, &request->member, error);
	m->r->stats->members++;
	return 0;
}

/* What is not simple: one request after the other. */
static int request_odd(struct many *m, struct request *request, struct am_error *error)
{
	struct dir *dir = request->dir;

	request->op.operation = "write";
	switch (request->role) {
	case OPENING:
		return 0; /* the caller waits for it */
	case LATE:
		return am_restore_finish_dir(m->r, request->at, &request->op.attr, error);
	case MEMBER:
		if (one_by_one(m, request, error) != 0)
			return -1;
		break;
	case IMPLIED:
		if (am_tree_makedirs(m->r->tree, request->at, 0755, error) != 0) {
			am_error_prefix(error, "restore");
			return -1;
		}
		break;
	default:
		am_fail_reason(&request->op.error, ESTALE);
		return request_failed(m, request, error);
	}
	if (dir == NULL || m->pipeline.fs[request->mount]->ops->refresh(
				   dir->base.node, &request->op.error) == 0)
		return 0;
	return request_failed(m, request, error);
}

static int request_succeeded(struct many *m, struct request *request, struct am_error *error)
{
	struct restore *r = m->r;

	if (request->op.outcome == AM_OP_SAME && !request->was_made)
		am_restore_forget_made(r, request->at);
	if (request->dir != NULL)
		request->dir->fresh = request->op.fresh;
	if (request->role == MEMBER || request->role == CLOSING)
		count_member(m, request);
	if (request->role == MEMBER && request->op.kind == AM_OP_DIR)
		return am_restore_add_late(r, &request->member, request->at, error);
	return 0;
}

static int request_done(struct am_op *op, struct am_error *error)
{
	struct request *request = (struct request *)op;
	struct many *m = op->owner;
	int result;

	switch (request->op.outcome) {
	case AM_OP_DONE:
	case AM_OP_SAME:
		result = request_succeeded(m, request, error);
		break;
	case AM_OP_ODD:
		result = request_odd(m, request, error);
		break;
	default:
		result = request_failed(m, request, error);
	}
	if (request->role == OPENING) {
		request->large->opened = request->op.outcome;
		request->large->open = NULL;
	}
	if (request->dir != NULL)
		request->dir->pending = NULL;
	forget_pending(m, request);
	wake_waiters(m, request);
	free_request(m, request);
	return result;
}

/* A server that was restarted may have forgotten all it was told before. */
static void watch_restarts(struct many *m)
{
	for (size_t i = 0; i < m->pipeline.mounts; i++) {
		if (m->pipeline.fs[i]->restarts != m->restarts[i])
			m->rewrite_before = m->begun;
		m->restarts[i] = m->pipeline.fs[i]->restarts;
	}
}

/* Moves everything on, waiting for at most `wait_ms`. What fails here is complete. */
static int poll_once(struct many *m, int wait_ms, struct am_error *error)
{
	if (start_ready(m, error) == 0 && am_pipeline_poll(&m->pipeline, wait_ms, error) == 0) {
		watch_restarts(m);
		if (am_restore_report(m->r, 0, error) == 0)
			return 0;
	}
	m->r->complete = 1;
	return -1;
}

static int wait_all(struct many *m, struct am_error *error)
{
	while (m->requests > 0) {
		if (poll_once(m, 100, error) != 0)
			return -1;
	}
	return 0;
}

static int wait_for_room(struct many *m, struct am_error *error)
{
	do {
		int full = m->requests >= m->pipeline.window + AHEAD ||
			   m->memory >= AM_PIPELINE_MEMORY;

		if (poll_once(m, full ? 100 : 0, error) != 0)
			return -1;
	} while (m->requests >= m->pipeline.window + AHEAD || m->memory >= AM_PIPELINE_MEMORY);
	return 0;
}

/* ---- directories ---- */

static struct dir *find(const struct many *m, const char *path, size_t length)
{
	struct dir *dir = am_dirs_find(&m->dirs, path, length);

	return dir != NULL ? dir->real : NULL;
}

static struct dir *find_dir(const struct many *m, const char *path)
{
	return find(m, path, strlen(path));
}

/* Takes the node over, also on failure. */
static struct dir *add_entry(struct many *m, const char *path, const char *at, size_t mount,
	struct am_node *node, struct dir *real, struct am_error *error)
{
	struct dir *dir = am_dirs_add(&m->dirs, sizeof *dir, path, strlen(path), at, error);

	if (dir == NULL) {
		am_node_release(node);
		return NULL;
	}
	dir->base.mount = mount;
	dir->base.node = node;
	dir->real = real != NULL ? real : dir;
	m->aliases += real != NULL;
	return dir;
}

/* Known under its path in the archive, and by where it is. */
static struct dir *add_dir(struct many *m, const char *path, const char *at, size_t mount,
	struct am_node *node, struct am_error *error)
{
	struct dir *real = add_entry(m, at, at, mount, node, NULL, error);

	if (real != NULL && strcmp(path, at) != 0 &&
		add_entry(m, path, at, mount, NULL, real, error) == NULL)
		return NULL;
	return real;
}

static int is_alias(const struct am_dir *dir)
{
	return ((const struct dir *)dir)->real != (const struct dir *)dir;
}

/* The links that led to them may change. */
static void forget_aliases(struct many *m)
{
	if (m->aliases > 0)
		am_dirs_drop(&m->dirs, is_alias);
	m->aliases = 0;
}

static size_t mount_at(const struct many *m, const char *at)
{
	return am_tree_mount_at(m->r->tree, strcmp(at, "/") == 0 ? "" : at);
}

static struct dir *dir_for(struct many *m, const char *path, size_t length, struct am_error *error);

/*
 * A directory that is there, at `at` or where the link there leads. Those above it are known then
 * as well, so that nothing takes their place while something is on its way into it.
 */
static struct dir *open_dir(
	struct many *m, const char *path, const char *at, struct am_error *error)
{
	struct am_locate_options options = {
		.follow = 1, .may_follow = am_restore_may_follow, .context = m->r};
	struct am_tree *tree = m->r->tree;
	struct am_place place;
	struct am_node *node;
	struct dir *real;

	if (am_tree_locate_by(tree, "lookup", at, &options, &place, error) != 0)
		return NULL;
	node = am_place_enter(&place, error);
	if (node == NULL)
		am_place_fail(tree, &place, "lookup", error);
	am_place_free(&place);
	if (node == NULL || strcmp(place.path, path) == 0)
		return node != NULL ? add_entry(m, path, path, place.mount, node, NULL, error)
				    : NULL;
	am_node_release(node);
	real = dir_for(m, place.path, strlen(place.path), error);
	if (real == NULL || add_entry(m, path, place.path, place.mount, NULL, real, error) == NULL)
		return NULL;
	return real;
}

/* Starts to make a directory. `request` fits it. */
static struct dir *make_dir(struct many *m, const char *path, const char *at, struct dir *parent,
	struct request *request, struct am_error *error)
{
	struct am_node *node = parent->base.node->fs->ops->child(
		parent->base.node, strrchr(at, '/') + 1, NULL, error);
	struct dir *dir =
		node != NULL ? add_dir(m, path, at, parent->base.mount, node, error) : NULL;

	if (dir == NULL || after(request, parent->pending, error) != 0 ||
		after(request, pending_at(m, at), error) != 0) {
		free_request(m, request);
		return NULL;
	}
	dir->pending = request;
	request->dir = dir;
	request->op.node = node;
	submit(m, request);
	return dir;
}

static struct dir *imply_dir(struct many *m, const char *path, const char *at, struct dir *parent,
	struct am_error *error)
{
	struct request *request = new_request(m, AM_OP_DIR, error);

	if (request == NULL)
		return NULL;
	request->role = IMPLIED;
	request->mount = parent->base.mount;
	request->at = strdup(at);
	if (request->at == NULL) {
		free_request(m, request);
		no_memory(error);
		return NULL;
	}
	request->op.dir = parent->base.node;
	request->op.name = strrchr(request->at, '/') + 1;
	request->op.attr = (struct am_tree_attr){.set = AM_SET_MODE, .mode = 0755};
	return make_dir(m, path, at, parent, request, error);
}

static int join(char *to, const char *dir, const char *name, struct am_error *error)
{
	if (strcmp(dir, "/") == 0)
		dir = "";
	if (strlen(dir) + strlen(name) + 2 > PATH_SIZE)
		return am_fail(error, "ARCHIVE_PATH", "the name is too long");
	snprintf(to, PATH_SIZE, "%s/%s", dir, name);
	return 0;
}

/* The directory `path` of the archive by looking: there, behind a link, or to be made. */
static struct dir *look_for_dir(struct many *m, const char *path, const char *at,
	struct dir *parent, struct am_error *error)
{
	struct am_tree_stat st;
	struct am_error why;
	struct request *other;

	while ((other = pending_at(m, at)) != NULL || parent->pending != NULL) {
		if (poll_once(m, 100, error) != 0)
			return NULL;
	}
	if (mount_at(m, at) != (size_t)-1)
		return open_dir(m, path, at, error);
	if (parent->fresh && !am_restore_made_here(m->r, at))
		return imply_dir(m, path, at, parent, error);
	if (am_tree_stat(m->r->tree, at, 0, &st, &why) != 0) {
		if (strcmp(why.code, "ENOENT") == 0)
			return imply_dir(m, path, at, parent, error);
		if (error != NULL)
			*error = why;
		return NULL;
	}
	/* Where a link leads may be changed by what is under way. */
	if (st.type == AM_TREE_LINK && wait_all(m, error) != 0)
		return NULL;
	return open_dir(m, path, at, error);
}

/* The directory of the first `length` bytes of `path`; "" is the root. */
static struct dir *dir_for(struct many *m, const char *path, size_t length, struct am_error *error)
{
	char own[PATH_SIZE], at[PATH_SIZE];
	struct dir *dir, *parent;
	char *slash;

	if (length == 0)
		path = "/", length = 1;
	dir = find(m, path, length);
	if (dir != NULL)
		return dir;
	memcpy(own, path, length);
	own[length] = '\0';
	slash = strrchr(own, '/');
	if (slash[1] == '\0')
		return open_dir(m, own, own, error);
	parent = dir_for(m, own, (size_t)(slash - own), error);
	if (parent == NULL || join(at, parent->base.at, slash + 1, error) != 0)
		return NULL;
	return look_for_dir(m, own, at, parent, error);
}

/* ---- members ---- */

/* One request after the other, with nothing else on its way. */
static int alone(struct many *m, const struct am_bff_member *member, const char *path,
	struct am_error *error)
{
	char at[PATH_SIZE];

	if (wait_all(m, error) != 0 || am_restore_locate(m->r, path, 1, at, error) != 0 ||
		am_restore_member(m->r, member, at, NULL, error) != 0)
		return -1;
	m->r->stats->members++;
	am_dirs_drop(&m->dirs, NULL);
	m->aliases = 0;
	return 0;
}

static int put_dir(struct many *m, const struct am_bff_member *member, struct dir *parent,
	const struct member_place *to, struct am_error *error)
{
	struct restore *r = m->r;
	struct dir *known = find_dir(m, to->path);
	struct request *request;

	if (known == NULL && mount_at(m, to->at) != (size_t)-1)
		known = open_dir(m, to->path, to->at, error);
	if (known != NULL && strcmp(known->base.at, to->at) == 0) {
		r->stats->dirs++;
		r->stats->members++;
		return am_restore_add_late(r, member, to->at, error);
	}
	if (known != NULL || find_dir(m, to->at) != NULL || parent == NULL)
		return alone(m, member, to->path, error);
	request = member_request(m, AM_OP_DIR, member, parent, to, error);
	if (request == NULL)
		return -1;
	request->op.attr.mode = 0755;
	return make_dir(m, to->path, to->at, parent, request, error) != NULL ? 0 : -1;
}

/* The content of a small file into the request. */
static int read_small(struct many *m, const struct am_bff_member *member, struct request *request,
	struct am_error *error)
{
	size_t size = (size_t)member->size, used = 0;

	if (size == 0)
		return 0;
	request->data = malloc(size);
	if (request->data == NULL)
		return no_memory(error);
	while (used < size) {
		ssize_t n = am_bff_read(m->r->archive, request->data + used, size - used, error);

		if (n < 0)
			return -1;
		if (n == 0)
			return am_fail(error, "TRUNCATED", "its content ends early");
		used += (size_t)n;
	}
	request->memory = size;
	m->memory += size;
	request->op.data = request->data;
	request->op.length = size;
	return 0;
}

/* Blocks the request on what it needs, and takes it over. */
static int submit_member(
	struct many *m, struct request *request, const struct dir *parent, struct am_error *error)
{
	if (after(request, parent->pending, error) != 0 ||
		after(request, pending_at(m, request->at), error) != 0) {
		free_request(m, request);
		return -1;
	}
	submit(m, request);
	return 0;
}

static int put_small(struct many *m, const struct am_bff_member *member, struct dir *parent,
	const struct member_place *to, struct am_error *error)
{
	struct request *request = member_request(m, AM_OP_FILE, member, parent, to, error);

	if (request == NULL)
		return -1;
	if (read_small(m, member, request, error) != 0) {
		free_request(m, request);
		return -1;
	}
	m->r->stats->bytes += request->op.length;
	return submit_member(m, request, parent, error);
}

static int is_zero(const char *data, size_t length)
{
	return data[0] == 0 && memcmp(data, data + 1, length - 1) == 0;
}

/* A piece of a large file; the last attributes wait for it. */
static int put_piece(struct many *m, struct large *large, struct request *closing, uint64_t offset,
	size_t *length, struct am_error *error)
{
	uint64_t size = (uint64_t)closing->member.size;
	struct request *request = new_request(m, AM_OP_WRITE, error);
	size_t most = m->pipeline.fs[closing->mount]->ops->largest(m->pipeline.fs[closing->mount]),
	       used = 0;

	if (request == NULL)
		return -1;
	if (most > AM_PIPELINE_PIECE)
		most = AM_PIPELINE_PIECE;
	request->role = PIECE_OF;
	request->owner = closing;
	request->mount = closing->mount;
	request->data = malloc(most);
	request->memory = request->data != NULL ? most : 0;
	m->memory += request->memory;
	if (request->data == NULL) {
		free_request(m, request);
		return no_memory(error);
	}
	while (used < most) {
		ssize_t n = am_bff_read(m->r->archive, request->data + used, most - used, error);

		if (n < 0) {
			free_request(m, request);
			return -1;
		}
		if (n == 0)
			break;
		used += (size_t)n;
	}
	*length = used;
	m->r->stats->bytes += used;
	/* The file is new and empty: zeros stay a hole, but the last piece gives it its size. */
	if (used == 0 || (offset + used < size && is_zero(request->data, used))) {
		free_request(m, request);
		return 0;
	}
	request->op.file = &large->file;
	request->op.data = request->data;
	request->op.length = used;
	request->op.offset = offset;
	if (after(closing, request, error) != 0) {
		free_request(m, request);
		return -1;
	}
	submit(m, request);
	return 0;
}

static int put_pieces(
	struct many *m, struct large *large, struct request *closing, struct am_error *error)
{
	uint64_t offset = 0;
	size_t length = 0;

	for (;;) {
		if (put_piece(m, large, closing, offset, &length, error) != 0)
			return -1;
		if (length == 0)
			return 0;
		offset += length;
		if (wait_for_room(m, error) != 0)
			return -1;
	}
}

static int put_large(struct many *m, const struct am_bff_member *member, struct dir *parent,
	const struct member_place *to, struct am_error *error)
{
	struct large *large = calloc(1, sizeof *large);
	struct request *open = member_request(m, AM_OP_OPEN, member, parent, to, error), *closing;

	if (large == NULL || open == NULL) {
		free(large);
		if (open != NULL)
			free_request(m, open);
		return no_memory(error);
	}
	open->role = OPENING;
	open->large = large;
	open->op.file = &large->file;
	large->open = open;
	if (submit_member(m, open, parent, error) != 0)
		return -1;
	while (large->open != NULL) {
		if (poll_once(m, 100, error) == 0)
			continue;
		if (large->open == NULL)
			free(large); /* else the request has it */
		return -1;
	}
	if (large->opened != AM_OP_DONE) {
		free(large);
		return alone(m, member, to->path, error);
	}
	closing = member_request(m, AM_OP_CLOSE, member, parent, to, error);
	if (closing == NULL) {
		free(large);
		return -1;
	}
	closing->role = CLOSING;
	closing->large = large;
	closing->op.file = &large->file;
	closing->blocked = 1; /* until all pieces are known */
	submit(m, closing);
	if (put_pieces(m, large, closing, error) != 0)
		return -1;
	if (--closing->blocked == 0)
		make_ready(m, closing);
	return 0;
}

static int put_link(struct many *m, const struct am_bff_member *member, struct dir *parent,
	const struct member_place *to, struct am_error *error)
{
	struct request *request;

	if (member->target == NULL || member->target[0] == '\0')
		return am_fail(error, "ARCHIVE_LINK", "symbolic link without a target");
	request = member_request(m, AM_OP_LINK, member, parent, to, error);
	if (request == NULL)
		return -1;
	forget_aliases(m);
	request->was_made = am_restore_made_here(m->r, to->at);
	if (am_restore_remember_made(m->r, to->at, error) != 0) {
		free_request(m, request);
		return -1;
	}
	return submit_member(m, request, parent, error);
}

static int put_hard_link(struct many *m, const struct am_bff_member *member, struct dir *parent,
	const struct member_place *to, struct am_error *error)
{
	char first[PATH_SIZE], source_at[PATH_SIZE];
	struct dir *source;
	struct request *request;
	char *slash;

	if (am_member_path(member->link, first, error) != 0)
		return -1;
	slash = strrchr(first, '/');
	if (slash[1] == '\0')
		return am_fail(error, "ARCHIVE_LINK", "it would be a link of the root directory");
	*slash = '\0';
	source = find_dir(m, first[0] != '\0' ? first : "/");
	*slash = '/';
	if (source == NULL || source->base.mount != parent->base.mount ||
		member->stored_size > AM_PIPELINE_SMALL)
		return alone(m, member, to->path, error);
	if (join(source_at, source->base.at, slash + 1, error) != 0)
		return -1;
	if (strcmp(source_at, to->at) == 0) {
		m->r->stats->members++;
		return 0;
	}
	request = member_request(m, AM_OP_HARD, member, parent, to, error);
	if (request == NULL)
		return -1;
	request->op.from = source->base.node;
	request->op.from_name = request->link + strlen(request->link) - strlen(slash + 1);
	if (strcmp(request->op.from_name, slash + 1) != 0) {
		free_request(m, request);
		return am_fail(error, "ARCHIVE_LINK", "unusable name of its first link");
	}
	request->source = am_dirs_add(
		&m->sources, sizeof *request->source, source_at, strlen(source_at), NULL, error);
	if (request->source == NULL ||
		(member->stored_size > 0 && read_small(m, member, request, error) != 0) ||
		after(request, source->pending, error) != 0 ||
		after(request, pending_at(m, source_at), error) != 0) {
		free_request(m, request);
		return -1;
	}
	return submit_member(m, request, parent, error);
}

static int put_node(struct many *m, const struct am_bff_member *member, enum am_tree_type type,
	struct dir *parent, const struct member_place *to, struct am_error *error)
{
	struct request *request = member_request(m, AM_OP_NODE, member, parent, to, error);

	if (request == NULL)
		return -1;
	request->op.type = type;
	request->op.major_number = member->rdev_major;
	request->op.minor_number = member->rdev_minor;
	return submit_member(m, request, parent, error);
}

/* Anything but a directory. */
static int put_entry(struct many *m, const struct am_bff_member *member, enum am_tree_type type,
	struct dir *parent, const struct member_place *to, struct am_error *error)
{
	if (find_dir(m, to->path) != NULL || find_dir(m, to->at) != NULL ||
		mount_at(m, to->at) != (size_t)-1)
		return alone(m, member, to->path, error);
	if (type == AM_TREE_LINK)
		return put_link(m, member, parent, to, error);
	if (type != AM_TREE_FILE)
		return put_node(m, member, type, parent, to, error);
	if (member->link != NULL)
		return put_hard_link(m, member, parent, to, error);
	if (member->size <= AM_PIPELINE_SMALL &&
		(size_t)member->size <= m->pipeline.fs[parent->base.mount]->ops->largest(
						m->pipeline.fs[parent->base.mount]))
		return put_small(m, member, parent, to, error);
	return put_large(m, member, parent, to, error);
}

static int put_member(struct many *m, const struct am_bff_member *member, struct member_place *to,
	struct am_error *error)
{
	enum am_tree_type type = am_member_type(member);
	const char *slash = strrchr(to->path, '/');
	struct dir *parent;

	if (type == 0)
		return am_fail(error, "BFF_TYPE", "unknown file type %06" PRIo32,
			member->mode & AM_BFF_IFMT);
	if (am_member_check_root(to->path, member, error) != 0)
		return -1;
	if (slash[1] == '\0') {
		memcpy(to->at, "/", 2);
		return put_dir(m, member, NULL, to, error);
	}
	parent = dir_for(m, to->path, (size_t)(slash - to->path), error);
	if (parent == NULL || join(to->at, parent->base.at, slash + 1, error) != 0)
		return -1;
	while (am_dirs_find(&m->sources, to->at, strlen(to->at)) != NULL) {
		if (poll_once(m, 100, error) != 0)
			return -1;
	}
	if (type == AM_TREE_DIR)
		return put_dir(m, member, parent, to, error);
	return put_entry(m, member, type, parent, to, error);
}

/* ---- all of it ---- */

/* The attributes of directories, when everything is in them. */
static int finish_dirs(struct many *m, struct am_error *error)
{
	for (const struct late *late = m->r->late; late != NULL; late = late->previous) {
		const char *at = late->dir.path;
		struct dir *dir = find_dir(m, at);
		struct request *request;

		if (dir == NULL || strcmp(dir->base.at, at) != 0) {
			if (am_restore_finish_dir(m->r, at, &late->attr, error) != 0)
				return -1;
			continue;
		}
		request = new_request(m, AM_OP_ATTR, error);
		if (request == NULL)
			return -1;
		request->role = LATE;
		request->mount = dir->base.mount;
		request->op.node = dir->base.node;
		request->op.attr = late->attr;
		request->at = strdup(at);
		if (request->at == NULL || after(request, pending_at(m, at), error) != 0) {
			free_request(m, request);
			return no_memory(error);
		}
		submit(m, request);
		if (wait_for_room(m, error) != 0)
			return -1;
	}
	return wait_all(m, error);
}

/* Asks for the verifier. A server never written to has none. */
static int probe(struct am_fs *fs, struct am_error *error)
{
	if (fs->ops->probe(fs, error) == 0)
		return 0;
	if (fs->complete)
		am_error_prefix(error, "restore");
	else
		am_error_prefix(error, "restore: %s", fs->name);
	fs->complete = 0;
	return -1;
}

static int one_pass(struct many *m, struct am_error *error)
{
	struct restore *r = m->r;
	const struct am_bff_member *member;
	struct member_place to;
	int n = 0;

	m->begun = 0;
	m->rewrite_before = 0;
	while ((m->limit == 0 || m->begun < m->limit) &&
		(n = am_restore_next(r, &member, to.path, error)) == 1) {
		m->begun++;
		if (put_member(m, member, &to, error) != 0)
			return am_restore_fail(r, member, error);
		if (am_pipeline_due(m->begun) && wait_for_room(m, error) != 0)
			return -1;
	}
	if (n < 0 || wait_all(m, error) != 0 || finish_dirs(m, error) != 0)
		return -1;
	for (size_t i = 0; i < m->pipeline.mounts; i++) {
		if (probe(m->pipeline.fs[i], error) != 0)
			return -1;
	}
	watch_restarts(m);
	return 0;
}

/* Passes until no server was restarted during one. */
static int all_passes(struct many *m, struct am_error *error)
{
	struct restore *r = m->r;
	struct am_restore_stats first;

	if (one_pass(m, error) != 0)
		return -1;
	first = *r->stats;
	for (int i = 1; m->rewrite_before > 0; i++) {
		uint64_t limit = m->rewrite_before;

		first.restarts = (unsigned)i;
		if (r->options == NULL || r->options->again == NULL || i == PASSES_MAX)
			return am_fail(error, "NFS_RESTARTED",
				"restore: the server was restarted meanwhile and may have "
				"forgotten "
				"what it was sent before; restore again");
		if (r->options->again(r->options->context, &r->archive, error) != 0)
			return -1;
		m->limit = limit;
		if (one_pass(m, error) != 0)
			return -1;
		first.moved = r->stats->moved;
		*r->stats = first;
	}
	return am_restore_report(r, 1, error);
}

static int run(struct many *m, struct am_error *error)
{
	for (size_t i = 0; i < m->pipeline.mounts; i++) {
		if (probe(m->pipeline.fs[i], error) != 0)
			return -1;
		m->restarts[i] = m->pipeline.fs[i]->restarts;
	}
	return all_passes(m, error);
}

int am_restore_many(struct restore *r, struct am_error *error)
{
	struct many *m = calloc(1, sizeof *m);
	struct am_error unused;
	int result;

	if (m == NULL)
		return no_memory(error);
	m->r = r;
	am_pipeline_open(&m->pipeline, "restore", r->tree, NULL);
	result = run(m, error != NULL ? error : &unused);
	am_pipeline_close(&m->pipeline);
	while (m->all != NULL)
		free_request(m, m->all);
	am_dirs_free(&m->dirs);
	am_dirs_free(&m->sources);
	free(m);
	return result;
}

/*
 * Restoring over a network: many members at a time. Each becomes a job; it starts when what it
 * needs is there (its directory, the file it is a link of, an earlier job of the same name) and
 * when the window has room. Reading and unpacking go on meanwhile. What is not simple is done one
 * call after the other by restore.c, with everything else still on its way.
 */
#include "restore/member.h"

#include "base/cancel.h"
#include "tree/pipeline.h"
#include "tree/resolve.h"
#include "base/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SMALL = 128 << 10, /* a file up to this size is one job, with its content */
	PIECE = 1 << 20,
	MEMORY_MAX = 16 << 20,
	BUCKETS = 4096,
	AHEAD = 256, /* jobs that wait besides those of the window */
	PASSES_MAX = 5,
};

/* A directory that members go to. */
struct dir {
	struct dir *next;
	struct dir *real; /* the entry of the same directory that has the rest, or this one */
	size_t mount;
	struct am_node *node;
	struct job *pending; /* makes it, or NULL */
	int fresh;           /* new: what was not put there is not there */
	char *at;
	char path[]; /* as in the archive */
};

/* A file that comes in pieces. */
struct large {
	struct am_handle file;
	struct job *open;
	enum am_put_outcome opened;
};

struct job {
	struct am_put put; /* first */
	enum { MEMBER, IMPLIED, PIECE_OF, OPENING, CLOSING, LATE } role;
	struct am_bff_member member;
	char *path, *at, *name, *target, *link;
	char *data;
	size_t memory;
	size_t mount;
	struct dir *dir;     /* that it makes */
	struct large *large; /* CLOSING frees it */
	int was_made;        /* the link was known as the archive's before */
	unsigned blocked;
	struct job **waiters;
	size_t waiting, capacity;
	struct job *next_pending, *next_ready;
	struct job *next, *previous; /* all of them */
	struct job *owner;           /* of a piece: the job of its file */
};

struct many {
	struct restore *r;
	struct am_flight flight;
	unsigned restarts[AM_FLIGHT_MOUNTS]; /* seen so far */
	struct dir *dirs[BUCKETS];
	struct job *pending[BUCKETS];
	struct job *all, *ready, *last_ready;
	size_t aliases; /* entries of directories that are known by another path */
	size_t jobs, memory;
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

/* ---- jobs ---- */

static void free_job(struct many *m, struct job *job)
{
	m->memory -= job->memory;
	m->jobs--;
	if (job->previous != NULL)
		job->previous->next = job->next;
	else
		m->all = job->next;
	if (job->next != NULL)
		job->next->previous = job->previous;
	if (job->role == CLOSING || (job->role == OPENING && job->large->open == job))
		free(job->large);
	free(job->waiters);
	free(job->data);
	free(job->path);
	free(job->at);
	free(job->name);
	free(job->target);
	free(job->link);
	free(job);
}

static int job_over(struct am_put *put, struct am_error *error);

static struct job *new_job(struct many *m, enum am_put_kind kind, struct am_error *error)
{
	struct job *job = calloc(1, sizeof *job);

	if (job == NULL) {
		no_memory(error);
		return NULL;
	}
	job->put.kind = kind;
	job->put.over = job_over;
	job->put.owner = m;
	job->next = m->all;
	if (m->all != NULL)
		m->all->previous = job;
	m->all = job;
	m->jobs++;
	return job;
}

static char *copy(const char *text)
{
	return text != NULL ? strdup(text) : NULL;
}

/* A job for the member of r->path, which is `at`. */
static struct job *member_job(struct many *m, enum am_put_kind kind,
	const struct am_bff_member *member, const struct dir *parent, const char *at,
	struct am_error *error)
{
	struct job *job = new_job(m, kind, error);

	if (job == NULL)
		return NULL;
	job->member = *member;
	job->path = strdup(m->r->path);
	job->at = strdup(at);
	job->name = copy(member->name);
	job->target = copy(member->target);
	job->link = copy(member->link);
	if (job->path == NULL || job->at == NULL || job->name == NULL ||
		(member->target != NULL && job->target == NULL) ||
		(member->link != NULL && job->link == NULL)) {
		free_job(m, job);
		no_memory(error);
		return NULL;
	}
	job->member.name = job->name;
	job->member.target = job->target;
	job->member.link = job->link;
	job->member.acl = job->member.pcl = NULL;
	job->mount = parent->mount;
	job->put.dir = parent->node;
	job->put.name = strrchr(job->at, '/') + 1;
	job->put.target = job->target;
	job->put.attr = am_restore_attr_of(member);
	job->put.commit = m->r->options != NULL && m->r->options->commit;
	return job;
}

static struct job *pending_at(const struct many *m, const char *at)
{
	struct job *job = m->pending[bucket(at)];

	while (job != NULL && strcmp(job->at, at) != 0)
		job = job->next_pending;
	return job;
}

static void forget_pending(struct many *m, const struct job *job)
{
	struct job **link;

	if (job->at == NULL)
		return;
	link = &m->pending[bucket(job->at)];
	while (*link != NULL && *link != job)
		link = &(*link)->next_pending;
	if (*link == job)
		*link = job->next_pending;
}

/* `job` starts after `other`, which may be NULL. */
static int after(struct job *job, struct job *other, struct am_error *error)
{
	if (other == NULL || other == job)
		return 0;
	if (other->waiting == other->capacity) {
		size_t capacity = other->capacity != 0 ? other->capacity * 2 : 4;
		struct job **waiters = realloc(other->waiters, capacity * sizeof(struct job *));

		if (waiters == NULL)
			return no_memory(error);
		other->waiters = waiters;
		other->capacity = capacity;
	}
	other->waiters[other->waiting++] = job;
	job->blocked++;
	return 0;
}

static void make_ready(struct many *m, struct job *job)
{
	job->next_ready = NULL;
	if (m->last_ready != NULL)
		m->last_ready->next_ready = job;
	else
		m->ready = job;
	m->last_ready = job;
}

/* Takes the job over; it starts when nothing blocks it. */
static void submit(struct many *m, struct job *job)
{
	if (job->at != NULL) {
		struct job **link = &m->pending[bucket(job->at)];

		job->next_pending = *link;
		*link = job;
	}
	if (job->blocked == 0)
		make_ready(m, job);
}

static void wake_waiters(struct many *m, struct job *job)
{
	for (size_t i = 0; i < job->waiting; i++) {
		if (--job->waiters[i]->blocked == 0)
			make_ready(m, job->waiters[i]);
	}
	job->waiting = 0;
}

static int start_ready(struct many *m, struct am_error *error)
{
	while (m->ready != NULL && !am_flight_full(&m->flight)) {
		struct job *job = m->ready;

		if (am_flight_start(&m->flight, m->flight.fs[job->mount], &job->put, error) != 0)
			return -1;
		m->ready = job->next_ready;
		if (m->ready == NULL)
			m->last_ready = NULL;
	}
	return 0;
}

/* ---- what became of them ---- */

/* Says how much room is left where there was too little. */
static void add_space(struct many *m, size_t mount, struct am_error *error)
{
	struct am_fs *fs = m->flight.fs[mount];
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

static int job_failed(struct many *m, struct job *job, struct am_error *error)
{
	const struct job *who = job->owner != NULL ? job->owner : job;

	am_flight_fail(m->r->tree, job->mount, who->at != NULL ? who->at : "", &job->put, error);
	if (strcmp(error->code, "ENOSPC") == 0)
		add_space(m, job->mount, error);
	if (who->name != NULL)
		return am_restore_member_fail("restore", &who->member, error);
	am_error_prefix(error, "restore");
	return -1;
}

static void count_member(struct many *m, const struct job *job)
{
	struct am_restore_stats *stats = m->r->stats;

	switch (job->put.kind) {
	case AM_PUT_FILE:
	case AM_PUT_CLOSE:
		stats->files++;
		break;
	case AM_PUT_DIR:
		stats->dirs++;
		break;
	case AM_PUT_LINK:
	case AM_PUT_HARD:
		stats->links++;
		break;
	case AM_PUT_NODE:
		stats->devices++;
		break;
	default:
		break;
	}
	stats->members++;
}

/* One call after the other, from what the job holds. */
static int one_by_one(struct many *m, struct job *job, struct am_error *error)
{
	struct restore *r = m->r;
	char *path = strdup(r->path), *at = strdup(r->at);
	int result = -1;

	if (path == NULL || at == NULL) {
		no_memory(error);
	} else {
		if (job->put.kind == AM_PUT_FILE)
			r->stats->bytes -= job->put.length; /* is counted again */
		snprintf(r->path, sizeof r->path, "%s", job->path);
		r->dir[0] = '\0';
		r->held = job->data != NULL ? job->data : "";
		r->held_length = job->put.length;
		result = am_restore_member(r, &job->member, error);
		r->held = NULL;
		r->dir[0] = '\0';
		snprintf(r->path, sizeof r->path, "%s", path);
		snprintf(r->at, sizeof r->at, "%s", at);
	}
	free(path);
	free(at);
	if (result != 0)
		return am_restore_member_fail("restore", &job->member, error);
	r->stats->members++;
	return 0;
}

static int job_odd(struct many *m, struct job *job, struct am_error *error)
{
	struct dir *dir = job->dir;

	if (job->role == OPENING)
		return 0; /* the caller waits for it */
	if (job->role == LATE)
		return am_restore_finish_dir(
			m->r, &(struct late){.path = job->path, .attr = job->put.attr}, error);
	if (job->role == MEMBER) {
		if (one_by_one(m, job, error) != 0)
			return -1;
	} else {
		am_fail(&job->put.error, "ENOTDIR", "%s", strerror(ENOTDIR));
		job->put.operation = "write";
		return job_failed(m, job, error);
	}
	if (dir == NULL)
		return 0;
	return m->flight.fs[job->mount]->ops->settle(dir->node, error);
}

static int job_done(struct many *m, struct job *job, struct am_error *error)
{
	struct restore *r = m->r;

	if (job->put.outcome == AM_PUT_SAME && !job->was_made)
		am_restore_forget_made(r, job->at);
	if (job->dir != NULL)
		job->dir->fresh = job->put.fresh;
	if (job->role == MEMBER || job->role == CLOSING)
		count_member(m, job);
	if (job->role == MEMBER && job->put.kind == AM_PUT_DIR) {
		char *path = strdup(r->path);
		int result;

		if (path == NULL)
			return no_memory(error);
		snprintf(r->path, sizeof r->path, "%s", job->path);
		result = am_restore_add_late(r, &job->member, error);
		snprintf(r->path, sizeof r->path, "%s", path);
		free(path);
		return result;
	}
	return 0;
}

static int job_over(struct am_put *put, struct am_error *error)
{
	struct job *job = (struct job *)put;
	struct many *m = put->owner;
	int result;

	switch (job->put.outcome) {
	case AM_PUT_DONE:
	case AM_PUT_SAME:
		result = job_done(m, job, error);
		break;
	case AM_PUT_ODD:
		result = job_odd(m, job, error);
		break;
	default:
		result = job_failed(m, job, error);
	}
	if (job->role == OPENING) {
		job->large->opened = job->put.outcome;
		job->large->open = NULL;
	}
	if (job->dir != NULL)
		job->dir->pending = NULL;
	forget_pending(m, job);
	wake_waiters(m, job);
	free_job(m, job);
	return result;
}

/* A server that was restarted may have forgotten all it was told before. */
static void watch_restarts(struct many *m)
{
	for (size_t i = 0; i < m->flight.mounts; i++) {
		if (m->flight.fs[i]->restarts != m->restarts[i])
			m->rewrite_before = m->begun;
		m->restarts[i] = m->flight.fs[i]->restarts;
	}
}

/* Moves everything on, waiting for at most `wait_ms`. */
static int turn(struct many *m, int wait_ms, struct am_error *error)
{
	if (start_ready(m, error) != 0 || am_flight_turn(&m->flight, wait_ms, error) != 0)
		return -1;
	watch_restarts(m);
	if (am_check_cancel("restore", error) != 0)
		return -1;
	return am_restore_report(m->r, 0, error);
}

static int wait_all(struct many *m, struct am_error *error)
{
	while (m->jobs > 0) {
		if (turn(m, 100, error) != 0)
			return -1;
	}
	return 0;
}

static int wait_for_room(struct many *m, struct am_error *error)
{
	do {
		int full = m->jobs >= m->flight.window + AHEAD || m->memory >= MEMORY_MAX;

		if (turn(m, full ? 100 : 0, error) != 0)
			return -1;
	} while (m->jobs >= m->flight.window + AHEAD || m->memory >= MEMORY_MAX);
	return 0;
}

/* ---- directories ---- */

static struct dir *find_dir(const struct many *m, const char *path)
{
	struct dir *dir = m->dirs[bucket(path)];

	while (dir != NULL && strcmp(dir->path, path) != 0)
		dir = dir->next;
	return dir != NULL ? dir->real : NULL;
}

/* Takes the node over, also on failure. */
static struct dir *add_entry(struct many *m, const char *path, const char *at, size_t mount,
	struct am_node *node, struct dir *real, struct am_error *error)
{
	size_t length = strlen(path) + 1, bytes = strlen(at) + 1;
	struct dir *dir = calloc(1, sizeof *dir + length + bytes);
	size_t b = bucket(path);

	if (dir == NULL) {
		am_node_release(node);
		no_memory(error);
		return NULL;
	}
	memcpy(dir->path, path, length);
	dir->at = dir->path + length;
	memcpy(dir->at, at, bytes);
	dir->mount = mount;
	dir->node = node;
	dir->real = real != NULL ? real : dir;
	dir->next = m->dirs[b];
	m->dirs[b] = dir;
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

static void forget_dirs(struct many *m)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		while (m->dirs[i] != NULL) {
			struct dir *dir = m->dirs[i];

			m->dirs[i] = dir->next;
			am_node_release(dir->node);
			free(dir);
		}
	}
	m->aliases = 0;
}

/* The links that led to them may change. */
static void forget_aliases(struct many *m)
{
	for (size_t i = 0; m->aliases > 0 && i < BUCKETS; i++) {
		for (struct dir **link = &m->dirs[i]; *link != NULL;) {
			struct dir *dir = *link;

			if (dir->real == dir) {
				link = &dir->next;
				continue;
			}
			*link = dir->next;
			free(dir);
			m->aliases--;
		}
	}
}

static size_t mount_at(const struct many *m, const char *at)
{
	return am_tree_mount_at(m->r->tree, strcmp(at, "/") == 0 ? "" : at);
}

/* A directory that is there; `at` holds no links. */
static struct dir *open_dir(
	struct many *m, const char *path, const char *at, struct am_error *error)
{
	struct am_place *place;
	struct am_node *node = NULL;
	struct dir *dir = find_dir(m, at);
	size_t mount = mount_at(m, at);

	if (dir != NULL)
		return add_entry(m, path, at, dir->mount, NULL, dir, error) != NULL ? dir : NULL;
	if (mount != (size_t)-1) {
		node = m->flight.fs[mount]->ops->root(m->flight.fs[mount], error);
	} else {
		place = calloc(1, sizeof *place);
		if (place == NULL) {
			no_memory(error);
			return NULL;
		}
		if (am_tree_locate(m->r->tree, "lookup", at, 0, place, error) == 0) {
			mount = place->mount;
			node = am_place_enter(place, error);
			if (node == NULL)
				am_place_fail(m->r->tree, place, "lookup", error);
			am_place_free(place);
		}
		free(place);
	}
	return node != NULL ? add_dir(m, path, at, mount, node, error) : NULL;
}

/* Starts to make a directory. `job` fits it. */
static struct dir *make_dir(struct many *m, const char *path, const char *at, struct dir *parent,
	struct job *job, struct am_error *error)
{
	struct am_node *node =
		parent->node->fs->ops->child(parent->node, strrchr(at, '/') + 1, NULL, error);
	struct dir *dir = node != NULL ? add_dir(m, path, at, parent->mount, node, error) : NULL;

	if (dir == NULL || after(job, parent->pending, error) != 0 ||
		after(job, pending_at(m, at), error) != 0) {
		free_job(m, job);
		return NULL;
	}
	dir->pending = job;
	job->dir = dir;
	job->put.node = node;
	submit(m, job);
	return dir;
}

static struct dir *imply_dir(struct many *m, const char *path, const char *at, struct dir *parent,
	struct am_error *error)
{
	struct job *job = new_job(m, AM_PUT_DIR, error);

	if (job == NULL)
		return NULL;
	job->role = IMPLIED;
	job->mount = parent->mount;
	job->at = strdup(at);
	if (job->at == NULL) {
		free_job(m, job);
		no_memory(error);
		return NULL;
	}
	job->put.dir = parent->node;
	job->put.name = strrchr(job->at, '/') + 1;
	job->put.attr = (struct am_tree_attr){.set = AM_SET_MODE, .mode = 0755};
	return make_dir(m, path, at, parent, job, error);
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
	struct job *other;

	while ((other = pending_at(m, at)) != NULL || parent->pending != NULL) {
		if (turn(m, 100, error) != 0)
			return NULL;
	}
	if (am_restore_made_here(m->r, at)) {
		am_fail(error, "ARCHIVE_PATH",
			"it goes through a symbolic link of the archive: %.300s", at);
		return NULL;
	}
	if (mount_at(m, at) != (size_t)-1)
		return open_dir(m, path, at, error);
	if (parent->fresh)
		return imply_dir(m, path, at, parent, error);
	if (am_tree_stat(m->r->tree, at, 0, &st, &why) != 0) {
		if (strcmp(why.code, "ENOENT") == 0)
			return imply_dir(m, path, at, parent, error);
		if (error != NULL)
			*error = why;
		return NULL;
	}
	if (st.type == AM_TREE_DIR)
		return open_dir(m, path, at, error);
	m->r->dir[0] = '\0';
	if (wait_all(m, error) != 0 || am_restore_locate_dir(m->r, path, 1, error) != 0)
		return NULL;
	return open_dir(m, path, m->r->dir_at[0] != '\0' ? m->r->dir_at : "/", error);
}

static struct dir *dir_for(struct many *m, const char *path, struct am_error *error)
{
	struct dir *dir = find_dir(m, path), *parent;
	char up[PATH_SIZE], at[PATH_SIZE];
	const char *slash = strrchr(path, '/');

	if (dir != NULL)
		return dir;
	if (strcmp(path, "/") == 0)
		return open_dir(m, path, path, error);
	memcpy(up, path, (size_t)(slash - path));
	up[slash - path] = '\0';
	parent = dir_for(m, up[0] != '\0' ? up : "/", error);
	if (parent == NULL || join(at, parent->at, slash + 1, error) != 0)
		return NULL;
	return look_for_dir(m, path, at, parent, error);
}

/* ---- members ---- */

/* One call after the other, with nothing else on its way. */
static int alone(struct many *m, const struct am_bff_member *member, struct am_error *error)
{
	if (wait_all(m, error) != 0)
		return -1;
	m->r->dir[0] = '\0';
	if (am_restore_member(m->r, member, error) != 0)
		return -1;
	m->r->stats->members++;
	m->r->dir[0] = '\0';
	forget_dirs(m);
	return 0;
}

static int put_dir(struct many *m, const struct am_bff_member *member, struct dir *parent,
	const char *at, struct am_error *error)
{
	struct restore *r = m->r;
	struct dir *known = find_dir(m, r->path);
	struct job *job;

	if (known == NULL && mount_at(m, at) != (size_t)-1)
		known = open_dir(m, r->path, at, error);
	if (known != NULL && strcmp(known->at, at) == 0) {
		r->stats->dirs++;
		r->stats->members++;
		return am_restore_add_late(r, member, error);
	}
	if (known != NULL || find_dir(m, at) != NULL || parent == NULL)
		return alone(m, member, error);
	job = member_job(m, AM_PUT_DIR, member, parent, at, error);
	if (job == NULL)
		return -1;
	job->put.attr.mode = 0755;
	return make_dir(m, job->path, at, parent, job, error) != NULL ? 0 : -1;
}

/* The content of a small file into the job. */
static int read_small(
	struct many *m, const struct am_bff_member *member, struct job *job, struct am_error *error)
{
	size_t size = (size_t)member->size, used = 0;

	if (size == 0)
		return 0;
	job->data = malloc(size);
	if (job->data == NULL)
		return no_memory(error);
	while (used < size) {
		ssize_t n = am_bff_read(m->r->archive, job->data + used, size - used, error);

		if (n < 0)
			return -1;
		if (n == 0)
			return am_fail(error, "TRUNCATED", "its content ends early");
		used += (size_t)n;
	}
	job->memory = size;
	m->memory += size;
	job->put.data = job->data;
	job->put.length = size;
	return 0;
}

/* Blocks the job on what it needs, and takes it over. */
static int submit_member(
	struct many *m, struct job *job, const struct dir *parent, struct am_error *error)
{
	if (after(job, parent->pending, error) != 0 ||
		after(job, pending_at(m, job->at), error) != 0) {
		free_job(m, job);
		return -1;
	}
	submit(m, job);
	return 0;
}

static int put_small(struct many *m, const struct am_bff_member *member, struct dir *parent,
	const char *at, struct am_error *error)
{
	struct job *job = member_job(m, AM_PUT_FILE, member, parent, at, error);

	if (job == NULL)
		return -1;
	if (read_small(m, member, job, error) != 0) {
		free_job(m, job);
		return -1;
	}
	m->r->stats->bytes += job->put.length;
	return submit_member(m, job, parent, error);
}

static int is_zero(const char *data, size_t length)
{
	return data[0] == 0 && memcmp(data, data + 1, length - 1) == 0;
}

/* A piece of a large file; the last attributes wait for it. */
static int put_piece(struct many *m, struct large *large, struct job *closing, uint64_t offset,
	size_t *length, struct am_error *error)
{
	uint64_t size = (uint64_t)closing->member.size;
	struct job *job = new_job(m, AM_PUT_DATA, error);
	size_t most = m->flight.fs[closing->mount]->ops->largest(m->flight.fs[closing->mount]),
	       used = 0;

	if (job == NULL)
		return -1;
	if (most > PIECE)
		most = PIECE;
	job->role = PIECE_OF;
	job->owner = closing;
	job->mount = closing->mount;
	job->data = malloc(most);
	job->memory = job->data != NULL ? most : 0;
	m->memory += job->memory;
	if (job->data == NULL) {
		free_job(m, job);
		return no_memory(error);
	}
	while (used < most) {
		ssize_t n = am_bff_read(m->r->archive, job->data + used, most - used, error);

		if (n < 0) {
			free_job(m, job);
			return -1;
		}
		if (n == 0)
			break;
		used += (size_t)n;
	}
	*length = used;
	m->r->stats->bytes += used;
	/* The file is new and empty: zeros stay a hole, but the last piece gives it its size. */
	if (used == 0 || (offset + used < size && is_zero(job->data, used))) {
		free_job(m, job);
		return 0;
	}
	job->put.file = &large->file;
	job->put.data = job->data;
	job->put.length = used;
	job->put.offset = offset;
	if (after(closing, job, error) != 0) {
		free_job(m, job);
		return -1;
	}
	submit(m, job);
	return 0;
}

static int put_pieces(
	struct many *m, struct large *large, struct job *closing, struct am_error *error)
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
	const char *at, struct am_error *error)
{
	struct large *large = calloc(1, sizeof *large);
	struct job *open = member_job(m, AM_PUT_OPEN, member, parent, at, error), *closing;

	if (large == NULL || open == NULL) {
		free(large);
		if (open != NULL)
			free_job(m, open);
		return no_memory(error);
	}
	open->role = OPENING;
	open->large = large;
	open->put.file = &large->file;
	large->open = open;
	if (submit_member(m, open, parent, error) != 0)
		return -1;
	while (large->open != NULL) {
		if (turn(m, 100, error) == 0)
			continue;
		if (large->open == NULL)
			free(large); /* else the job has it */
		return -1;
	}
	if (large->opened != AM_PUT_DONE) {
		free(large);
		return alone(m, member, error);
	}
	closing = member_job(m, AM_PUT_CLOSE, member, parent, at, error);
	if (closing == NULL) {
		free(large);
		return -1;
	}
	closing->role = CLOSING;
	closing->large = large;
	closing->put.file = &large->file;
	closing->blocked = 1; /* until all pieces are known */
	submit(m, closing);
	if (put_pieces(m, large, closing, error) != 0)
		return -1;
	if (--closing->blocked == 0)
		make_ready(m, closing);
	return 0;
}

static int put_link(struct many *m, const struct am_bff_member *member, struct dir *parent,
	const char *at, struct am_error *error)
{
	struct job *job;

	if (member->target == NULL || member->target[0] == '\0')
		return am_fail(error, "ARCHIVE_LINK", "symbolic link without a target");
	job = member_job(m, AM_PUT_LINK, member, parent, at, error);
	if (job == NULL)
		return -1;
	forget_aliases(m);
	job->was_made = am_restore_made_here(m->r, at);
	if (am_restore_remember_made(m->r, at, error) != 0) {
		free_job(m, job);
		return -1;
	}
	return submit_member(m, job, parent, error);
}

static int put_hard_link(struct many *m, const struct am_bff_member *member, struct dir *parent,
	const char *at, struct am_error *error)
{
	char first[PATH_SIZE], source_at[PATH_SIZE];
	struct dir *source;
	struct job *job;
	char *slash;

	if (am_member_path(member->link, first, error) != 0)
		return -1;
	slash = strrchr(first, '/');
	if (slash[1] == '\0')
		return am_fail(error, "ARCHIVE_LINK", "it would be a link of the root directory");
	*slash = '\0';
	source = find_dir(m, first[0] != '\0' ? first : "/");
	*slash = '/';
	if (source == NULL || source->mount != parent->mount || member->stored_size > SMALL)
		return alone(m, member, error);
	if (join(source_at, source->at, slash + 1, error) != 0)
		return -1;
	if (strcmp(source_at, at) == 0) {
		m->r->stats->members++;
		return 0;
	}
	job = member_job(m, AM_PUT_HARD, member, parent, at, error);
	if (job == NULL)
		return -1;
	job->put.from = source->node;
	job->put.from_name = job->link + strlen(job->link) - strlen(slash + 1);
	if (strcmp(job->put.from_name, slash + 1) != 0) {
		free_job(m, job);
		return am_fail(error, "ARCHIVE_LINK", "unusable name of its first link");
	}
	if ((member->stored_size > 0 && read_small(m, member, job, error) != 0) ||
		after(job, source->pending, error) != 0 ||
		after(job, pending_at(m, source_at), error) != 0) {
		free_job(m, job);
		return -1;
	}
	return submit_member(m, job, parent, error);
}

static int put_node(struct many *m, const struct am_bff_member *member, enum am_tree_type type,
	struct dir *parent, const char *at, struct am_error *error)
{
	struct job *job = member_job(m, AM_PUT_NODE, member, parent, at, error);

	if (job == NULL)
		return -1;
	job->put.type = type;
	job->put.major_number = member->rdev_major;
	job->put.minor_number = member->rdev_minor;
	return submit_member(m, job, parent, error);
}

/* Anything but a directory. */
static int put_entry(struct many *m, const struct am_bff_member *member, enum am_tree_type type,
	struct dir *parent, const char *at, struct am_error *error)
{
	if (find_dir(m, m->r->path) != NULL || find_dir(m, at) != NULL ||
		mount_at(m, at) != (size_t)-1)
		return alone(m, member, error);
	if (type == AM_TREE_LINK)
		return put_link(m, member, parent, at, error);
	if (type != AM_TREE_FILE)
		return put_node(m, member, type, parent, at, error);
	if (member->link != NULL)
		return put_hard_link(m, member, parent, at, error);
	if (member->size <= SMALL &&
		(size_t)member->size <=
			m->flight.fs[parent->mount]->ops->largest(m->flight.fs[parent->mount]))
		return put_small(m, member, parent, at, error);
	return put_large(m, member, parent, at, error);
}

static int put_member(struct many *m, const struct am_bff_member *member, struct am_error *error)
{
	struct restore *r = m->r;
	enum am_tree_type type = am_restore_type_of(member);
	char path[PATH_SIZE], at[PATH_SIZE];
	struct dir *parent;
	char *slash;

	if (type == 0)
		return am_fail(error, "BFF_TYPE", "unknown file type %06" PRIo32,
			member->mode & AM_BFF_IFMT);
	if (strcmp(r->path, "/") == 0)
		return type == AM_TREE_DIR ? put_dir(m, member, NULL, "/", error)
					   : am_fail(error, "ARCHIVE_PATH",
						     "it would replace the root directory");
	memcpy(path, r->path, strlen(r->path) + 1);
	slash = strrchr(path, '/');
	*slash = '\0';
	parent = dir_for(m, path[0] != '\0' ? path : "/", error);
	if (parent == NULL || join(at, parent->at, slash + 1, error) != 0)
		return -1;
	if (type == AM_TREE_DIR)
		return put_dir(m, member, parent, at, error);
	return put_entry(m, member, type, parent, at, error);
}

/* ---- all of it ---- */

/* The attributes of directories, when everything is in them. The last word on one counts. */
static int finish_dirs(struct many *m, struct am_error *error)
{
	struct restore *r = m->r;

	for (size_t i = 0; i < r->late_count; i++) {
		struct dir *dir = find_dir(m, r->late[i].path);
		struct job *job;

		if (dir == NULL) {
			r->dir[0] = '\0';
			if (am_restore_finish_dir(r, &r->late[i], error) != 0)
				return -1;
			continue;
		}
		job = new_job(m, AM_PUT_ATTR, error);
		if (job == NULL)
			return -1;
		job->role = LATE;
		job->mount = dir->mount;
		job->put.node = dir->node;
		job->put.attr = r->late[i].attr;
		job->path = strdup(r->late[i].path);
		job->at = strdup(dir->at);
		if (job->path == NULL || job->at == NULL ||
			after(job, pending_at(m, dir->at), error) != 0) {
			free_job(m, job);
			return no_memory(error);
		}
		submit(m, job);
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
	int n = 0;

	m->begun = 0;
	m->rewrite_before = 0;
	while ((m->limit == 0 || m->begun < m->limit) &&
		(n = am_restore_next(r, &member, error)) == 1) {
		m->begun++;
		if (put_member(m, member, error) != 0) {
			/* a failure of an earlier one names its own member */
			return strncmp(error->message, "restore: ", 9) == 0 ||
					       strcmp(error->code, "CALLBACK") == 0
				       ? -1
				       : am_restore_member_fail("restore", member, error);
		}
		if ((m->begun & 3) == 0 && wait_for_room(m, error) != 0)
			return -1;
	}
	if (n < 0 || wait_all(m, error) != 0 || finish_dirs(m, error) != 0)
		return -1;
	for (size_t i = 0; i < m->flight.mounts; i++) {
		if (probe(m->flight.fs[i], error) != 0)
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
	for (size_t i = 0; i < m->flight.mounts; i++) {
		if (probe(m->flight.fs[i], error) != 0)
			return -1;
		m->restarts[i] = m->flight.fs[i]->restarts;
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
	am_flight_open(&m->flight, "restore", r->tree, NULL);
	result = run(m, error != NULL ? error : &unused);
	am_flight_close(&m->flight);
	while (m->all != NULL)
		free_job(m, m->all);
	forget_dirs(m);
	free(m);
	return result;
}

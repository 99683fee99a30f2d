/* SPDX-License-Identifier: MIT */
#include "tree/heads.h"

#include "base/cancel.h"
#include "tree/pipeline.h"
#include "tree/resolve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AHEAD = 256 }; /* names begun before the caller asks for them */

/* A name that is under way: looked up, then read. */
struct ahead {
	struct am_op op;                                      /* first */
	enum { LOOKING, KNOWN, READING, READY, ALONE } state; /* ALONE: by itself, in its turn */
	struct am_handle handle;
	struct am_tree_stat stat;
	char *data;
	size_t room;
};

struct am_heads {
	struct am_tree *tree;
	const struct am_head_ask *asks;
	size_t count, next, begun; /* names before `begun` are in `ahead` */
	int failed;                /* no more can be had */
	struct am_error why;
	struct am_head head;
	char *data; /* of the head returned last */
	char dir[AM_TREE_PATH_MAX];
	/* many at a time */
	struct am_pipeline pipeline;
	int is_pipelined;
	struct am_place place;
	struct am_node *node;
	size_t mount, used; /* bytes of content */
	struct ahead ahead[AHEAD];
};

static struct ahead *ahead_of(struct am_heads *h, size_t index)
{
	return &h->ahead[index % AHEAD];
}

/* --- one by itself --- */

static int read_alone(struct am_heads *h, const char *path, size_t length, struct am_error *error)
{
	struct am_head *head = &h->head;
	struct am_reader *reader;
	ssize_t n = 1;

	if (am_tree_stat(h->tree, path, 1, &head->stat, error) != 0)
		return -1;
	if (length == 0 || head->stat.type != AM_TREE_FILE)
		return 0;
	h->data = malloc(length);
	if (h->data == NULL)
		return am_fail_errno(error, ENOMEM, "read: %.300s", path);
	reader = am_tree_open(h->tree, path, error);
	if (reader == NULL)
		return -1;
	while (n > 0 && head->length < length) {
		n = reader->read(reader, h->data + head->length, length - head->length, error);
		head->length += n > 0 ? (size_t)n : 0;
	}
	am_reader_close(reader);
	head->data = h->data;
	return n < 0 ? -1 : 0;
}

/* What is wrong with one name, not with the tree: the others are read. */
static int is_of_name(const struct am_error *error)
{
	static const char *const codes[] = {"OUTSIDE_TREE", "ELOOP", "ENOENT", "ENOTDIR", "EACCES",
		"EPERM", "ENAMETOOLONG", "EINVAL", "EISDIR", "EIO", "ESTALE"};

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		if (strcmp(error->code, codes[i]) == 0)
			return 1;
	}
	return 0;
}

static int give_alone(struct am_heads *h, const struct am_head_ask *ask, struct am_error *error)
{
	char path[AM_TREE_PATH_MAX];
	int length = snprintf(path, sizeof path, "%s/%s", h->dir, ask->name);
	int r;

	if (length < 0 || (size_t)length >= sizeof path)
		r = am_fail_errno(error, ENAMETOOLONG, "read: %.300s", ask->name);
	else if (ask->name[0] == '\0' || strchr(ask->name, '/') != NULL)
		r = am_fail_errno(error, EINVAL, "read: %.300s", path);
	else
		r = read_alone(h, path, ask->length, error);
	if (r == 0)
		return 1;
	if (!is_of_name(error))
		return -1;
	h->head = (struct am_head){.failed = 1, .error = *error};
	return 1;
}

/* --- many at a time --- */

static int look_over(struct am_op *op, struct am_error *error)
{
	struct ahead *one = (struct ahead *)op;

	(void)error;
	if (op->outcome != AM_OP_DONE)
		one->state = ALONE; /* it fails again where its message is made, or does not */
	else if (one->state == READING)
		one->state = READY;
	else {
		one->stat = op->stat;
		one->state = one->stat.type == AM_TREE_LINK ? ALONE : KNOWN;
	}
	return 0;
}

static int start(struct am_heads *h, struct ahead *one, struct am_error *error)
{
	one->op.file = &one->handle;
	one->op.over = look_over;
	return am_pipeline_start(&h->pipeline, h->node->fs, &one->op, error);
}

static int begin_look(struct am_heads *h, size_t index, struct am_error *error)
{
	struct ahead *one = ahead_of(h, index);
	const char *name = h->asks[index].name;

	*one = (struct ahead){.state = ALONE};
	if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		strchr(name, '/') != NULL || strlen(name) > AM_TREE_NAME_MAX)
		return 0;
	one->state = LOOKING;
	one->op.kind = AM_OP_LOOK;
	one->op.dir = h->node;
	one->op.name = name;
	return start(h, one, error);
}

/* 1: begun, or there is nothing to read; 0: there is no room for it yet; -1. */
static int begin_read(struct am_heads *h, size_t index, struct am_error *error)
{
	struct ahead *one = ahead_of(h, index);
	size_t length = h->asks[index].length;

	if (one->stat.size < length)
		length = (size_t)one->stat.size;
	if (one->stat.type != AM_TREE_FILE || length == 0) {
		one->state = READY;
		return 1;
	}
	if (index != h->next && h->used + length > AM_PIPELINE_MEMORY)
		return 0;
	one->data = malloc(length);
	if (one->data == NULL)
		return am_fail_errno(error, ENOMEM, "read: %.300s", h->dir);
	one->room = length;
	h->used += length;
	one->state = READING;
	one->op = (struct am_op){.kind = AM_OP_READ, .length = length, .into = one->data};
	return start(h, one, error) == 0 ? 1 : -1;
}

/* Begins what there is room for: what is known is read, then more names are looked up. */
static int begin(struct am_heads *h, struct am_error *error)
{
	for (size_t i = h->next; i < h->begun; i++) {
		if (ahead_of(h, i)->state != KNOWN)
			continue;
		if (i != h->next && am_pipeline_full(&h->pipeline))
			return 0;
		switch (begin_read(h, i, error)) {
		case -1:
			return -1;
		case 0:
			return 0;
		default:
			break;
		}
	}
	while (h->begun < h->count && h->begun - h->next < AHEAD &&
		(h->begun == h->next || !am_pipeline_full(&h->pipeline))) {
		if (begin_look(h, h->begun++, error) != 0)
			return -1;
	}
	return 0;
}

static void forget(struct am_heads *h, struct ahead *one)
{
	free(one->data);
	h->used -= one->room;
	*one = (struct ahead){.state = ALONE};
}

static int give_ahead(struct am_heads *h, struct am_error *error)
{
	struct ahead *one = ahead_of(h, h->next);

	for (;;) {
		if (am_check_cancel("read", error) != 0 || begin(h, error) != 0)
			return -1;
		if (one->state == READY || one->state == ALONE)
			break;
		if (am_pipeline_poll(&h->pipeline, 100, error) != 0)
			return -1;
	}
	if (one->state == READY) {
		h->head = (struct am_head){
			.stat = one->stat, .data = one->data, .length = one->op.got};
		h->data = one->data;
		one->data = NULL;
		if (one->room == 0)
			h->head.length = 0;
	}
	h->used -= one->room;
	one->room = 0;
	if (one->state == READY)
		return 1;
	forget(h, one);
	return give_alone(h, &h->asks[h->next], error);
}

/* --- the caller's side --- */

/* A directory that other mounts cover is read one name at a time. */
static int open_ahead(struct am_heads *h, const char *dir, struct am_error *error)
{
	if (am_tree_locate(h->tree, "read", dir, 1, &h->place, error) != 0)
		return -1;
	memcpy(h->dir, h->place.path, sizeof h->dir);
	if (strcmp(h->dir, "/") == 0)
		h->dir[0] = '\0';
	if (am_tree_mount_below(h->tree, h->place.path))
		return 0;
	h->node = am_place_enter(&h->place, error);
	if (h->node == NULL)
		return am_place_fail(h->tree, &h->place, "read", error);
	if (am_pipeline_can(h->tree)) {
		am_pipeline_open(&h->pipeline, "read", h->tree, NULL);
		h->is_pipelined = 1;
	}
	return 0;
}

struct am_heads *am_heads_open(struct am_tree *tree, const char *dir,
	const struct am_head_ask *asks, size_t count, struct am_error *error)
{
	struct am_heads *h = calloc(1, sizeof *h);

	if (h == NULL) {
		am_fail_errno(error, ENOMEM, "read: %.300s", dir);
		return NULL;
	}
	h->tree = am_tree_hold(tree);
	h->asks = asks;
	h->count = count;
	if (open_ahead(h, dir, error) == 0)
		return h;
	am_heads_close(h);
	return NULL;
}

int am_heads_next(struct am_heads *h, const struct am_head **head, struct am_error *error)
{
	int r;

	free(h->data);
	h->data = NULL;
	h->head = (struct am_head){0};
	*head = &h->head;
	if (h->next == h->count)
		return 0;
	if (h->failed) {
		*error = h->why;
		return -1;
	}
	if (h->is_pipelined)
		r = give_ahead(h, error);
	else
		r = am_check_cancel("read", error) != 0 ? -1
							: give_alone(h, &h->asks[h->next], error);
	if (r < 0) { /* what is under way may never be over: nobody is to wait for it again */
		h->failed = 1;
		h->why = *error;
		return -1;
	}
	h->next++;
	return r;
}

void am_heads_close(struct am_heads *h)
{
	if (h == NULL)
		return;
	if (h->is_pipelined)
		am_pipeline_close(&h->pipeline);
	for (size_t i = 0; i < AHEAD; i++)
		free(h->ahead[i].data);
	free(h->data);
	am_node_release(h->node);
	am_place_free(&h->place);
	am_tree_close(h->tree);
	free(h);
}

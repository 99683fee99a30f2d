/* SPDX-License-Identifier: MIT */
/*
 * Attributes and beginnings of many files of one directory, in the order in which they are asked
 * for. Where the back end can, those further on are asked for meanwhile: at most 16 MiB of content.
 */
#ifndef ALTMIG_TREE_HEADS_H
#define ALTMIG_TREE_HEADS_H

#include "tree/tree.h"

/* One name of the directory. It is valid until the next call. */
struct am_head {
	int failed; /* with `error`, which is of this name alone; nothing else is set then */
	struct am_error error;
	/* Of what a link leads to, which is in the tree or a failure. */
	struct am_tree_stat stat;
	const char *data; /* of a regular file: up to so many bytes as were asked for */
	size_t length;
};

/* What is asked of one name. */
struct am_head_ask {
	const char *name;
	size_t length; /* 0: only attributes */
};

struct am_heads;
/* `asks` and the names in it are the caller's, and stay until am_heads_close. */
struct am_heads *am_heads_open(struct am_tree *tree, const char *dir,
	const struct am_head_ask *asks, size_t count, struct am_error *error);
/* 1 with the next one, 0 at the end, -1 when no more can be had (a lost connection), now or later.
 */
int am_heads_next(struct am_heads *heads, const struct am_head **head, struct am_error *error);
/* NULL is allowed. */
void am_heads_close(struct am_heads *heads);

#endif

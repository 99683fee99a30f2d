/* SPDX-License-Identifier: MIT */
/* A small local tree beside something that must never be reached, for the tests of what acts on
 * trees. */
#ifndef ALTMIG_TESTS_LOCAL_TREE_H
#define ALTMIG_TESTS_LOCAL_TREE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tree/resolve.h"

/* BASE/outside is what must never be reached; BASE/root is the tree. */
struct fixture {
	char base[64];
	char path[256];
	struct am_tree *tree;
	struct am_error error;
};

static inline const char *in(struct fixture *f, const char *relative)
{
	snprintf(f->path, sizeof f->path, "%s/%s", f->base, relative);
	return f->path;
}

static inline void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static inline const char *content(const char *path)
{
	static char text[256];
	FILE *file = fopen(path, "r");
	size_t n = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;

	if (file != NULL)
		fclose(file);
	text[n] = '\0';
	return text;
}

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	strcpy(f->base, "/tmp/altmig-tree-XXXXXX");
	if (mkdtemp(f->base) == NULL)
		return -1;
	mkdir(in(f, "outside"), 0755);
	put(in(f, "outside/secret"), "secret");
	mkdir(in(f, "root"), 0755);
	mkdir(in(f, "root/usr"), 0755);
	mkdir(in(f, "root/usr/bin"), 0755);
	mkdir(in(f, "root/etc"), 0755);
	put(in(f, "root/usr/bin/ls"), "ls");
	put(in(f, "root/etc/passwd"), "root:!:0:0");
	f->tree = am_tree_local(in(f, "root"), &f->error);
	*state = f;
	return f->tree != NULL ? 0 : -1;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;
	struct am_tree *base = am_tree_local("/tmp", NULL);

	am_tree_close(f->tree);
	am_tree_remove_all(base, f->base + 4, NULL);
	am_tree_close(base);
	free(f);
	return 0;
}

static inline const char *read_tree(struct fixture *f, const char *path)
{
	static struct am_buf buf;

	am_buf_free(&buf);
	buf = (struct am_buf){0};
	if (am_tree_read(f->tree, path, 0, &buf, &f->error) != 0) {
		am_buf_free(&buf);
		buf = (struct am_buf){0};
		return f->error.code;
	}
	{
		static char text[256];

		snprintf(text, sizeof text, "%s", buf.data != NULL ? buf.data : "");
		am_buf_free(&buf);
		buf = (struct am_buf){0};
		return text;
	}
}

static inline const char *resolved(struct fixture *f, const char *path)
{
	static char out[AM_TREE_PATH_MAX];

	return am_tree_resolve(f->tree, path, out, sizeof out, &f->error) == 0 ? out
									       : f->error.code;
}

/* The test with a tree of its own. */
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif

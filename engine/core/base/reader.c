/* SPDX-License-Identifier: MIT */
#include "base/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct file_reader {
	struct am_reader base;
	int fd;
	int borrowed;
	char name[];
};

struct memory_reader {
	struct am_reader base;
	const char *data;
	size_t left;
	char name[];
};

static ssize_t file_read(struct am_reader *reader, void *data, size_t size, struct am_error *error)
{
	struct file_reader *file = (struct file_reader *)reader;
	ssize_t n;

	do
		n = read(file->fd, data, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? am_fail_errno(error, errno, "read: %s", file->name) : n;
}

static void file_close(struct am_reader *reader)
{
	struct file_reader *file = (struct file_reader *)reader;

	if (!file->borrowed)
		close(file->fd);
	free(file);
}

static struct file_reader *new_file_reader(const char *name, struct am_error *error)
{
	size_t length = strlen(name) + 1;
	struct file_reader *file = calloc(1, sizeof *file + length);

	if (file == NULL) {
		am_fail_errno(error, ENOMEM, "open: %s", name);
		return NULL;
	}
	memcpy(file->name, name, length);
	file->base = (struct am_reader){file_read, file_close, file->name};
	return file;
}

struct am_reader *am_reader_descriptor(int fd, const char *name, struct am_error *error)
{
	struct file_reader *file = new_file_reader(name, error);

	if (file == NULL)
		return NULL;
	file->fd = fd;
	file->borrowed = 1;
	return &file->base;
}

struct am_reader *am_reader_file(const char *path, struct am_error *error)
{
	struct file_reader *file = new_file_reader(path, error);

	if (file == NULL)
		return NULL;
	file->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (file->fd < 0) {
		am_fail_errno(error, errno, "open: %s", path);
		free(file);
		return NULL;
	}
	return &file->base;
}

static ssize_t memory_read(
	struct am_reader *reader, void *data, size_t size, struct am_error *error)
{
	struct memory_reader *memory = (struct memory_reader *)reader;
	size_t n = size < memory->left ? size : memory->left;

	(void)error;
	if (n > 0)
		memcpy(data, memory->data, n);
	memory->data += n;
	memory->left -= n;
	return (ssize_t)n;
}

static void memory_close(struct am_reader *reader)
{
	free(reader);
}

struct am_reader *am_reader_memory(
	const char *name, const void *data, size_t length, struct am_error *error)
{
	size_t size = strlen(name) + 1;
	struct memory_reader *memory = malloc(sizeof *memory + size);

	if (memory == NULL) {
		am_fail_errno(error, ENOMEM, "open: %s", name);
		return NULL;
	}
	memcpy(memory->name, name, size);
	memory->base = (struct am_reader){memory_read, memory_close, memory->name};
	memory->data = data;
	memory->left = length;
	return &memory->base;
}

int am_read_exact(struct am_reader *reader, void *data, size_t size, struct am_error *error)
{
	char *p = data;
	size_t left = size;

	while (left > 0) {
		ssize_t n = reader->read(reader, p, left, error);

		if (n < 0)
			return -1;
		if (n == 0)
			return am_fail(error, "TRUNCATED", "read: %s: ends %zu bytes early",
				reader->name, left);
		p += n;
		left -= (size_t)n;
	}
	return 0;
}

void am_reader_close(struct am_reader *reader)
{
	if (reader != NULL)
		reader->close(reader);
}

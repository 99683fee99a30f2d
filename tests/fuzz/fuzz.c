/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include <fcntl.h>
#include <unistd.h>

struct fuzz_part fuzz_copy(const void *data, size_t length)
{
	struct fuzz_part part = {malloc(length > 0 ? length : 1), length};

	REQUIRE(part.data != NULL);
	if (length > 0)
		memcpy(part.data, data, length);
	return part;
}

/* Where a line "=====" begins, or NULL. */
static const uint8_t *find_separator(const uint8_t *data, size_t size)
{
	static const char line[] = "=====\n";
	const size_t length = sizeof line - 1;

	for (size_t i = 0; i + length <= size; i++) {
		if ((i == 0 || data[i - 1] == '\n') && memcmp(data + i, line, length) == 0)
			return data + i;
	}
	return NULL;
}

struct fuzz_part fuzz_next_part(const uint8_t **data, size_t *size)
{
	const uint8_t *start = *data, *end;
	size_t length, taken;

	if (start == NULL)
		return (struct fuzz_part){NULL, 0};
	end = find_separator(start, *size);
	length = end != NULL ? (size_t)(end - start) : *size;
	taken = end != NULL ? length + 6 : length;
	*data = end != NULL ? start + taken : NULL;
	*size -= taken;
	return fuzz_copy(start, length);
}

unsigned fuzz_choice(const uint8_t **data, size_t *size)
{
	unsigned choice;

	if (*size == 0)
		return 0;
	choice = **data;
	(*data)++;
	(*size)--;
	return choice;
}

void fuzz_part_free(struct fuzz_part *part)
{
	free(part->data);
	*part = (struct fuzz_part){NULL, 0};
}

void fuzz_check_error(const struct am_error *error)
{
	size_t code = strlen(error->code);

	REQUIRE(code > 0 && strspn(error->code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == code);
	REQUIRE(strstr(error->message, ": ") != NULL);
}

static char path[64];

static void remove_file(void)
{
	unlink(path);
}

const char *fuzz_file(const void *data, size_t length)
{
	int fd;

	if (path[0] == '\0') {
		snprintf(path, sizeof path, "%s/altmig-fuzz-%ld",
			access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
		atexit(remove_file);
	}
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
	REQUIRE(fd >= 0);
	REQUIRE(length == 0 || write(fd, data, length) == (ssize_t)length);
	close(fd);
	return path;
}

struct steps {
	struct am_reader base;
	const char *data;
	size_t left, step;
};

static ssize_t steps_read(struct am_reader *reader, void *data, size_t size, struct am_error *error)
{
	struct steps *steps = (struct steps *)reader;

	(void)error;
	if (size > steps->step)
		size = steps->step;
	if (size > steps->left)
		size = steps->left;
	if (size > 0)
		memcpy(data, steps->data, size);
	steps->data += size;
	steps->left -= size;
	return (ssize_t)size;
}

static void steps_close(struct am_reader *reader)
{
	free(reader);
}

struct am_reader *fuzz_reader(const void *data, size_t length, size_t step)
{
	struct steps *steps = malloc(sizeof *steps);

	REQUIRE(steps != NULL);
	*steps = (struct steps){{steps_read, steps_close, "input"}, data, length, step};
	return &steps->base;
}

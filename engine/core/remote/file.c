/* SPDX-License-Identifier: MIT */
#include "remote/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"

/* Exit statuses of the scripts below; cat, mv and chmod end with 0, 1 or 2. */
enum { NO_FILE = 44, IS_DIRECTORY = 45, NOT_READABLE = 46, DAMAGED = 47 };

static const char read_script[] = "[ -d \"$1\" ] && exit 45\n"
				  "[ -f \"$1\" ] || [ -e \"$1\" ] || exit 44\n"
				  "[ -r \"$1\" ] || exit 46\n"
				  "exec cat <\"$1\"";

/* $1 file, $2 mode, $3 checksum and length. mv would put the temporary into a directory of that
 * name, and succeed. */
static const char write_script[] = "umask 077\n"
				   "f=$1\n"
				   "t=$1.new.$$\n"
				   "trap 'rm -f \"$t\"' 0\n"
				   "trap 'exit 1' 1 2 15\n"
				   "cat >\"$t\" || exit 1\n"
				   "set -- \"$2\" \"$3\" `cksum <\"$t\"`\n"
				   "[ \"$2\" = \"$3 $4\" ] || exit 47\n"
				   "[ ! -d \"$f\" ] || exit 45\n"
				   "chmod \"$1\" \"$t\" && mv -f \"$t\" \"$f\"";

struct remote_reader {
	struct am_reader base;
	struct am_ssh_stream *stream;
	char *head; /* what came while it was opened */
	size_t head_at;
	size_t head_length;
	char name[];
};

enum { HEAD = 4096 };

/* A status other than 0 as an error about `path`. */
static int file_error(const char *operation, const char *path, const struct am_ssh_status *status,
	const char *text, struct am_error *error)
{
	switch (status->status) {
	case NO_FILE:
		return am_fail_errno(error, ENOENT, "%s: %s", operation, path);
	case IS_DIRECTORY:
		return am_fail_errno(error, EISDIR, "%s: %s", operation, path);
	case NOT_READABLE:
		return am_fail_errno(error, EACCES, "%s: %s", operation, path);
	case DAMAGED:
		return am_fail(error, "EIO",
			"%s: %s: what arrived has another checksum; nothing was replaced",
			operation, path);
	case -1:
		return am_fail(error, "EIO", "%s: %s: ended by signal %s", operation, path,
			status->signal);
	default:
		return am_fail(error, "EIO", "%s: %s: status %d: %.*s", operation, path,
			status->status, (int)strcspn(text, "\n"), text);
	}
}

static ssize_t remote_read(
	struct am_reader *reader, void *data, size_t size, struct am_error *error)
{
	struct remote_reader *remote = (struct remote_reader *)reader;
	size_t left = remote->head_length - remote->head_at;
	struct am_ssh_status status;
	ssize_t n;

	if (left > 0) {
		n = (ssize_t)(left < size ? left : size);
		memcpy(data, remote->head + remote->head_at, (size_t)n);
		remote->head_at += (size_t)n;
		return n;
	}
	n = am_ssh_stream_read(remote->stream, data, size, &status, error);
	if (n < 0)
		am_error_prefix(error, "read: %s", remote->name);
	if (n == 0 && status.status != 0)
		return file_error(
			"read", remote->name, &status, am_ssh_stream_stderr(remote->stream), error);
	return n;
}

static void remote_close(struct am_reader *reader)
{
	struct remote_reader *remote = (struct remote_reader *)reader;

	am_ssh_stream_close(remote->stream);
	free(remote->head);
	free(remote);
}

static struct remote_reader *new_reader(const char *path)
{
	size_t size = strlen(path) + 1;
	struct remote_reader *remote = calloc(1, sizeof *remote + size);

	if (remote == NULL)
		return NULL;
	remote->base = (struct am_reader){remote_read, remote_close, remote->name};
	memcpy(remote->name, path, size);
	remote->head = malloc(HEAD);
	if (remote->head != NULL)
		return remote;
	free(remote);
	return NULL;
}

struct am_reader *am_remote_open(struct am_ssh *ssh, const char *path, struct am_error *error)
{
	const char *const argv[] = {path, NULL};
	const struct am_exec exec = {.argv = argv, .script = read_script};
	struct remote_reader *remote;
	ssize_t n = -1;

	if (path[0] != '/') {
		am_fail(error, "EINVAL", "read: %s: not an absolute path", path);
		return NULL;
	}
	remote = new_reader(path);
	if (remote == NULL) {
		am_fail_errno(error, ENOMEM, "open: %s", path);
		return NULL;
	}
	remote->stream = am_ssh_stream_open(ssh, &exec, "cat", error);
	/* The first bytes tell whether there is such a file. */
	if (remote->stream != NULL)
		n = remote_read(&remote->base, remote->head, HEAD, error);
	if (n < 0) {
		remote_close(&remote->base);
		return NULL;
	}
	remote->head_length = (size_t)n;
	return &remote->base;
}

int am_remote_get(struct am_ssh *ssh, const char *path, struct am_buf *data, struct am_error *error)
{
	struct am_reader *reader = am_remote_open(ssh, path, error);
	char block[32768];
	ssize_t n;

	if (reader == NULL)
		return -1;
	while ((n = reader->read(reader, block, sizeof block, error)) > 0) {
		if (am_buf_add(data, block, (size_t)n, error) != 0) {
			am_error_prefix(error, "read: %s", path);
			n = -1;
			break;
		}
	}
	am_reader_close(reader);
	return n < 0 ? -1 : 0;
}

static int keep_text(void *context, enum am_ssh_source source, const char *data, size_t length,
	struct am_error *error)
{
	struct am_buf *text = context;

	(void)source;
	return text->length < 4096 ? am_buf_add(text, data, length, error) : 0;
}

int am_remote_put(struct am_ssh *ssh, const char *path, const void *data, size_t length,
	unsigned int mode, struct am_error *error)
{
	struct am_buf text = {0}, mode_text = {0}, sum = {0};
	const char *argv[] = {path, NULL, NULL, NULL};
	struct am_ssh_status status;
	int result = -1;

	if (path[0] != '/')
		return am_fail(error, "EINVAL", "write: %s: not an absolute path", path);
	if (am_buf_addf(&mode_text, error, "%o", mode & 07777) != 0 ||
		am_buf_addf(
			&sum, error, "%lu %zu", (unsigned long)am_cksum(data, length), length) != 0)
		goto out;
	argv[1] = mode_text.data;
	argv[2] = sum.data;
	if (am_buf_addstr(&text, "", error) != 0)
		goto out;
	if (am_ssh_run(ssh,
		    &(struct am_ssh_run){.exec = {.argv = argv, .script = write_script},
			    .label = "cat",
			    .input = data,
			    .input_length = length,
			    .output = keep_text,
			    .context = &text},
		    &status, error) != 0)
		am_error_prefix(error, "write: %s", path);
	else if (status.status != 0)
		file_error("write", path, &status, text.data, error);
	else
		result = 0;
out:
	am_buf_free(&text);
	am_buf_free(&mode_text);
	am_buf_free(&sum);
	return result;
}

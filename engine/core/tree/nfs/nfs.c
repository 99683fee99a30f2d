/* SPDX-License-Identifier: MIT */
/* The mount: what is known of its server, and the table of its operations. */
#include "tree/nfs/nfs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tree/nfs/file.h"
#include "tree/nfs/names.h"
#include "tree/nfs/socket.h"
#include "tree/nfs/work.h"

/* ---- the file system ---- */

static void take_space(struct request *request, struct am_xdr *results)
{
	am_nfs3_space(results, request->out);
}

static int mount_df(struct am_node *base, struct am_tree_space *space, struct am_error *error)
{
	struct request request = {.procedure = AM_NFS3_FSSTAT, .take = take_space, .out = space};

	am_nfs_use_node(&request, 0, (struct nfs_node *)base);
	return am_nfs_run_ok((struct nfs_fs *)base->fs, &request, error);
}

static uint32_t transfer_size(uint32_t most)
{
	if (most < 4096)
		return 4096;
	return most < TRANSFER_MAX ? most : TRANSFER_MAX;
}

static void take_limits(struct request *request, struct am_xdr *results)
{
	struct nfs_fs *fs = request->out;
	uint32_t read_max, write_max;

	am_nfs3_limits(results, &read_max, &write_max);
	fs->read_max = transfer_size(read_max);
	fs->write_max = transfer_size(write_max);
}

static void hex_of(const char *bytes, size_t length, char *hex)
{
	for (size_t i = 0; i < length; i++)
		snprintf(hex + 2 * i, 3, "%02x", (unsigned char)bytes[i]);
}

static int mount_describe(struct am_fs *base, struct am_tree_mount *mount, struct am_error *error)
{
	struct nfs_fs *fs = (struct nfs_fs *)base;

	(void)error;
	snprintf(mount->host, sizeof mount->host, "%s", fs->host);
	snprintf(mount->export, sizeof mount->export, "%s", fs->export);
	mount->fsid = fs->fsid;
	mount->connects = fs->connects;
	mount->read_max = fs->read_max;
	mount->write_max = fs->write_max;
	mount->plain_lists = fs->plain_lists;
	hex_of(fs->root_handle.data, fs->root_handle.length, mount->handle);
	if (fs->has_verifier)
		hex_of(fs->verifier, sizeof fs->verifier, mount->verifier);
	return 0;
}

static int mount_check(struct am_fs *base, struct am_error *error)
{
	struct nfs_fs *fs = (struct nfs_fs *)base;

	fs->checked = 0;
	return am_nfs_make_ready(fs, 1, am_clock() + fs->options.retry, error);
}

static int mount_probe(struct am_fs *base, struct am_error *error)
{
	struct nfs_fs *fs = (struct nfs_fs *)base;
	char verifier[8];
	struct request request = {.procedure = AM_NFS3_COMMIT,
		.take = am_nfs_take_commit,
		.out = verifier,
		.handles = {&fs->written}};

	if (fs->written.length == 0)
		return 0;
	if (am_nfs_run(fs, &request, error) != 0)
		return -1;
	if (request.status == NFS3_OK)
		am_nfs_set_verifier(fs, verifier);
	return 0; /* a file that is gone says nothing about the server */
}

static size_t mount_largest(struct am_fs *base)
{
	return ((struct nfs_fs *)base)->write_max;
}

static void close_dialer(struct am_dialer *dialer)
{
	if (dialer != NULL)
		dialer->close(dialer);
}

static void mount_destroy(struct am_fs *base)
{
	struct nfs_fs *fs = (struct nfs_fs *)base;

	am_nfs_drop_caches(base);
	am_nfs_disconnect(fs);
	if (fs->root != NULL)
		am_node_release(&fs->root->base);
	close_dialer(fs->owns_dialer ? fs->options.dialer : NULL);
	free(fs->at);
	free(fs->host);
	free(fs->export);
	free(fs->name);
	free(fs);
}

static const struct am_fs_ops nfs_ops = {
	.root = am_nfs_root,
	.enter = am_nfs_enter,
	.release = am_nfs_release,
	.stat = am_nfs_stat,
	.setattr = am_nfs_setattr,
	.readlink = am_nfs_readlink,
	.list = am_nfs_list,
	.open = am_nfs_file_open,
	.read = am_nfs_file_read,
	.create = am_nfs_file_create,
	.write = am_nfs_file_write,
	.finish = am_nfs_file_finish,
	.close = am_nfs_file_close,
	.mkdir = am_nfs_mkdir,
	.symlink = am_nfs_symlink,
	.link = am_nfs_link,
	.rename = am_nfs_rename,
	.unlink = am_nfs_unlink,
	.rmdir = am_nfs_rmdir,
	.mknod = am_nfs_mknod,
	.df = mount_df,
	.describe = mount_describe,
	.drop_caches = am_nfs_drop_caches,
	.check = mount_check,
	.child = am_nfs_child,
	.refresh = am_nfs_refresh,
	.start = am_nfs_op_start,
	.poll = am_nfs_poll,
	.drop = am_nfs_drop,
	.probe = mount_probe,
	.largest = mount_largest,
	.destroy = mount_destroy,
};

/* ---- making one ---- */

static int bad_url(const char *url, const char *why, struct am_error *error)
{
	return am_fail(error, "EINVAL", "tree: %.300s: %s", url, why);
}

/* "name=number" up to the next '&'. */
static int parse_option(struct nfs_fs *fs, const char *url, const char *option, size_t length,
	struct am_error *error)
{
	static const char *const names[] = {"nfsport=", "mountport=", "uid=", "gid=", "version="};
	int *const values[] = {&fs->nfs_port, &fs->mount_port, &fs->uid, &fs->gid, NULL};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t skip = strlen(names[i]);
		unsigned long value;
		char *end;

		if (length <= skip || strncmp(option, names[i], skip) != 0)
			continue;
		errno = 0;
		value = strtoul(option + skip, &end, 10);
		if (end != option + length || errno != 0 || option[skip] == '-' ||
			value > (i < 2 ? 65535 : INT32_MAX))
			return bad_url(url, "bad number in an option", error);
		if (values[i] != NULL)
			*values[i] = (int)value;
		else if (value != 3)
			return bad_url(url, "only NFS version 3 is spoken", error);
		return 0;
	}
	return bad_url(url, "unknown option", error);
}

static int parse_url(struct nfs_fs *fs, const char *url, struct am_error *error)
{
	const char *host = strncmp(url, "nfs://", 6) == 0 ? url + 6 : NULL;
	const char *path, *end;
	size_t length;

	if (host == NULL)
		return bad_url(url, "nfs://HOST/EXPORT expected", error);
	path = strchr(host, '/');
	length = path != NULL ? (size_t)(path - host) : 0;
	if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
		host++;
		length -= 2;
	}
	if (length == 0 || length > 255)
		return bad_url(url, "nfs://HOST/EXPORT expected", error);
	end = path + strcspn(path, "?");
	if (end - path >= AM_MOUNT_PATH_MAX)
		return bad_url(url, "the export's path is too long", error);
	fs->host = strndup(host, length);
	fs->export = strndup(path, (size_t)(end - path));
	if (fs->host == NULL || fs->export == NULL)
		return am_fail_errno(error, ENOMEM, "tree: %.300s", url);
	while (*end != '\0') {
		size_t option = strcspn(++end, "&");

		if (option > 0 && parse_option(fs, url, end, option, error) != 0)
			return -1;
		end += option;
	}
	return 0;
}

int am_nfs_first_look(struct nfs_fs *fs, struct am_error *error)
{
	struct request request = {.procedure = AM_NFS3_FSINFO, .take = take_limits, .out = fs};
	struct am_tree_stat st;

	if (fs->root == NULL)
		fs->root = am_nfs_new_node(fs, NULL, "", &fs->root_handle, error);
	if (fs->root == NULL)
		return -1;
	am_nfs_use_node(&request, 0, fs->root);
	if (am_nfs_run_ok(fs, &request, error) != 0 ||
		am_nfs_getattr(fs, fs->root, &fs->root->handle, &st, error) != 0)
		return -1;
	if (st.type != AM_TREE_DIR)
		return am_fail_reason(error, ENOTDIR);
	fs->fsid = st.fsid;
	return 0;
}

static struct nfs_fs *new_fs(const struct am_nfs_options *options)
{
	struct nfs_fs *fs = calloc(1, sizeof *fs);

	if (fs == NULL)
		return NULL;
	fs->base.ops = &nfs_ops;
	fs->uid = fs->gid = -1;
	fs->read_max = fs->write_max = TRANSFER_MAX;
	if (options != NULL)
		fs->options = *options;
	if (!(fs->options.timeout > 0))
		fs->options.timeout = 30;
	if (!(fs->options.retry > 0))
		fs->options.retry = 120;
	return fs;
}

struct nfs_fs *am_nfs_over(const int fds[CONNECTIONS], const struct am_handle *root,
	const struct am_nfs_options *options, struct am_error *error)
{
	struct nfs_fs *fs = new_fs(options);

	if (fs == NULL) {
		am_fail_errno(error, ENOMEM, "tree");
		return NULL;
	}
	fs->root_handle = *root;
	fs->connects = 1;
	for (int c = 0; c < CONNECTIONS; c++) {
		struct am_wire *wire = am_socket_over(fds[c], error);

		fs->rpc[c] = wire != NULL ? am_rpc_over(wire, getuid(), getgid(), error) : NULL;
	}
	fs->at = strdup("/");
	fs->host = strdup("");
	fs->export = strdup("/export");
	fs->name = strdup("server:/export");
	fs->root = am_nfs_new_node(fs, NULL, "", root, error);
	if (fs->at == NULL || fs->host == NULL || fs->export == NULL || fs->name == NULL ||
		fs->root == NULL || fs->rpc[0] == NULL || fs->rpc[CONNECTIONS - 1] == NULL) {
		mount_destroy(&fs->base);
		return NULL;
	}
	fs->base.name = fs->name;
	return fs;
}

static struct am_fs *mount(const struct am_nfs_source *source, const struct am_nfs_options *options,
	struct am_error *error)
{
	struct nfs_fs *fs = new_fs(options);
	int r;

	if (fs == NULL) {
		am_fail_errno(error, ENOMEM, "tree: %.300s", source->url);
		return NULL;
	}
	r = parse_url(fs, source->url, error);
	if (r == 0) {
		size_t size = strlen(fs->host) + strlen(fs->export) + 2;

		fs->at = strdup(source->at);
		fs->name = malloc(size);
		if (fs->at == NULL || fs->name == NULL) {
			r = am_fail_errno(error, ENOMEM, "tree: %.300s", source->url);
		} else {
			snprintf(fs->name, size, "%s:%s", fs->host, fs->export);
			fs->base.name = fs->name;
			r = am_nfs_connect(fs, error) != 0 || am_nfs_first_look(fs, error) != 0 ? -1
												: 0;
			if (r != 0 && !fs->base.complete)
				am_error_prefix(error, "mount: %s", fs->name);
		}
	}
	if (r == 0)
		return &fs->base;
	mount_destroy(&fs->base);
	return NULL;
}

struct am_tree *am_tree_nfs(const struct am_nfs_source *sources, size_t count,
	const struct am_nfs_options *options, struct am_error *error)
{
	struct am_fs **fs = calloc(count + 1, sizeof *fs);
	const char **at = calloc(count + 1, sizeof *at);
	struct am_dialer *dialer = options != NULL ? options->dialer : NULL;
	struct am_tree *tree = NULL;
	size_t n = 0;

	if (fs == NULL || at == NULL) {
		am_fail_errno(error, ENOMEM, "tree");
	} else {
		while (n < count && (fs[n] = mount(&sources[n], options, error)) != NULL) {
			at[n] = sources[n].at;
			n++;
		}
		if (n == count) {
			if (n > 0) {
				((struct nfs_fs *)fs[n - 1])->owns_dialer = 1;
				dialer = NULL;
			}
			tree = am_tree_of(at, fs, count, error);
			n = 0; /* the tree has them, or has freed them */
		}
		while (n > 0) {
			n--;
			fs[n]->ops->destroy(fs[n]);
		}
	}
	close_dialer(dialer);
	free(fs);
	free(at);
	return tree;
}

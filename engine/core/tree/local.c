/* SPDX-License-Identifier: MIT */
/*
 * The back end for a directory of this host. Directories are descriptors, names are resolved with
 * the *at calls and O_NOFOLLOW, one at a time: nothing that happens to the tree meanwhile makes a
 * call act outside the directory it was given.
 */
#include "tree/backend.h"

#include "base/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct local_fs {
	struct am_fs base;
	int fd;
	char root[];
};

struct local_node {
	struct am_node base;
	int fd;
};

struct local_file {
	struct am_fs_file base;
	int fd;
	int dir_fd; /* of a new file: the directory, made durable with it */
};

static int fail(struct am_error *error)
{
	int en = errno;

	return am_fail(error, am_errno_name(en), "%s", strerror(en));
}

static int node_fd(struct am_node *node)
{
	return ((struct local_node *)node)->fd;
}

static struct am_node *new_node(struct am_fs *fs, int fd, struct am_error *error)
{
	struct local_node *node;

	if (fd < 0) {
		/* Systems differ in what they call a link that was not to be followed. */
		if (errno == ELOOP || errno == EMLINK)
			errno = ENOTDIR;
		fail(error);
		return NULL;
	}
	node = malloc(sizeof *node);
	if (node == NULL) {
		close(fd);
		errno = ENOMEM;
		fail(error);
		return NULL;
	}
	node->base = (struct am_node){fs, 1};
	node->fd = fd;
	return &node->base;
}

static int open_directory(int dir, const char *name)
{
	return openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static struct am_node *local_root(struct am_fs *fs, struct am_error *error)
{
	return new_node(fs, fcntl(((struct local_fs *)fs)->fd, F_DUPFD_CLOEXEC, 0), error);
}

static struct am_node *local_enter(struct am_node *dir, const char *name, struct am_error *error)
{
	return new_node(dir->fs, open_directory(node_fd(dir), name), error);
}

static void local_release(struct am_node *node)
{
	close(node_fd(node));
	free(node);
}

static enum am_tree_type type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return AM_TREE_DIR;
	case S_IFLNK:
		return AM_TREE_LINK;
	case S_IFBLK:
		return AM_TREE_BLOCK;
	case S_IFCHR:
		return AM_TREE_CHAR;
	case S_IFIFO:
		return AM_TREE_FIFO;
	case S_IFSOCK:
		return AM_TREE_SOCKET;
	default:
		return AM_TREE_FILE;
	}
}

static struct am_tree_time time_of(struct timespec ts)
{
	return (struct am_tree_time){ts.tv_sec, (uint32_t)ts.tv_nsec};
}

static void convert_stat(const struct stat *st, struct am_tree_stat *out)
{
	*out = (struct am_tree_stat){
		.type = type_of(st->st_mode),
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.nlink = (uint32_t)st->st_nlink,
		.size = (uint64_t)st->st_size,
		.ino = st->st_ino,
		.fsid = st->st_dev,
		.atime = time_of(st->st_atim),
		.mtime = time_of(st->st_mtim),
		.ctime = time_of(st->st_ctim),
	};
	if (out->type == AM_TREE_BLOCK || out->type == AM_TREE_CHAR) {
		out->rdev_major = am_os_major(st->st_rdev);
		out->rdev_minor = am_os_minor(st->st_rdev);
	}
}

static int local_stat(
	struct am_node *dir, const char *name, struct am_tree_stat *out, struct am_error *error)
{
	struct stat st;
	int r = name == NULL ? fstat(node_fd(dir), &st)
			     : fstatat(node_fd(dir), name, &st, AT_SYMLINK_NOFOLLOW);

	if (r != 0)
		return fail(error);
	convert_stat(&st, out);
	return 0;
}

static struct timespec timespec_of(unsigned set, unsigned bit, struct am_tree_time t)
{
	struct timespec ts = {.tv_nsec = UTIME_OMIT};

	if (set & bit) {
		ts.tv_sec = (time_t)t.seconds;
		ts.tv_nsec = (long)t.nanoseconds;
	}
	return ts;
}

/* Owner before mode (a change of owner clears the suid bits), times at the end. */
static int set_fd(int fd, const struct am_tree_attr *attr, struct am_error *error)
{
	struct timespec times[2] = {timespec_of(attr->set, AM_SET_ATIME, attr->atime),
		timespec_of(attr->set, AM_SET_MTIME, attr->mtime)};

	if ((attr->set & AM_SET_SIZE) && ftruncate(fd, (off_t)attr->size) != 0)
		return fail(error);
	if ((attr->set & (AM_SET_UID | AM_SET_GID)) &&
		fchown(fd, attr->set & AM_SET_UID ? attr->uid : (uid_t)-1,
			attr->set & AM_SET_GID ? attr->gid : (gid_t)-1) != 0)
		return fail(error);
	if ((attr->set & AM_SET_MODE) && fchmod(fd, attr->mode & 07777) != 0)
		return fail(error);
	if ((attr->set & (AM_SET_ATIME | AM_SET_MTIME)) && futimens(fd, times) != 0)
		return fail(error);
	return 0;
}

/*
 * The mode of a device, FIFO or socket, which must not be opened for it. Where the system cannot do
 * it without following links (or has no /proc to do it by), the check just made has to do.
 */
static int chmod_name(int dir, const char *name, uint32_t mode)
{
	if (fchmodat(dir, name, mode & 07777, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (errno != ENOTSUP && errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS)
		return -1;
	return fchmodat(dir, name, mode & 07777, 0);
}

/* By name, for what cannot be opened without effect (devices, FIFOs) or not at all (links). */
static int set_name(int dir, const char *name, const struct stat *st,
	const struct am_tree_attr *attr, struct am_error *error)
{
	struct timespec times[2] = {timespec_of(attr->set, AM_SET_ATIME, attr->atime),
		timespec_of(attr->set, AM_SET_MTIME, attr->mtime)};

	if ((attr->set & (AM_SET_UID | AM_SET_GID)) &&
		fchownat(dir, name, attr->set & AM_SET_UID ? attr->uid : (uid_t)-1,
			attr->set & AM_SET_GID ? attr->gid : (gid_t)-1, AT_SYMLINK_NOFOLLOW) != 0)
		return fail(error);
	if ((attr->set & AM_SET_MODE) && !S_ISLNK(st->st_mode) &&
		chmod_name(dir, name, attr->mode) != 0)
		return fail(error);
	if ((attr->set & (AM_SET_ATIME | AM_SET_MTIME)) &&
		utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) != 0)
		return fail(error);
	return 0;
}

static int local_setattr(struct am_node *dir, const char *name, const struct am_tree_attr *attr,
	struct am_error *error)
{
	int fd = node_fd(dir), r;
	struct stat st;

	if (name == NULL)
		return set_fd(fd, attr, error);
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return fail(error);
	if ((attr->set & AM_SET_SIZE) && !S_ISREG(st.st_mode)) {
		errno = EINVAL;
		return fail(error);
	}
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return set_name(fd, name, &st, attr, error);
	fd = openat(fd, name,
		(attr->set & AM_SET_SIZE ? O_WRONLY : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK |
			O_NOCTTY | O_CLOEXEC);
	if (fd < 0) /* an owner without read permission may still change it */
		return errno == EACCES ? set_name(node_fd(dir), name, &st, attr, error)
				       : fail(error);
	r = set_fd(fd, attr, error);
	close(fd);
	return r;
}

static int local_readlink(
	struct am_node *dir, const char *name, char *target, size_t size, struct am_error *error)
{
	ssize_t n = readlinkat(node_fd(dir), name, target, size);

	if (n < 0)
		return fail(error);
	if ((size_t)n == size) {
		errno = ENAMETOOLONG;
		return fail(error);
	}
	target[n] = '\0';
	return 0;
}

static int local_list(struct am_node *dir, struct am_entries *entries, struct am_error *error)
{
	/* A descriptor of its own: the position of a duplicate would be shared. */
	int fd = open_directory(node_fd(dir), ".");
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	int r = 0;

	if (stream == NULL) {
		fail(error);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while (r == 0) {
		errno = 0;
		entry = readdir(stream);
		if (entry == NULL) {
			r = errno != 0 ? fail(error) : 0;
			break;
		}
		r = am_entries_add(entries, entry->d_name, NULL, error);
	}
	closedir(stream);
	return r;
}

static struct am_fs_file *new_file(struct am_fs *fs, int fd, int dir_fd, struct am_error *error)
{
	struct local_file *file = malloc(sizeof *file);

	if (file == NULL) {
		errno = ENOMEM;
		fail(error);
		close(fd);
		if (dir_fd >= 0)
			close(dir_fd);
		return NULL;
	}
	*file = (struct local_file){{fs}, fd, dir_fd};
	return &file->base;
}

static struct am_fs_file *local_open(struct am_node *dir, const char *name, struct am_error *error)
{
	struct stat st;
	int fd;

	/* Looked at first, because to open a device or FIFO may have an effect. */
	if (fstatat(node_fd(dir), name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		fail(error);
		return NULL;
	}
	if (!S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		fail(error);
		return NULL;
	}
	fd = openat(node_fd(dir), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) {
		fail(error);
		return NULL;
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		errno = EINVAL;
		fail(error);
		close(fd);
		return NULL;
	}
	return new_file(dir->fs, fd, -1, error);
}

static ssize_t local_read(struct am_fs_file *file, void *data, size_t size, struct am_error *error)
{
	ssize_t n;

	do
		n = read(((struct local_file *)file)->fd, data, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? fail(error) : n;
}

static struct am_fs_file *local_create(
	struct am_node *dir, const char *name, struct am_error *error)
{
	int dir_fd = fcntl(node_fd(dir), F_DUPFD_CLOEXEC, 0);
	int fd = dir_fd < 0 ? -1
			    : openat(node_fd(dir), name,
				      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0) {
		fail(error);
		if (dir_fd >= 0)
			close(dir_fd);
		return NULL;
	}
	return new_file(dir->fs, fd, dir_fd, error);
}

static int local_write(
	struct am_fs_file *file, const void *data, size_t length, struct am_error *error)
{
	const char *p = data;

	while (length > 0) {
		ssize_t n = write(((struct local_file *)file)->fd, p, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(error);
		p += n;
		length -= (size_t)n;
	}
	return 0;
}

static int local_finish(
	struct am_fs_file *base, const struct am_tree_attr *attr, struct am_error *error)
{
	struct local_file *file = (struct local_file *)base;

	if (set_fd(file->fd, attr, error) != 0)
		return -1;
	if (base->fs->unsynced)
		return 0;
	return fsync(file->fd) != 0 ? fail(error) : 0;
}

static void local_close(struct am_fs_file *base)
{
	struct local_file *file = (struct local_file *)base;

	close(file->fd);
	if (file->dir_fd >= 0) {
		/* The name: a rename has happened, or nothing that matters. */
		if (!base->fs->unsynced)
			(void)fsync(file->dir_fd);
		close(file->dir_fd);
	}
	free(file);
}

static int local_mkdir(struct am_node *dir, const char *name, uint32_t mode, struct am_error *error)
{
	struct am_tree_attr attr = {.set = AM_SET_MODE, .mode = mode};

	if (mkdirat(node_fd(dir), name, 0700) != 0)
		return fail(error);
	return local_setattr(dir, name, &attr, error); /* what the umask would cut */
}

static int local_symlink(
	struct am_node *dir, const char *name, const char *target, struct am_error *error)
{
	return symlinkat(target, node_fd(dir), name) != 0 ? fail(error) : 0;
}

static int local_link(struct am_node *from, const char *from_name, struct am_node *to,
	const char *to_name, struct am_error *error)
{
	return linkat(node_fd(from), from_name, node_fd(to), to_name, 0) != 0 ? fail(error) : 0;
}

static int local_rename(struct am_node *from, const char *from_name, struct am_node *to,
	const char *to_name, struct am_error *error)
{
	return renameat(node_fd(from), from_name, node_fd(to), to_name) != 0 ? fail(error) : 0;
}

static int local_unlink(struct am_node *dir, const char *name, struct am_error *error)
{
	return unlinkat(node_fd(dir), name, 0) != 0 ? fail(error) : 0;
}

static int local_rmdir(struct am_node *dir, const char *name, struct am_error *error)
{
	return unlinkat(node_fd(dir), name, AT_REMOVEDIR) != 0 ? fail(error) : 0;
}

static int local_mknod(struct am_node *dir, const char *name, enum am_tree_type type, uint32_t mode,
	uint32_t major_number, uint32_t minor_number, struct am_error *error)
{
	struct am_tree_attr attr = {.set = AM_SET_MODE, .mode = mode};
	mode_t format = type == AM_TREE_BLOCK  ? S_IFBLK
			: type == AM_TREE_CHAR ? S_IFCHR
			: type == AM_TREE_FIFO ? S_IFIFO
					       : S_IFSOCK;
	dev_t device = format == S_IFBLK || format == S_IFCHR
			       ? am_os_device(major_number, minor_number)
			       : 0;

	if (mknodat(node_fd(dir), name, format | 0600, device) != 0)
		return fail(error);
	return local_setattr(dir, name, &attr, error);
}

static int local_df(struct am_node *dir, struct am_tree_space *space, struct am_error *error)
{
	struct statvfs st;
	uint64_t unit;

	if (fstatvfs(node_fd(dir), &st) != 0)
		return fail(error);
	unit = st.f_frsize != 0 ? st.f_frsize : st.f_bsize;
	*space = (struct am_tree_space){
		st.f_blocks * unit, st.f_bfree * unit, st.f_bavail * unit, st.f_ffree};
	return 0;
}

static int local_describe(struct am_fs *fs, struct am_tree_mount *mount, struct am_error *error)
{
	struct local_fs *local = (struct local_fs *)fs;
	struct stat st;

	if (fstat(local->fd, &st) != 0)
		return fail(error);
	snprintf(mount->export, sizeof mount->export, "%s", local->root);
	mount->fsid = st.st_dev;
	return 0;
}

static void local_drop_caches(struct am_fs *fs)
{
	(void)fs;
}

static int local_check(struct am_fs *fs, struct am_error *error)
{
	(void)fs;
	(void)error;
	return 0;
}

static void local_destroy(struct am_fs *fs)
{
	close(((struct local_fs *)fs)->fd);
	free(fs);
}

static const struct am_fs_ops local_ops = {
	.root = local_root,
	.enter = local_enter,
	.release = local_release,
	.stat = local_stat,
	.setattr = local_setattr,
	.readlink = local_readlink,
	.list = local_list,
	.open = local_open,
	.read = local_read,
	.create = local_create,
	.write = local_write,
	.finish = local_finish,
	.close = local_close,
	.mkdir = local_mkdir,
	.symlink = local_symlink,
	.link = local_link,
	.rename = local_rename,
	.unlink = local_unlink,
	.rmdir = local_rmdir,
	.mknod = local_mknod,
	.df = local_df,
	.describe = local_describe,
	.drop_caches = local_drop_caches,
	.check = local_check,
	.destroy = local_destroy,
};

struct am_tree *am_tree_local(const char *root, struct am_error *error)
{
	static const char *const at[] = {"/"};
	size_t length = strlen(root) + 1;
	struct local_fs *local = malloc(sizeof *local + length);
	struct am_fs *fs;

	if (local == NULL) {
		am_fail_errno(error, ENOMEM, "tree: %.300s", root);
		return NULL;
	}
	memcpy(local->root, root, length);
	local->base = (struct am_fs){.ops = &local_ops, .name = local->root};
	local->fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (local->fd < 0) {
		am_fail_errno(error, errno, "tree: %.300s", root);
		free(local);
		return NULL;
	}
	fs = &local->base;
	return am_tree_of(at, &fs, 1, error);
}

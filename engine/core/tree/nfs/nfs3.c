/* SPDX-License-Identifier: MIT */
#include "tree/nfs/nfs3.h"

/* Types of file, in the order of the protocol's numbers from 1 on. */
static const enum am_tree_type types[] = {AM_TREE_FILE, AM_TREE_DIR, AM_TREE_BLOCK, AM_TREE_CHAR,
	AM_TREE_LINK, AM_TREE_SOCKET, AM_TREE_FIFO};
enum { TYPES = sizeof types / sizeof *types, GUARDED = 1, SET_TO_CLIENT_TIME = 2 };

/* ---- arguments ---- */

static void put_handle(struct am_xdr_out *out, const struct am_handle *handle)
{
	am_xdr_put_opaque(out, handle->data, handle->length);
}

static void put_place(struct am_xdr_out *out, const struct am_handle *dir, const char *name)
{
	put_handle(out, dir);
	am_xdr_put_string(out, name);
}

static void put_number(struct am_xdr_out *out, int given, uint32_t value)
{
	am_xdr_put_u32(out, given != 0);
	if (given)
		am_xdr_put_u32(out, value);
}

static void put_time(struct am_xdr_out *out, int given, const struct am_tree_time *time)
{
	am_xdr_put_u32(out, given ? SET_TO_CLIENT_TIME : 0);
	if (given) {
		am_xdr_put_u32(out, (uint32_t)time->seconds);
		am_xdr_put_u32(out, time->nanoseconds);
	}
}

static void put_attributes(struct am_xdr_out *out, const struct am_tree_attr *attr)
{
	put_number(out, (attr->set & AM_SET_MODE) != 0, attr->mode);
	put_number(out, (attr->set & AM_SET_UID) != 0, attr->uid);
	put_number(out, (attr->set & AM_SET_GID) != 0, attr->gid);
	am_xdr_put_u32(out, (attr->set & AM_SET_SIZE) != 0);
	if (attr->set & AM_SET_SIZE)
		am_xdr_put_u64(out, attr->size);
	put_time(out, (attr->set & AM_SET_ATIME) != 0, &attr->atime);
	put_time(out, (attr->set & AM_SET_MTIME) != 0, &attr->mtime);
}

static void put_node(struct am_xdr_out *out, const struct am_nfs3_args *args)
{
	uint32_t type = 1;

	while (type < TYPES && types[type - 1] != args->type)
		type++;
	am_xdr_put_u32(out, type);
	put_attributes(out, &args->attr);
	if (args->type == AM_TREE_BLOCK || args->type == AM_TREE_CHAR) {
		am_xdr_put_u32(out, args->major_number);
		am_xdr_put_u32(out, args->minor_number);
	}
}

void am_nfs3_encode(struct am_xdr_out *out, enum am_nfs3_procedure procedure,
	const struct am_nfs3_args *args, const struct am_handle *const handles[2])
{
	switch (procedure) {
	case AM_NFS3_NULL:
		break;
	case AM_NFS3_GETATTR:
	case AM_NFS3_READLINK:
	case AM_NFS3_FSSTAT:
	case AM_NFS3_FSINFO:
		put_handle(out, handles[0]);
		break;
	case AM_NFS3_SETATTR:
		put_handle(out, handles[0]);
		put_attributes(out, &args->attr);
		am_xdr_put_u32(out, 0); /* no guard */
		break;
	case AM_NFS3_LOOKUP:
	case AM_NFS3_REMOVE:
	case AM_NFS3_RMDIR:
		put_place(out, handles[0], args->name);
		break;
	case AM_NFS3_READ:
	case AM_NFS3_COMMIT:
		put_handle(out, handles[0]);
		am_xdr_put_u64(out, args->offset);
		am_xdr_put_u32(out, args->count);
		break;
	case AM_NFS3_WRITE:
		put_handle(out, handles[0]);
		am_xdr_put_u64(out, args->offset);
		am_xdr_put_u32(out, args->count);
		am_xdr_put_u32(out, args->stable);
		break;
	case AM_NFS3_CREATE:
		put_place(out, handles[0], args->name);
		am_xdr_put_u32(out, GUARDED);
		put_attributes(out, &args->attr);
		break;
	case AM_NFS3_MKDIR:
		put_place(out, handles[0], args->name);
		put_attributes(out, &args->attr);
		break;
	case AM_NFS3_SYMLINK:
		put_place(out, handles[0], args->name);
		put_attributes(out, &args->attr);
		am_xdr_put_string(out, args->other);
		break;
	case AM_NFS3_MKNOD:
		put_place(out, handles[0], args->name);
		put_node(out, args);
		break;
	case AM_NFS3_RENAME:
		put_place(out, handles[0], args->name);
		put_place(out, handles[1], args->other);
		break;
	case AM_NFS3_LINK:
		put_handle(out, handles[1]);
		put_place(out, handles[0], args->name);
		break;
	case AM_NFS3_READDIR:
	case AM_NFS3_READDIRPLUS:
		put_handle(out, handles[0]);
		am_xdr_put_u64(out, args->cookie);
		am_xdr_put_fixed(out, args->verifier, sizeof args->verifier);
		if (procedure == AM_NFS3_READDIRPLUS)
			am_xdr_put_u32(out, args->count / 4); /* of names and cookies */
		am_xdr_put_u32(out, args->count);
		break;
	}
}

/* ---- results ---- */

static struct am_tree_time take_time(struct am_xdr *xdr)
{
	uint32_t seconds = am_xdr_u32(xdr), nanoseconds = am_xdr_u32(xdr);

	return (struct am_tree_time){seconds, nanoseconds < 1000000000 ? nanoseconds : 0};
}

void am_nfs3_attributes(struct am_xdr *xdr, struct am_tree_stat *stat)
{
	uint32_t type = am_xdr_u32(xdr), major_number, minor_number;

	*stat = (struct am_tree_stat){0};
	if (type < 1 || type > TYPES) {
		xdr->bad = 1;
		return;
	}
	stat->type = types[type - 1];
	stat->mode = am_xdr_u32(xdr) & 07777;
	stat->nlink = am_xdr_u32(xdr);
	stat->uid = am_xdr_u32(xdr);
	stat->gid = am_xdr_u32(xdr);
	stat->size = am_xdr_u64(xdr);
	am_xdr_u64(xdr); /* bytes used */
	major_number = am_xdr_u32(xdr);
	minor_number = am_xdr_u32(xdr);
	if (stat->type == AM_TREE_BLOCK || stat->type == AM_TREE_CHAR) {
		stat->rdev_major = major_number;
		stat->rdev_minor = minor_number;
	}
	stat->fsid = am_xdr_u64(xdr);
	stat->ino = am_xdr_u64(xdr);
	stat->atime = take_time(xdr);
	stat->mtime = take_time(xdr);
	stat->ctime = take_time(xdr);
	if (stat->size > INT64_MAX)
		xdr->bad = 1;
}

int am_nfs3_post_attributes(struct am_xdr *xdr, struct am_tree_stat *stat)
{
	if (!am_xdr_bool(xdr))
		return 0;
	am_nfs3_attributes(xdr, stat);
	return !xdr->bad;
}

int am_nfs3_change(struct am_xdr *xdr, struct am_tree_stat *after)
{
	if (am_xdr_bool(xdr))
		am_xdr_fixed(xdr, 8 + 8 + 8); /* size and times before it */
	return am_nfs3_post_attributes(xdr, after);
}

void am_nfs3_handle(struct am_xdr *xdr, struct am_handle *handle)
{
	uint32_t length;
	const char *data = am_xdr_opaque(xdr, sizeof handle->data, &length);

	handle->length = 0;
	if (length == 0)
		xdr->bad = 1;
	if (data == NULL || xdr->bad)
		return;
	memcpy(handle->data, data, length);
	handle->length = length;
}

static void post_handle(struct am_xdr *xdr, struct am_handle *handle)
{
	handle->length = 0;
	if (am_xdr_bool(xdr))
		am_nfs3_handle(xdr, handle);
}

int am_nfs3_made(struct am_xdr *xdr, struct am_handle *handle, struct am_tree_stat *stat)
{
	post_handle(xdr, handle);
	return am_nfs3_post_attributes(xdr, stat);
}

const char *am_nfs3_text(struct am_xdr *xdr, uint32_t *length)
{
	struct am_tree_stat unused;
	const char *text;

	am_nfs3_post_attributes(xdr, &unused);
	text = am_xdr_opaque(xdr, UINT32_MAX, length);
	if (text != NULL && memchr(text, '\0', *length) != NULL) {
		xdr->bad = 1;
		return NULL;
	}
	return text;
}

void am_nfs3_read(struct am_xdr *xdr, struct am_nfs3_read *read)
{
	struct am_tree_stat unused;
	uint32_t count;

	am_nfs3_post_attributes(xdr, &unused);
	count = am_xdr_u32(xdr);
	read->end = am_xdr_bool(xdr);
	read->data = am_xdr_opaque(xdr, UINT32_MAX, &read->length);
	if (count != read->length)
		xdr->bad = 1;
}

static void take_verifier(struct am_xdr *xdr, char verifier[8])
{
	const unsigned char *from = am_xdr_fixed(xdr, 8);

	if (from != NULL)
		memcpy(verifier, from, 8);
}

void am_nfs3_written(struct am_xdr *xdr, struct am_nfs3_written *written)
{
	struct am_tree_stat unused;
	uint32_t committed;

	am_nfs3_change(xdr, &unused);
	written->count = am_xdr_u32(xdr);
	committed = am_xdr_u32(xdr);
	if (committed > AM_NFS3_FILE_SYNC)
		xdr->bad = 1;
	written->committed = (enum am_nfs3_stable)committed;
	take_verifier(xdr, written->verifier);
}

void am_nfs3_committed(struct am_xdr *xdr, char verifier[8])
{
	struct am_tree_stat unused;

	am_nfs3_change(xdr, &unused);
	take_verifier(xdr, verifier);
}

void am_nfs3_list_begin(struct am_xdr *xdr, char verifier[8])
{
	struct am_tree_stat unused;

	am_nfs3_post_attributes(xdr, &unused);
	take_verifier(xdr, verifier);
}

int am_nfs3_list_entry(struct am_xdr *xdr, int plus, struct am_nfs3_entry *entry)
{
	const char *name;
	uint32_t length;

	if (!am_xdr_bool(xdr))
		return 0;
	entry->fileid = am_xdr_u64(xdr);
	name = am_xdr_opaque(xdr, AM_TREE_NAME_MAX, &length);
	if (name == NULL || memchr(name, '\0', length) != NULL) {
		xdr->bad = 1;
		return 0;
	}
	memcpy(entry->name, name, length);
	entry->name[length] = '\0';
	entry->cookie = am_xdr_u64(xdr);
	entry->has_stat = plus && am_nfs3_post_attributes(xdr, &entry->stat);
	entry->handle.length = 0;
	if (plus)
		post_handle(xdr, &entry->handle);
	return !xdr->bad;
}

int am_nfs3_list_end(struct am_xdr *xdr)
{
	return am_xdr_bool(xdr);
}

void am_nfs3_space(struct am_xdr *xdr, struct am_tree_space *space)
{
	struct am_tree_stat unused;

	am_nfs3_post_attributes(xdr, &unused);
	space->total = am_xdr_u64(xdr);
	space->free = am_xdr_u64(xdr);
	space->avail = am_xdr_u64(xdr);
	am_xdr_u64(xdr); /* files in all */
	space->files_free = am_xdr_u64(xdr);
}

void am_nfs3_limits(struct am_xdr *xdr, uint32_t *read_max, uint32_t *write_max)
{
	struct am_tree_stat unused;

	am_nfs3_post_attributes(xdr, &unused);
	*read_max = am_xdr_u32(xdr);
	am_xdr_u32(xdr); /* preferred */
	am_xdr_u32(xdr); /* a multiple it likes */
	*write_max = am_xdr_u32(xdr);
}

void am_mount_result(struct am_xdr *xdr, struct am_handle *handle)
{
	uint32_t flavours;

	am_nfs3_handle(xdr, handle);
	flavours = am_xdr_u32(xdr);
	if (flavours > am_xdr_left(xdr) / 4)
		xdr->bad = 1;
}

uint32_t am_portmap_result(struct am_xdr *xdr)
{
	uint32_t port = am_xdr_u32(xdr);

	if (port > UINT16_MAX)
		xdr->bad = 1;
	return port;
}

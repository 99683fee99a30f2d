/* SPDX-License-Identifier: MIT */
/* Connecting: port mapper, MOUNT and the connections that are kept; and connecting again. */
#include "tree/nfs/connect.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "tree/nfs/socket.h"

static void drop(struct nfs_fs *fs, int connection)
{
	struct am_rpc *rpc = fs->rpc[connection];

	fs->rpc[connection] = NULL;
	am_rpc_close(rpc);
}

void am_nfs_disconnect(struct nfs_fs *fs)
{
	for (int connection = 0; connection < CONNECTIONS; connection++)
		drop(fs, connection);
}

void am_nfs_note_lost(struct nfs_fs *fs, const char *text)
{
	snprintf(fs->lost, sizeof fs->lost, "%s", am_reason(text));
}

void am_nfs_note_broken(struct nfs_fs *fs, const struct am_error *why)
{
	am_nfs_note_lost(fs, why->message);
	fs->violations += strcmp(why->code, "EPROTO") == 0;
}

/* Waits for the socket once. 0, or -1 when the connection is gone. */
static int service(struct nfs_fs *fs, int connection)
{
	struct am_rpc *rpc = fs->rpc[connection];
	int ready = am_rpc_ready(rpc);
	struct pollfd p = {am_rpc_fd(rpc), am_rpc_events(rpc), 0};
	int n = poll(&p, 1, ready ? 0 : POLL_MS);
	struct am_error why;

	if (n < 0 && errno != EINTR) {
		am_nfs_note_lost(fs, strerror(errno));
		return -1;
	}
	if (n <= 0)
		p.revents = 0;
	if (ready)
		p.revents |= POLLIN;
	if (am_rpc_service(rpc, p.revents, &why) != 0) {
		am_nfs_note_broken(fs, &why);
		return -1;
	}
	return 0;
}

/* Not reached or not answered; with what to look at. */
static int fail_mount(struct nfs_fs *fs, const char *why, const char *check, struct am_error *error)
{
	fs->base.complete = 1;
	return am_fail(
		error, "NFS_MOUNT", "mount: %s: %.200s; check that %s", fs->name, why, check);
}

/* `reached`: it answers, but not with what is wanted. */
static int fail_program(struct nfs_fs *fs, const char *what, int reached, const char *reason,
	struct am_error *error)
{
	char why[300], check[300];

	snprintf(why, sizeof why, "%s%s: %s", what, reached ? "" : " not reached",
		am_reason(reason));
	snprintf(check, sizeof check,
		fs->options.dialer != NULL
			? "the sshd in between may connect to %.100s, and rpcbind, mountd and an "
			  "NFS server of version 3 run there"
			: "%.100s is up, serves NFS version 3, and lets this host reach rpcbind, "
			  "mountd and nfsd",
		fs->host);
	return fail_mount(fs, why, check, error);
}

static int refused(struct nfs_fs *fs, struct am_error *error)
{
	char check[400];

	if (fs->options.dialer != NULL)
		snprintf(check, sizeof check,
			"%.150s is exported with root access (exportfs) to %.100s itself, which "
			"calls "
			"for this host, that it exists there, that names resolve both ways, and "
			"that "
			"calls from ports above 1023 are taken (nfso -o portcheck)",
			fs->export, fs->host);
	else
		snprintf(check, sizeof check,
			"%.200s is exported to this host with root access (exportfs on %.100s), "
			"that "
			"it exists there, and that names resolve both ways",
			fs->export, fs->host);
	switch (fs->step.mount_status) {
	case MNT3ERR_PERM:
	case MNT3ERR_ACCES:
		return fail_mount(fs, "the server refuses (permission denied)", check, error);
	case MNT3ERR_NOENT:
		return fail_mount(fs, "the server refuses (no such export)", check, error);
	case MNT3ERR_NOTDIR:
		return fail_mount(fs, "the server refuses (not a directory)", check, error);
	default:
		return fail_mount(fs, "the server refuses", check, error);
	}
}

/* Waits until connected (step NULL) or answered. 1: not in time, or the connection is gone. */
static int wait_for(struct nfs_fs *fs, int connection, const struct step *step, double deadline,
	struct am_error *error)
{
	while (step != NULL ? !step->done : !am_rpc_connected(fs->rpc[connection])) {
		if (am_cancelled())
			return am_fail(error, "CANCELLED", "cancelled");
		if (am_clock() > deadline) {
			am_nfs_note_lost(fs, "no answer in time");
			return 1;
		}
		if (service(fs, connection) != 0)
			return 1;
	}
	return 0;
}

/* RPC over the wire; NULL is the failure to make it. */
static int use_wire(struct nfs_fs *fs, int connection, struct am_wire *wire, struct am_error *error)
{
	uint32_t uid = fs->uid >= 0 ? (uint32_t)fs->uid : getuid();
	uint32_t gid = fs->gid >= 0 ? (uint32_t)fs->gid : getgid();

	fs->rpc[connection] = wire != NULL ? am_rpc_over(wire, uid, gid, error) : NULL;
	return fs->rpc[connection] != NULL ? 0 : -1;
}

/* The dialer resolves names, and tries all addresses, where it is. */
static int dial_port(
	struct nfs_fs *fs, int connection, uint32_t port, const char *what, struct am_error *error)
{
	struct am_dialer *dialer = fs->options.dialer;
	struct am_error why;

	if (use_wire(fs, connection,
		    dialer->dial(dialer, fs->host, (int)port, fs->options.timeout, &why),
		    &why) == 0)
		return 0;
	if (strcmp(why.code, "CANCELLED") == 0 || strncmp(why.code, "SSH_", 4) == 0) {
		fs->base.complete = 1;
		return am_fail(error, why.code, "mount: %s: %s", fs->name, why.message);
	}
	am_nfs_note_lost(fs, why.message);
	return fail_program(fs, what, 0, fs->lost, error);
}

/* All addresses of the server are tried. */
static int connect_port(
	struct nfs_fs *fs, int connection, uint32_t port, const char *what, struct am_error *error)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	char service_name[12];
	int r;

	drop(fs, connection);
	if (fs->options.dialer != NULL)
		return dial_port(fs, connection, port, what, error);
	snprintf(service_name, sizeof service_name, "%u", (unsigned)port);
	r = getaddrinfo(fs->host, service_name, &hints, &list);
	if (r != 0)
		return fail_program(fs, what, 0, gai_strerror(r), error);
	r = 1;
	for (const struct addrinfo *to = list; to != NULL && r == 1; to = to->ai_next) {
		struct am_error why;

		if (use_wire(fs, connection,
			    am_socket_connect(
				    to->ai_addr, to->ai_addrlen, port != AM_PORTMAP_PORT, &why),
			    &why) != 0) {
			am_nfs_note_lost(fs, why.message);
			continue;
		}
		r = wait_for(fs, connection, NULL, am_clock() + fs->options.timeout, error);
		if (r != 0)
			drop(fs, connection);
	}
	freeaddrinfo(list);
	return r == 1 ? fail_program(fs, what, 0, fs->lost, error) : r;
}

static void step_done(
	void *context, enum am_rpc_outcome outcome, struct am_xdr *results, const char *why)
{
	struct step *step = context;

	(void)results;
	step->outcome = outcome;
	step->done = 1;
	if (why != NULL)
		snprintf(step->text, sizeof step->text, "%s", why);
}

static void step_bad(struct step *step)
{
	step->outcome = AM_RPC_REFUSED;
	snprintf(step->text, sizeof step->text, "the server's answer is damaged");
}

static void port_done(
	void *context, enum am_rpc_outcome outcome, struct am_xdr *results, const char *why)
{
	struct step *step = context;

	step_done(context, outcome, results, why);
	if (outcome != AM_RPC_ANSWERED)
		return;
	step->port = am_portmap_result(results);
	if (results->bad)
		step_bad(step);
}

static void mount_done(
	void *context, enum am_rpc_outcome outcome, struct am_xdr *results, const char *why)
{
	struct step *step = context;

	step_done(context, outcome, results, why);
	if (outcome != AM_RPC_ANSWERED)
		return;
	step->mount_status = am_xdr_u32(results);
	if (step->mount_status == MNT3_OK)
		am_mount_result(results, &step->handle);
	if (results->bad)
		step_bad(step);
}

/* One request while connecting; its results are in fs->step. */
static int ask(struct nfs_fs *fs, int connection, struct am_rpc_request *asked, const char *what,
	struct am_error *error)
{
	struct am_error why;
	int r;

	memset(&fs->step, 0, sizeof fs->step);
	asked->context = &fs->step;
	if (am_rpc_send(fs->rpc[connection], asked, &why) != 0)
		return fail_program(fs, what, 0, why.message, error);
	r = wait_for(fs, connection, &fs->step, am_clock() + fs->options.timeout, error);
	if (r != 0 || fs->step.outcome != AM_RPC_ANSWERED)
		drop(fs, connection);
	if (r < 0)
		return -1;
	if (r == 0 && fs->step.outcome == AM_RPC_ANSWERED)
		return 0;
	return fail_program(fs, what, r == 0 && fs->step.outcome == AM_RPC_REFUSED,
		r == 0 && fs->step.text[0] != '\0' ? fs->step.text : fs->lost, error);
}

int am_nfs_ask_port(struct nfs_fs *fs, int connection, uint32_t program, uint32_t version,
	const char *what, uint32_t *port, struct am_error *error)
{
	unsigned char args[16];
	struct am_xdr_out out = {args, args + sizeof args, 0};
	struct am_rpc_request asked = {.program = AM_PORTMAP_PROGRAM,
		.version = AM_PORTMAP_VERSION,
		.procedure = AM_PORTMAP_GETPORT,
		.args = args,
		.args_length = sizeof args,
		.done = port_done};

	am_xdr_put_u32(&out, program);
	am_xdr_put_u32(&out, version);
	am_xdr_put_u32(&out, IPPROTO_TCP);
	am_xdr_put_u32(&out, 0);
	if (ask(fs, connection, &asked, what, error) != 0)
		return -1;
	*port = fs->step.port;
	if (*port == 0)
		return fail_program(fs, what, 0, "it is not registered with rpcbind", error);
	return 0;
}

/* A connection to a program of the server. */
static int connect_program(struct nfs_fs *fs, int connection, int port, uint32_t program,
	uint32_t version, const char *what, struct am_error *error)
{
	uint32_t at = (uint32_t)port;

	if (port == 0 &&
		(connect_port(fs, connection, AM_PORTMAP_PORT, what, error) != 0 ||
			am_nfs_ask_port(fs, connection, program, version, what, &at, error) != 0))
		return -1;
	return connect_port(fs, connection, at, what, error);
}

int am_nfs_ask_mount(struct nfs_fs *fs, struct am_handle *handle, struct am_error *error)
{
	unsigned char args[AM_MOUNT_PATH_MAX + 8];
	struct am_xdr_out out = {args, args + sizeof args, 0};
	struct am_rpc_request asked = {.program = AM_MOUNT_PROGRAM,
		.version = AM_MOUNT_VERSION,
		.procedure = AM_MOUNT_MNT,
		.args = args,
		.done = mount_done};

	am_xdr_put_string(&out, fs->export);
	asked.args_length = (size_t)(out.at - args);
	fs->base.requests++;
	if (ask(fs, 0, &asked, "mountd", error) != 0)
		return -1;
	if (fs->step.mount_status != MNT3_OK)
		return refused(fs, error);
	*handle = fs->step.handle;
	return 0;
}

int am_nfs_ask_nothing(struct nfs_fs *fs, int connection, struct am_error *error)
{
	struct am_rpc_request asked = {.program = AM_NFS3_PROGRAM,
		.version = AM_NFS3_VERSION,
		.procedure = AM_NFS3_NULL,
		.done = step_done};

	return ask(fs, connection, &asked, "nfsd", error);
}

static int same_handle(const struct am_handle *a, const struct am_handle *b)
{
	return a->length == b->length && memcmp(a->data, b->data, a->length) == 0;
}

int am_nfs_connect(struct nfs_fs *fs, struct am_error *error)
{
	struct am_handle handle;

	am_nfs_disconnect(fs);
	memset(&fs->step, 0, sizeof fs->step);
	if (connect_program(fs, 0, fs->mount_port, AM_MOUNT_PROGRAM, AM_MOUNT_VERSION, "mountd",
		    error) != 0 ||
		am_nfs_ask_mount(fs, &handle, error) != 0)
		return -1;
	if (fs->root_handle.length != 0 && !same_handle(&fs->root_handle, &handle)) {
		fs->base.complete = 1;
		return am_fail(error, "NFS_CHANGED",
			"mount: %s: another file system is exported there now", fs->name);
	}
	for (int connection = 0; connection < CONNECTIONS; connection++) {
		if (connect_program(fs, connection, fs->nfs_port, AM_NFS3_PROGRAM, AM_NFS3_VERSION,
			    "nfsd", error) != 0 ||
			am_nfs_ask_nothing(fs, connection, error) != 0)
			return -1;
	}
	fs->root_handle = handle;
	fs->connects++;
	return 0;
}

/* Connects again until it works, is refused for good, or the time is up. */
static int reconnect(struct nfs_fs *fs, double give_up, struct am_error *error)
{
	struct am_error scratch, *why = error != NULL ? error : &scratch;
	char lost[200];
	double delay = 0.05;

	memcpy(lost, fs->lost, sizeof lost);
	if (fs->host[0] == '\0') /* see am_nfs_over */
		return am_fail(error, "NFS_LOST", "connection lost (%.150s)", lost);
	for (;;) {
		fs->base.complete = 0;
		if (am_nfs_connect(fs, why) == 0)
			return 0;
		am_nfs_disconnect(fs);
		if (strcmp(why->code, "CANCELLED") == 0 || strcmp(why->code, "NFS_CHANGED") == 0 ||
			strncmp(why->code, "SSH_", 4) == 0)
			return -1;
		if (am_clock() + delay > give_up)
			break;
		fs->base.complete = 0;
		if (am_sleep(delay, NULL) != 0)
			return am_fail(why, "CANCELLED", "cancelled");
		delay = delay < 1 ? delay * 2 : 2;
	}
	if (fs->step.mount_status != MNT3_OK) /* reached, but it refuses: its reason counts */
		return -1;
	fs->base.complete = 0;
	return am_fail(error, "NFS_LOST", "connection lost (%.150s) and not back within %g s",
		lost[0] != '\0' ? lost : "not connected", fs->options.retry);
}

static int ask_guard(struct nfs_fs *fs, struct am_error *error)
{
	unsigned connects = fs->connects;
	int r;

	if (fs->options.guard == NULL || fs->checked == connects)
		return 0;
	if (fs->checking)
		return am_fail(error, "NFS_GUARD", "the guard itself writes");
	fs->checking = 1;
	r = fs->options.guard(fs->options.context, fs->at, error);
	fs->checking = 0;
	if (r != 0) {
		fs->base.complete = 1;
		return -1;
	}
	fs->checked = connects; /* not the present value: that may be of a later connection */
	return 0;
}

int am_nfs_make_ready(struct nfs_fs *fs, int writes, double give_up, struct am_error *error)
{
	for (;;) {
		if (fs->violations >= VIOLATIONS_MAX)
			return am_fail(error, "NFS_PROTOCOL", "%s", fs->lost);
		if (fs->rpc[0] == NULL && reconnect(fs, give_up, error) != 0)
			return -1;
		if (!writes)
			return 0;
		if (ask_guard(fs, error) != 0)
			return -1;
		if (fs->rpc[0] != NULL &&
			(fs->options.guard == NULL || fs->checked == fs->connects))
			return 0;
	}
}

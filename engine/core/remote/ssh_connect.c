/* SPDX-License-Identifier: MIT */
#include "remote/ssh_connect.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/os.h"
#include "remote/ssh_auth.h"
#include "remote/ssh_channel.h"
#include "remote/ssh_forward.h"
#include "remote/ssh_session.h"

/* --- the connection --------------------------------------------------------------------------- */

static int set_up_socket(int fd)
{
	int flags = fcntl(fd, F_GETFL), one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
			       fcntl(fd, F_SETFD, FD_CLOEXEC) < 0
		       ? -1
		       : 0;
}

/* Waits for a connect in progress; 0, or an errno value, or -1 with `error` filled. */
static int finish_connect(int fd, double deadline, struct am_error *error)
{
	for (;;) {
		struct pollfd p = {fd, POLLOUT, 0};
		int number = 0;
		socklen_t size = sizeof number;

		if (am_cancelled())
			return am_fail(error, "CANCELLED", "cancelled");
		if (am_clock() >= deadline)
			return ETIMEDOUT;
		if (poll(&p, 1, AM_SSH_POLL_MS) <= 0)
			continue;
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &size) != 0)
			return errno;
		return number;
	}
}

/* A connected socket, an errno value as its negative is never returned: -1 and `number`. */
static int try_address(
	const struct addrinfo *address, double deadline, int *number, struct am_error *error)
{
	int fd = socket(address->ai_family, address->ai_socktype, address->ai_protocol);

	*number = 0;
	if (fd < 0 || set_up_socket(fd) != 0)
		*number = errno;
	else if (connect(fd, address->ai_addr, address->ai_addrlen) != 0)
		*number = errno == EINPROGRESS ? finish_connect(fd, deadline, error) : errno;
	if (*number == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static int open_socket(struct am_ssh *ssh, double deadline, struct am_error *error)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *list, *address;
	char service[16];
	int number = 0, rc;

	snprintf(service, sizeof service, "%d", ssh->port);
	rc = getaddrinfo(ssh->host, service, &hints, &list);
	if (rc != 0)
		return am_fail(error, "SSH_CONNECT", "name not resolved: %s",
			am_reason(rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc)));
	for (address = list; address != NULL && ssh->fd < 0 && number >= 0;
		address = address->ai_next)
		ssh->fd = try_address(address, deadline, &number, error);
	freeaddrinfo(list);
	if (ssh->fd >= 0)
		return 0;
	if (number == -1)
		return -1;
	if (number == ETIMEDOUT)
		return am_fail(error, "SSH_TIMEOUT", "no answer within %g s", ssh->timeout);
	return am_fail(error, "SSH_CONNECT", "%s%s", strerror(number),
		number == ECONNREFUSED ? " (is sshd running there, on this port?)" : "");
}

/* The connection from the host in between, whose session is made, or made again, if need be. */
static int open_carrier(struct am_ssh *ssh, double deadline, struct am_error *error)
{
	for (int i = 0; ssh->carrier == NULL && i < 2; i++) {
		if (i > 0 && (am_ssh_connected(ssh->jump) || am_cancelled()))
			break;
		if (!am_ssh_connected(ssh->jump) && am_ssh_reconnect(ssh->jump, error) != 0)
			break;
		ssh->carrier = am_ssh_forward(ssh->jump, ssh->host, ssh->port, deadline, error);
		if (ssh->carrier == NULL)
			am_error_prefix(error, "by %s@%s:%d", ssh->jump->user, ssh->jump->host,
				ssh->jump->port);
	}
	return ssh->carrier != NULL ? 0 : -1;
}

/* --- memory of the library ------------------------------------------------------------------- */

/*
 * What libssh2 allocates holds keys and what they protect: it is cleared when it is given back. It
 * keeps whatever it does not know, and what comes for channels that nobody reads at the moment;
 * each of these has a window of 2 MiB. A host that sends more means harm. And it is given out
 * cleared: the name of a signal that is longer than its packet is not written at all, and read as a
 * text.
 */
enum { MEMORY_MAX = 16 << 20, MEMORY_CHANNEL = 4 << 20 };

static int has_memory(struct am_ssh *ssh, size_t size)
{
	size_t most = MEMORY_MAX;

	for (const struct am_ssh_channel *c = ssh->channels; c != NULL; c = c->next)
		most += MEMORY_CHANNEL;
	if (ssh->memory < most && size < most - ssh->memory)
		return 1;
	ssh->flooded = 1;
	return 0;
}

union block {
	size_t size;
	max_align_t align;
};

static void *block_alloc(size_t size, void **abstract)
{
	struct am_ssh *ssh = *abstract;
	union block *block;

	if (size > SIZE_MAX - sizeof *block || !has_memory(ssh, sizeof *block + size) ||
		(block = calloc(1, sizeof *block + size)) == NULL)
		return NULL;
	block->size = size;
	ssh->memory += sizeof *block + size;
	return block + 1;
}

static void block_free(void *data, void **abstract)
{
	struct am_ssh *ssh = *abstract;
	union block *block = data;

	if (data == NULL)
		return;
	block--;
	ssh->memory -= sizeof *block + block->size;
	am_os_clear(data, block->size);
	free(block);
}

static void *block_realloc(void *data, size_t size, void **abstract)
{
	void *copy = block_alloc(size, abstract);
	size_t before;

	if (copy == NULL || data == NULL)
		return copy;
	before = ((union block *)data - 1)->size;
	memcpy(copy, data, before < size ? before : size);
	block_free(data, abstract);
	return copy;
}

/* --- bytes of the other side ------------------------------------------------------------------ */

enum { TAKEN_MAX = 256 << 10 };

/*
 * libssh2 goes on reading while something comes, which some servers never stop with: lines before
 * their version, packets that say nothing. After so much it is told that nothing is there now, so
 * that every request comes back to am_ssh_wait, which looks at its deadline and the cancel flag.
 */
static ssize_t receive(int fd, void *data, size_t size, int flags, void **abstract)
{
	struct am_ssh *ssh = *abstract;
	ssize_t n;

	if (ssh->taken >= TAKEN_MAX) {
		ssh->taken = 0;
		return -EAGAIN;
	}
	if (ssh->jump != NULL) {
		n = ssh->carrier != NULL
			    ? ssh->carrier->ops->receive(ssh->carrier, data, size, NULL)
			    : -1;
		if (n <= 0)
			return n == 0 ? -EAGAIN : -ECONNRESET;
	} else {
		n = recv(fd, data, size, flags);
		if (n < 0)
			return errno == EINTR || errno == EWOULDBLOCK ? -EAGAIN : -errno;
	}
	ssh->taken += (size_t)n;
	return n;
}

/* By the host in between. */
static ssize_t send_by(int fd, const void *data, size_t size, int flags, void **abstract)
{
	struct am_ssh *ssh = *abstract;
	struct iovec part = {(void *)data, size};
	ssize_t n =
		ssh->carrier != NULL ? ssh->carrier->ops->send(ssh->carrier, &part, 1, NULL) : -1;

	(void)fd;
	(void)flags;
	if (n <= 0)
		return n == 0 ? -EAGAIN : -ECONNRESET;
	return n;
}

static void set_callbacks(struct am_ssh *ssh)
{
#if LIBSSH2_VERSION_NUM >= 0x010b01
	libssh2_session_callback_set2(
		ssh->session, LIBSSH2_CALLBACK_RECV, (libssh2_cb_generic *)receive);
	if (ssh->jump != NULL)
		libssh2_session_callback_set2(
			ssh->session, LIBSSH2_CALLBACK_SEND, (libssh2_cb_generic *)send_by);
#else
	union {
		ssize_t (*receive)(int, void *, size_t, int, void **);
		ssize_t (*send)(int, const void *, size_t, int, void **);
		void *pointer;
	} callback = {receive};

	libssh2_session_callback_set(ssh->session, LIBSSH2_CALLBACK_RECV, callback.pointer);
	callback.send = send_by;
	if (ssh->jump != NULL)
		libssh2_session_callback_set(ssh->session, LIBSSH2_CALLBACK_SEND, callback.pointer);
#endif
}

/* --- sessions -------------------------------------------------------------------------------- */

static int keep_probe(void *context, enum am_ssh_source source, const char *data, size_t length,
	struct am_error *error)
{
	struct am_buf *out = context;

	if (source == AM_SSH_STDERR || out->length > AM_SSH_SHOWN)
		return 0; /* more is not needed to see that it is too much */
	return am_buf_add(out, data, length, error);
}

/* Bytes that a terminal, a careless filter or a shell would change. */
static const char probe_input[] = "altmig \\n $HOME `id` ~ \r\n\t\004\021\177\200\377\0 end";

/* A word that some shells take apart, on the line and as an argument of the script. */
#define PROBE_WORD "a \"b\" $HOME `id` * ~ {c,d} #=%^&|;<>()[]?"

/* What is read behind the script must be the input, and nothing of it may be missing. */
static const char probe_script[] = "[ \"$ALTMIG_PROBE\" = \"$1\" ] || exit 38\ncat\nexit 37";

enum { PROBE_LENGTH = sizeof probe_input - 1, PROBE_STATUS = 37, PROBE_WORD_STATUS = 38 };

static int judge_probe(struct am_ssh *ssh, const struct am_buf *out,
	const struct am_ssh_status *status, struct am_error *error)
{
	const char *data = out->length > 0 ? out->data : "";

	if (status->status == PROBE_WORD_STATUS && out->length == 0)
		return am_fail(error, "SSH_SHELL",
			"the shell there changes words in single quotes; is the shell of user %s "
			"csh, ksh or bash? Try: ssh %s@%s 'echo $0'",
			ssh->user, ssh->user, ssh->host);
	if (out->length > PROBE_LENGTH && memcmp(data, probe_input, PROBE_LENGTH) == 0)
		return am_ssh_fail_shell(ssh,
			"the shell there prints after the output of a command", data + PROBE_LENGTH,
			out->length - PROBE_LENGTH, error);
	if (out->length != PROBE_LENGTH || memcmp(data, probe_input, PROBE_LENGTH) != 0)
		return am_ssh_fail_shell(ssh,
			"the shell there changes what a command reads or prints, or takes of its "
			"input; a probe came back as",
			data, out->length, error);
	if (status->status == PROBE_STATUS)
		return 0;
	return am_fail(error, "SSH_SHELL",
		"the shell there reports %s%d for a command that ended with status %d: no answer "
		"of this host can be trusted. Is there a forced command (sshd_config, "
		"authorized_keys) or another program in the place of the shell of user %s?",
		status->signal[0] != '\0' ? "a signal, not a status, " : "status ", status->status,
		PROBE_STATUS, ssh->user);
}

/* A script whose output and status are known, with words and data as every command may have them.
 */
static int probe_shell(struct am_ssh *ssh, double deadline, struct am_error *error)
{
	const char *const argv[] = {PROBE_WORD, NULL};
	const char *const env[] = {"ALTMIG_PROBE=" PROBE_WORD, NULL};
	double left = deadline - am_clock();
	struct am_buf out = {0};
	struct am_ssh_status status;
	struct am_ssh_run run = {
		.exec = {.argv = argv, .script = probe_script, .options = {.env = env}},
		.label = "probe of the shell",
		.input = probe_input,
		.input_length = PROBE_LENGTH,
		.timeout = left > 0.01 ? left : 0.01,
		.ready = left / 2,
		.output = keep_probe,
		.context = &out};
	int result;

	ssh->reconnect = NULL;
	result = am_ssh_run(ssh, &run, &status, error);
	ssh->reconnect = am_ssh_reconnect;
	if (result == 0)
		result = judge_probe(ssh, &out, &status, error);
	else if (error != NULL && strcmp(error->code, "SSH_TIMEOUT") == 0)
		am_fail(error, "SSH_TIMEOUT",
			"logged in, but the shell of user %s there runs no command within %g s; "
			"does its start-up wait for something? Try: ssh %s@%s true",
			ssh->user, ssh->timeout, ssh->user, ssh->host);
	am_buf_free(&out);
	return result;
}

/*
 * sshd turns Nagle's algorithm off for a connection when a command is run on it, and only then:
 * what is forwarded would wait for the other side's delayed acknowledgements, 40 to 200 ms at each
 * pause. Where no command can be run (a host to jump by often lets nobody) it has to be as it is.
 */
static int make_prompt(struct am_ssh *ssh, double deadline, struct am_error *error)
{
	static const char *const argv[] = {"true", NULL};
	double left = deadline - am_clock();
	struct am_ssh_run run = {.exec = {.argv = argv}, .timeout = left < 5 ? left : 5};
	struct am_ssh_status status;
	int result;

	if (!(left > 0.01))
		run.timeout = 0.01;
	ssh->reconnect = NULL;
	result = am_ssh_run(ssh, &run, &status, error);
	ssh->reconnect = am_ssh_reconnect;
	return result == 0 || (ssh->session != NULL && !am_cancelled()) ? 0 : -1;
}

static int make_connection(struct am_ssh *ssh, struct am_error *error)
{
	double deadline = am_clock() + ssh->timeout;

	am_ssh_heard(ssh);
	if ((ssh->jump != NULL ? open_carrier(ssh, deadline, error)
			       : open_socket(ssh, deadline, error)) != 0)
		return -1;
	ssh->flooded = 0;
	am_ssh_heard(ssh);
	ssh->session = libssh2_session_init_ex(block_alloc, block_free, block_realloc, ssh);
	if (ssh->session == NULL)
		return am_fail_errno(error, ENOMEM, "session");
	set_callbacks(ssh);
	libssh2_session_set_blocking(ssh->session, 0);
	if (am_ssh_handshake(ssh, deadline, error) != 0 ||
		am_ssh_authenticate(ssh, deadline, error) != 0)
		return -1;
	libssh2_keepalive_config(ssh->session, 1, 1); /* when to ask is decided here */
	return ssh->no_commands ? make_prompt(ssh, deadline, error)
				: probe_shell(ssh, deadline, error);
}

int am_ssh_reconnect(struct am_ssh *ssh, struct am_error *error)
{
	am_ssh_drop(ssh);
	if (am_check_cancel("connect", error) == 0 && make_connection(ssh, error) == 0)
		return 0;
	am_ssh_drop(ssh);
	am_error_prefix(error, "connect: %s@%s:%d", ssh->user, ssh->host, ssh->port);
	return -1;
}

/* "~/x" in the user's home; NULL without memory. */
static char *expand(const char *path)
{
	const char *home = strncmp(path, "~/", 2) == 0 ? getenv("HOME") : NULL;
	struct am_buf text = {0};

	if (home == NULL)
		return strdup(path);
	return am_buf_addf(&text, NULL, "%s%s", home, path + 1) == 0 ? text.data : NULL;
}

static int copy_options(struct am_ssh *ssh, const struct am_ssh_options *o)
{
	ssh->host = strdup(o->host);
	ssh->user = strdup(o->user != NULL ? o->user : "root");
	ssh->known_hosts = expand(o->known_hosts != NULL ? o->known_hosts : "~/.ssh/known_hosts");
	ssh->identity = o->identity != NULL ? expand(o->identity) : NULL;
	ssh->passphrase = o->passphrase != NULL ? strdup(o->passphrase) : NULL;
	ssh->path = o->path != NULL ? strdup(o->path) : NULL;
	ssh->port = o->port != 0 ? o->port : 22;
	ssh->timeout = o->timeout > 0 ? o->timeout : 30;
	ssh->keepalive = o->keepalive > 0 ? o->keepalive : 30;
	ssh->no_commands = o->no_commands;
	return ssh->host == NULL || ssh->user == NULL || ssh->known_hosts == NULL ||
			       (o->identity != NULL && ssh->identity == NULL) ||
			       (o->path != NULL && ssh->path == NULL) ||
			       (o->passphrase != NULL && ssh->passphrase == NULL)
		       ? -1
		       : 0;
}

static struct am_ssh *new_session(const struct am_ssh_options *options, struct am_error *error)
{
	struct am_ssh *ssh = calloc(1, sizeof *ssh);

	if (ssh == NULL) {
		am_fail_errno(error, ENOMEM, "connect: %s", options->host);
		return NULL;
	}
	ssh->fd = -1;
	ssh->recording = options->record;
	ssh->reconnect = am_ssh_reconnect;
	if (copy_options(ssh, options) == 0)
		return ssh;
	am_fail_errno(error, ENOMEM, "connect: %s", options->host);
	am_ssh_close(ssh);
	return NULL;
}

struct am_ssh *am_ssh_new(const struct am_ssh_options *options, struct am_error *error)
{
	struct am_ssh *ssh = new_session(options, error);
	struct am_ssh_options jump;

	if (ssh == NULL || options->jump == NULL)
		return ssh;
	jump = *options->jump;
	jump.record = 0;
	jump.no_commands = 1;
	ssh->jump = new_session(&jump, error);
	if (ssh->jump != NULL)
		return ssh;
	am_ssh_close(ssh);
	return NULL;
}

struct am_ssh *am_ssh_connect(const struct am_ssh_options *options, struct am_error *error)
{
	struct am_ssh *ssh = am_ssh_new(options, error);

	if (ssh == NULL || am_ssh_reconnect(ssh, error) == 0)
		return ssh;
	am_ssh_close(ssh);
	return NULL;
}

void am_ssh_record_commands(struct am_ssh *ssh, int on)
{
	ssh->recording = on;
}

struct am_record *am_ssh_take_record(struct am_ssh *ssh)
{
	struct am_record *record = ssh->first;

	if (record == NULL)
		return NULL;
	ssh->first = record->next;
	if (ssh->first == NULL)
		ssh->last = NULL;
	record->next = NULL;
	return record;
}

void am_ssh_end_records(struct am_ssh *ssh)
{
	for (struct am_ssh_channel *c = ssh->channels; c != NULL; c = c->next)
		am_ssh_queue_record(ssh, c);
}

static void say_goodbye(struct am_ssh *ssh)
{
	/* One try: the packet fits into an idle socket, and nobody waits for an answer. */
	if (ssh->session != NULL && am_ssh_descriptor(ssh) >= 0)
		libssh2_session_disconnect(ssh->session, "done");
}

void am_ssh_close(struct am_ssh *ssh)
{
	if (ssh == NULL)
		return;
	say_goodbye(ssh);
	am_ssh_drop(ssh);
	am_ssh_end_records(ssh);
	am_ssh_close(ssh->jump);
	for (struct am_ssh_channel *c = ssh->channels; c != NULL; c = c->next)
		c->ssh = NULL;
	for (struct am_record *r; (r = am_ssh_take_record(ssh)) != NULL;)
		am_record_free(r);
	if (ssh->passphrase != NULL)
		am_os_clear(ssh->passphrase, strlen(ssh->passphrase));
	free(ssh->passphrase);
	free(ssh->host);
	free(ssh->user);
	free(ssh->identity);
	free(ssh->known_hosts);
	free(ssh->path);
	free(ssh);
}

static int bad_target(const char *text, const char *why, struct am_error *error)
{
	return am_fail(error, "EINVAL", "'%.100s' is not user@host:port: %s", text, why);
}

/* Names go into messages and over the wire, never into a command. */
static int take_name(const char *text, const char *from, size_t length, char *name,
	const char *what, struct am_error *error)
{
	if (length == 0 || length >= AM_SSH_NAME_MAX)
		return bad_target(text, what, error);
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)from[i] <= ' ' || from[i] == 127 || from[i] == '@' ||
			from[i] == '[' || from[i] == ']')
			return bad_target(text, what, error);
	}
	memcpy(name, from, length);
	name[length] = '\0';
	return 0;
}

int am_ssh_parse_target(const char *text, struct am_ssh_target *target, struct am_error *error)
{
	const char *at = strchr(text, '@'), *host = at != NULL ? at + 1 : text, *end;
	size_t length;
	char *rest;
	long port;

	*target = (struct am_ssh_target){.port = 0};
	if (at != NULL && take_name(text, text, (size_t)(at - text), target->user,
				  "a bad name of a user", error) != 0)
		return -1;
	if (host[0] == '[') {
		host++;
		length = strcspn(host, "]");
		end = host + length + (host[length] == ']');
		if (end == host + length)
			return bad_target(text, "']' is missing", error);
	} else {
		length = strcspn(host, ":");
		end = host + length;
	}
	if (take_name(text, host, length, target->host, "a bad name of a host", error) != 0)
		return -1;
	if (*end == '\0')
		return 0;
	errno = 0;
	port = *end == ':' && end[1] >= '0' && end[1] <= '9' ? strtol(end + 1, &rest, 10) : 0;
	if (port < 1 || port > 65535 || *rest != '\0')
		return bad_target(text, "a port is 1 to 65535", error);
	target->port = (int)port;
	return 0;
}

const char *am_ssh_host(const struct am_ssh *ssh)
{
	return ssh->host;
}

const char *am_ssh_path(const struct am_ssh *ssh)
{
	return ssh->path;
}

const char *am_ssh_user(const struct am_ssh *ssh)
{
	return ssh->user;
}

int am_ssh_port(const struct am_ssh *ssh)
{
	return ssh->port;
}

int am_ssh_connected(const struct am_ssh *ssh)
{
	return ssh->session != NULL;
}

void am_ssh_methods(const struct am_ssh *ssh, struct am_ssh_methods *methods)
{
	*methods = (struct am_ssh_methods){0};
	if (ssh->session == NULL)
		return;
	methods->banner = libssh2_session_banner_get(ssh->session);
	methods->kex = libssh2_session_methods(ssh->session, LIBSSH2_METHOD_KEX);
	methods->host_key = libssh2_session_methods(ssh->session, LIBSSH2_METHOD_HOSTKEY);
	methods->cipher_out = libssh2_session_methods(ssh->session, LIBSSH2_METHOD_CRYPT_CS);
	methods->cipher_in = libssh2_session_methods(ssh->session, LIBSSH2_METHOD_CRYPT_SC);
	methods->mac_out = libssh2_session_methods(ssh->session, LIBSSH2_METHOD_MAC_CS);
	methods->mac_in = libssh2_session_methods(ssh->session, LIBSSH2_METHOD_MAC_SC);
}

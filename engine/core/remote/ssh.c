/* SPDX-License-Identifier: MIT */
/*
 * The only file that knows libssh2. The session is non-blocking; every call that answers EAGAIN is
 * repeated after session_wait, the one place that polls.
 *
 * libssh2 cannot take another call while a packet of the last one is half sent. Whoever gets EAGAIN
 * with the outbound direction set therefore repeats the same call until that is over, and a call
 * given up in such a state drops the connection: streams and runs can then be interleaved freely.
 */
#include "remote/ssh.h"

#include <errno.h>
#include <fcntl.h>
#include <libssh2.h>
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

#include "base/base64.h"
#include "base/buf.h"
#include "base/cancel.h"
#include "base/escape.h"
#include "remote/quote.h"
#include "remote/known_hosts.h"
#include "base/os.h"
#include "base/clock.h"
#include "remote/ssh_key.h"

enum { POLL_SLICE_MS = 200, UNANSWERED_MAX = 4, CHUNK = 32768, STDERR_KEPT = 65536 };
enum { FEED = 262144, FEEDS = 8 }; /* input held; packets of it sent before output is looked at */
enum { COMMAND_MAX = 120000 };     /* what a shell takes as one argument on every system */

/*
 * The first line of every command's output. Commands of all login shells are words and semicolons,
 * csh included.
 */
#define MARK       "altmig-begin\n"
#define MARK_WORDS "echo altmig-begin; "

enum { MARK_LENGTH = sizeof MARK - 1, SHOWN = 200 /* of bytes that should not be there */ };

#define CLOSE_GRACE 0.3 /* seconds to wait for the host to confirm the end of a channel */

struct channel {
	LIBSSH2_CHANNEL *handle; /* NULL once the connection it belonged to is gone */
	struct am_ssh *ssh;      /* NULL once the session is closed */
	struct channel *next;
	size_t marked; /* bytes of MARK that have come */
};

struct am_ssh {
	char *host;
	char *user;
	char *identity;
	char *passphrase;
	char *known_hosts;
	int port;
	double timeout;
	double keepalive;
	int fd;
	LIBSSH2_SESSION *session;
	struct channel *channels;
	double asked;   /* when the other side last gave, or was asked for, a sign of life */
	int unanswered; /* how often it was asked since */
	int closing;    /* tidying up: the cancel flag does not count */
	int probing;    /* the connection is not made yet: losing it makes no new one */
};

/* --- waiting --------------------------------------------------------------------------------- */

static int half_sent(const struct am_ssh *ssh)
{
	return (libssh2_session_block_directions(ssh->session) & LIBSSH2_SESSION_BLOCK_OUTBOUND) !=
	       0;
}

/* The other side gave a sign of life, or it was not listened to: counting starts anew. */
static void begin(struct am_ssh *ssh)
{
	ssh->asked = am_clock();
	ssh->unanswered = 0;
}

/*
 * Asks for a sign of life, or gives up when that was in vain too often. A packet is sent only when
 * it is sure to leave whole: see the top of the file.
 */
static int ask_alive(struct am_ssh *ssh, struct am_error *error)
{
	struct pollfd writable = {ssh->fd, POLLOUT, 0};
	int next;

	if (ssh->unanswered == UNANSWERED_MAX)
		return am_fail(error, "SSH_LOST", "connection lost: no sign of life for %g s",
			ssh->keepalive * (UNANSWERED_MAX + 1));
	ssh->unanswered++;
	ssh->asked = am_clock();
	if (!half_sent(ssh) && poll(&writable, 1, 0) == 1 && (writable.revents & POLLOUT) != 0)
		libssh2_keepalive_send(ssh->session, &next);
	return 0;
}

/* Waits until the call that answered EAGAIN is worth repeating. `deadline` 0: none. */
static int session_wait(struct am_ssh *ssh, double deadline, struct am_error *error)
{
	for (;;) {
		struct pollfd p = {ssh->fd, POLLIN, 0};
		double time = am_clock();
		int slice = POLL_SLICE_MS;

		if (!ssh->closing && am_cancelled())
			return am_fail(error, "CANCELLED", "cancelled");
		if (deadline != 0 && time >= deadline)
			return am_fail(error, "SSH_TIMEOUT", "timed out");
		if (time - ssh->asked > ssh->keepalive && ask_alive(ssh, error) != 0)
			return -1;
		if (deadline != 0 && deadline - time < slice / 1000.0)
			slice = (int)((deadline - time) * 1000) + 1;
		if (half_sent(ssh))
			p.events |= POLLOUT;
		if (poll(&p, 1, slice) > 0) {
			begin(ssh);
			return 0;
		}
	}
}

static double deadline_after(double seconds)
{
	return seconds > 0 ? am_clock() + seconds : 0;
}

/* --- the connection -------------------------------------------------------------------------- */

/* Drops the connection at once. Streams that used it find their handle gone. */
static void drop(struct am_ssh *ssh)
{
	for (struct channel *c = ssh->channels; c != NULL; c = c->next)
		c->handle = NULL;
	if (ssh->fd >= 0)
		shutdown(ssh->fd, SHUT_RDWR); /* nothing below can wait for the peer any more */
	if (ssh->session != NULL) {
		for (int i = 0; i < 100; i++) {
			if (libssh2_session_free(ssh->session) != LIBSSH2_ERROR_EAGAIN)
				break;
		}
		ssh->session = NULL;
	}
	if (ssh->fd >= 0)
		close(ssh->fd);
	ssh->fd = -1;
}

static const char *last_error(const struct am_ssh *ssh)
{
	char *text = NULL;

	libssh2_session_last_error(ssh->session, &text, NULL, 0);
	return am_reason(text);
}

/* A libssh2 error after which the connection cannot be used. */
static int lost(struct am_ssh *ssh, int rc, struct am_error *error)
{
	am_fail(error, "SSH_LOST", "connection lost: %s (%d)", last_error(ssh), rc);
	drop(ssh);
	return -1;
}

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
		if (poll(&p, 1, POLL_SLICE_MS) <= 0)
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

/* --- host keys ------------------------------------------------------------------------------- */

static int rsa_needs_newer(void)
{
	return libssh2_version(0x010b00) == NULL;
}

static int list_has(const char *list, const char *word)
{
	size_t length = strlen(word);

	while (*list != '\0') {
		size_t part = strcspn(list, ",");

		if (part == length && memcmp(list, word, length) == 0)
			return 1;
		list += part + (list[part] == ',');
	}
	return 0;
}

static int add_method(struct am_buf *list, const char *method, struct am_error *error)
{
	if (list->length > 0 && am_buf_addstr(list, ",", error) != 0)
		return -1;
	return am_buf_addstr(list, method, error);
}

/*
 * Asks for the key types known_hosts has before all others: otherwise the server sends the type it
 * likes best, and a well-known host would look like a changed one.
 */
static int prefer_known(struct am_ssh *ssh, const char *types, struct am_error *error)
{
	const char **algorithms = NULL;
	struct am_buf list = {0};
	int count, result = 0;

	count = libssh2_session_supported_algs(ssh->session, LIBSSH2_METHOD_HOSTKEY, &algorithms);
	for (int known = 1; known >= 0; known--) {
		for (int i = 0; i < count && result == 0; i++) {
			const char *type = algorithms[i];

			if (strncmp(type, "rsa-sha2-", 9) == 0)
				type = "ssh-rsa";
			if (list_has(types, type) == known)
				result = add_method(&list, algorithms[i], error);
		}
	}
	if (count > 0)
		libssh2_free(ssh->session, (void *)algorithms);
	if (result == 0 && list.length > 0)
		libssh2_session_method_pref(ssh->session, LIBSSH2_METHOD_HOSTKEY, list.data);
	am_buf_free(&list);
	return result;
}

struct host_key {
	char type[64];
	char fingerprint[64];
	char name[300]; /* of the host, as known_hosts and ssh-keygen write it */
};

static void describe_key(struct am_ssh *ssh, const char *blob, size_t length, struct host_key *key)
{
	const char *hash = libssh2_hostkey_hash(ssh->session, LIBSSH2_HOSTKEY_HASH_SHA256);
	char text[AM_BASE64_SIZE(32)] = "?";

	am_ssh_blob_type((const unsigned char *)blob, length, key->type);
	if (hash != NULL)
		am_base64_encode((const unsigned char *)hash, 32, text);
	snprintf(key->fingerprint, sizeof key->fingerprint, "SHA256:%s", text);
	if (ssh->port == 22)
		snprintf(key->name, sizeof key->name, "%s", ssh->host);
	else
		snprintf(key->name, sizeof key->name, "[%s]:%d", ssh->host, ssh->port);
}

/* "ssh-ed25519" -> "ed25519", as ssh-keyscan -t takes it. */
static const char *short_type(const char *type)
{
	if (strncmp(type, "ecdsa", 5) == 0)
		return "ecdsa";
	return strncmp(type, "ssh-", 4) == 0 ? type + 4 : type;
}

static int unknown_key(
	struct am_ssh *ssh, const struct host_key *key, const char *why, struct am_error *error)
{
	return am_fail(error, "SSH_HOSTKEY_UNKNOWN",
		"host key %s %s of %s is not known%s; compare it with the console of the host, "
		"then: "
		"ssh-keyscan -p %d -t %s %s >> %s",
		key->type, key->fingerprint, key->name, why, ssh->port, short_type(key->type),
		ssh->host, ssh->known_hosts);
}

static int changed_key(struct am_ssh *ssh, const struct host_key *key, const char *types, int line,
	struct am_error *error)
{
	if (rsa_needs_newer() && strcmp(types, "ssh-rsa") == 0)
		return unknown_key(ssh, key,
			" (only its RSA key is, which needs libssh2 1.11 or an old server)", error);
	return am_fail(error, "SSH_HOSTKEY_CHANGED",
		"host key CHANGED: %s now shows %s %s, known by another key (%s:%d); somebody may "
		"be "
		"in between. If the host was installed anew: ssh-keygen -R '%s' -f %s; "
		"ssh-keyscan -p %d -t %s %s >> %s",
		key->name, key->type, key->fingerprint, ssh->known_hosts, line, key->name,
		ssh->known_hosts, ssh->port, short_type(key->type), ssh->host, ssh->known_hosts);
}

static int check_host_key(
	struct am_ssh *ssh, const struct am_buf *known, const char *types, struct am_error *error)
{
	struct host_key key;
	size_t length;
	int kind, line;
	const char *blob = libssh2_session_hostkey(ssh->session, &length, &kind);

	if (blob == NULL)
		return am_fail(error, "SSH_CONNECT", "the host showed no key");
	describe_key(ssh, blob, length, &key);
	switch (am_known_check(
		known, ssh->host, ssh->port, (const unsigned char *)blob, length, &line)) {
	case AM_KNOWN_MATCH:
		return 0;
	case AM_KNOWN_NONE:
		return unknown_key(ssh, &key, "", error);
	case AM_KNOWN_REVOKED:
		return am_fail(error, "SSH_HOSTKEY_CHANGED",
			"host key %s %s of %s is revoked (%s:%d)", key.type, key.fingerprint,
			key.name, ssh->known_hosts, line);
	case AM_KNOWN_CHANGED:
		break;
	}
	return changed_key(ssh, &key, types, line, error);
}

static int handshake(struct am_ssh *ssh, double deadline, struct am_error *error)
{
	struct am_buf known = {0}, types = {0};
	int result = -1, rc;

	if (am_known_load(ssh->known_hosts, &known, error) != 0 ||
		am_known_types(&known, ssh->host, ssh->port, &types, error) != 0 ||
		prefer_known(ssh, types.data, error) != 0)
		goto out;
	while ((rc = libssh2_session_handshake(ssh->session, ssh->fd)) == LIBSSH2_ERROR_EAGAIN) {
		if (session_wait(ssh, deadline, error) != 0)
			goto out;
	}
	if (rc != 0)
		am_fail(error, "SSH_CONNECT", "handshake: %s (%d)", last_error(ssh), rc);
	else
		result = check_host_key(ssh, &known, types.data, error);
out:
	am_buf_free(&known);
	am_buf_free(&types);
	return result;
}

/* --- authentication -------------------------------------------------------------------------- */

/* 1: accepted, 0: refused, -1: failed with `error` filled. */
static int auth_result(struct am_ssh *ssh, int rc, const char *path, struct am_error *error)
{
	switch (rc) {
	case 0:
		return 1;
	case LIBSSH2_ERROR_AUTHENTICATION_FAILED:
	case LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED:
		return 0;
	case LIBSSH2_ERROR_SOCKET_RECV:
	case LIBSSH2_ERROR_SOCKET_SEND:
	case LIBSSH2_ERROR_SOCKET_DISCONNECT:
		return am_fail(error, "SSH_LOST", "authentication: %s (%d)", last_error(ssh), rc);
	default:
		return am_fail(error, "SSH_KEY", "key file: %s: %s", path, last_error(ssh));
	}
}

static int auth_key(struct am_ssh *ssh, const char *path, double deadline, struct am_error *error)
{
	struct am_ssh_key_info info;
	int rc;

	if (am_ssh_key_inspect(path, &info, error) != 0)
		return -1;
	if (strcmp(info.type, "ssh-rsa") == 0 && rsa_needs_newer())
		return am_fail(error, "SSH_KEY",
			"key file: %s: RSA needs libssh2 1.11 or another key type (here: %s); "
			"make one with: ssh-keygen -t ed25519",
			path, libssh2_version(0));
	if (info.encrypted && ssh->passphrase == NULL)
		return am_fail(error, "SSH_KEY",
			"key file: %s: encrypted; give the passphrase, or load it: ssh-add %s",
			path, path);
	while ((rc = libssh2_userauth_publickey_fromfile_ex(ssh->session, ssh->user,
			(unsigned int)strlen(ssh->user), NULL, path, ssh->passphrase)) ==
		LIBSSH2_ERROR_EAGAIN) {
		if (session_wait(ssh, deadline, error) != 0)
			return -1;
	}
	if (rc != 0 && info.encrypted && rc != LIBSSH2_ERROR_AUTHENTICATION_FAILED &&
		rc != LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED &&
		libssh2_session_last_errno(ssh->session) == LIBSSH2_ERROR_FILE)
		return am_fail(
			error, "SSH_KEY", "key file: %s: wrong passphrase, or damaged", path);
	return auth_result(ssh, rc, path, error);
}

static int auth_identity(struct am_ssh *ssh, LIBSSH2_AGENT *agent,
	struct libssh2_agent_publickey *key, double deadline, struct am_error *error)
{
	char type[64];
	int rc;

	am_ssh_blob_type(key->blob, key->blob_len, type);
	if (strcmp(type, "ssh-rsa") == 0 && rsa_needs_newer())
		return 0; /* would be refused, and count as a try */
	while ((rc = libssh2_agent_userauth(agent, ssh->user, key)) == LIBSSH2_ERROR_EAGAIN) {
		if (session_wait(ssh, deadline, error) != 0)
			return -1;
	}
	if (rc == LIBSSH2_ERROR_SOCKET_RECV || rc == LIBSSH2_ERROR_SOCKET_SEND ||
		rc == LIBSSH2_ERROR_SOCKET_DISCONNECT)
		return auth_result(ssh, rc, "agent", error);
	return rc == 0;
}

static int auth_agent(
	struct am_ssh *ssh, double deadline, struct am_buf *tried, struct am_error *error)
{
	struct libssh2_agent_publickey *key = NULL, *previous = NULL;
	LIBSSH2_AGENT *agent;
	int result = 0, count = 0;

	if (getenv("SSH_AUTH_SOCK") == NULL)
		return am_buf_addstr(tried, "no agent (SSH_AUTH_SOCK is not set), ", error);
	agent = libssh2_agent_init(ssh->session);
	if (agent == NULL)
		return am_fail_errno(error, ENOMEM, "agent");
	if (libssh2_agent_connect(agent) == 0 && libssh2_agent_list_identities(agent) == 0) {
		while (result == 0 && libssh2_agent_get_identity(agent, &key, previous) == 0) {
			result = auth_identity(ssh, agent, key, deadline, error);
			previous = key;
			count++;
		}
	}
	libssh2_agent_disconnect(agent);
	libssh2_agent_free(agent);
	if (result == 0)
		result = am_buf_addf(tried, error, "%d keys of the agent, ", count);
	return result;
}

static char *join(const char *a, const char *b)
{
	size_t size = strlen(a) + strlen(b) + 1;
	char *text = malloc(size);

	if (text != NULL)
		snprintf(text, size, "%s%s", a, b);
	return text;
}

/* The keys ssh itself would look for. */
static int auth_defaults(
	struct am_ssh *ssh, double deadline, struct am_buf *tried, struct am_error *error)
{
	static const char *const names[] = {"/.ssh/id_ed25519", "/.ssh/id_ecdsa"};
	const char *home = getenv("HOME");
	int result = 0;

	for (size_t i = 0; home != NULL && i < 2 && result == 0; i++) {
		char *path = join(home, names[i]);

		if (path == NULL)
			return am_fail_errno(error, ENOMEM, "authentication");
		if (access(path, F_OK) == 0) {
			result = auth_key(ssh, path, deadline, error);
			if (result == 0)
				result = am_buf_addf(tried, error, "key %s, ", path);
		}
		free(path);
	}
	return result;
}

/* The key file that was named, alone; an encrypted one without passphrase may be in the agent. */
static int auth_named(
	struct am_ssh *ssh, double deadline, struct am_buf *tried, struct am_error *error)
{
	struct am_ssh_key_info info;
	int result;

	if (ssh->passphrase == NULL && getenv("SSH_AUTH_SOCK") != NULL &&
		am_ssh_key_inspect(ssh->identity, &info, error) == 0 && info.encrypted)
		return auth_agent(ssh, deadline, tried, error);
	result = auth_key(ssh, ssh->identity, deadline, error);
	return result != 0 ? result : am_buf_addf(tried, error, "key %s, ", ssh->identity);
}

static int authenticate(struct am_ssh *ssh, double deadline, struct am_error *error)
{
	struct am_buf tried = {0};
	const char *methods;
	int result;

	while ((methods = libssh2_userauth_list(
			ssh->session, ssh->user, (unsigned int)strlen(ssh->user))) == NULL &&
		libssh2_session_last_errno(ssh->session) == LIBSSH2_ERROR_EAGAIN) {
		if (session_wait(ssh, deadline, error) != 0)
			return -1;
	}
	if (methods == NULL && libssh2_userauth_authenticated(ssh->session))
		return 0;
	if (methods == NULL)
		return am_fail(error, "SSH_LOST", "authentication: %s", last_error(ssh));
	if (ssh->identity != NULL) {
		result = auth_named(ssh, deadline, &tried, error);
	} else {
		result = auth_agent(ssh, deadline, &tried, error);
		if (result == 0)
			result = auth_defaults(ssh, deadline, &tried, error);
	}
	if (result == 0)
		am_fail(error, "SSH_AUTH",
			"user %s refused; tried: %shost offers: %s. Add the public key to "
			"~%s/.ssh/authorized_keys there; for root see PermitRootLogin of its "
			"sshd_config",
			ssh->user, tried.length > 0 ? tried.data : "nothing, ", methods, ssh->user);
	am_buf_free(&tried);
	return result == 1 ? 0 : -1;
}

/* --- memory of the library ------------------------------------------------------------------- */

/* What libssh2 allocates holds keys and what they protect: it is cleared when it is given back. */
union block {
	size_t size;
	max_align_t align;
};

static void *block_alloc(size_t size, void **abstract)
{
	union block *block;

	(void)abstract;
	if (size > SIZE_MAX - sizeof *block || (block = malloc(sizeof *block + size)) == NULL)
		return NULL;
	block->size = size;
	return block + 1;
}

static void block_free(void *data, void **abstract)
{
	union block *block = data;

	(void)abstract;
	if (data == NULL)
		return;
	block--;
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

/* --- sessions -------------------------------------------------------------------------------- */

/* What to do about a shell that adds bytes to the output of commands, or takes of their input. */
static int fail_shell(const struct am_ssh *ssh, const char *what, const char *data, size_t length,
	struct am_error *error)
{
	char shown[SHOWN * 4 + 1];

	am_escape_to(shown, sizeof shown, data, length < SHOWN ? length : SHOWN, 0);
	return am_fail(error, "SSH_SHELL",
		"%s: \"%s%s\". Answers of commands there cannot be trusted. Make the start-up of "
		"the shell of user %s silent when there is no terminal (in /etc/environment, "
		"/etc/profile, ~/.profile, ~/.kshrc, ~/.bashrc, ~/.ssh/rc: [ -t 1 ] && ...), and "
		"let no forced command print; then check that 'ssh %s@%s true' prints nothing",
		what, shown, length > SHOWN ? " ..." : "", ssh->user, ssh->user, ssh->host);
}

static int keep_probe(void *context, enum am_ssh_source source, const char *data, size_t length,
	struct am_error *error)
{
	struct am_buf *out = context;

	if (source == AM_SSH_STDERR || out->length > SHOWN)
		return 0; /* more is not needed to see that it is too much */
	return am_buf_add(out, data, length, error);
}

/* Bytes that a terminal, a careless filter or a shell would change. */
static const char probe_input[] = "altmig \\n $HOME `id` ~ \r\n\t\004\021\177\200\377\0 end";

enum { PROBE_LENGTH = sizeof probe_input - 1, PROBE_STATUS = 37 };

static int judge_probe(struct am_ssh *ssh, const struct am_buf *out,
	const struct am_ssh_status *status, struct am_error *error)
{
	const char *data = out->length > 0 ? out->data : "";

	if (out->length > PROBE_LENGTH && memcmp(data, probe_input, PROBE_LENGTH) == 0)
		return fail_shell(ssh, "the shell there prints after the output of a command",
			data + PROBE_LENGTH, out->length - PROBE_LENGTH, error);
	if (out->length != PROBE_LENGTH || memcmp(data, probe_input, PROBE_LENGTH) != 0)
		return fail_shell(ssh,
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

/* A command whose output and status are known. */
static int probe_shell(struct am_ssh *ssh, double deadline, struct am_error *error)
{
	const char *const argv[] = {"sh", "-c", "cat; exit 37", NULL};
	struct am_buf command = {0};
	struct am_buf out = {0};
	struct am_ssh_status status;
	int result = am_exec_command(&command, argv, NULL, error);

	if (result == 0) {
		double left = deadline - am_clock();
		struct am_ssh_run run = {.command = command.data,
			.label = "probe of the shell",
			.input = probe_input,
			.input_length = PROBE_LENGTH,
			.timeout = left > 0.01 ? left : 0.01,
			.output = keep_probe,
			.context = &out};

		ssh->probing = 1;
		result = am_ssh_run(ssh, &run, &status, error);
		ssh->probing = 0;
	}
	if (result == 0)
		result = judge_probe(ssh, &out, &status, error);
	else if (error != NULL && strcmp(error->code, "SSH_TIMEOUT") == 0)
		am_fail(error, "SSH_TIMEOUT",
			"logged in, but the shell of user %s there runs no command within %g s; "
			"does its start-up wait for something? Try: ssh %s@%s true",
			ssh->user, ssh->timeout, ssh->user, ssh->host);
	am_buf_free(&command);
	am_buf_free(&out);
	return result;
}

static int make_connection(struct am_ssh *ssh, struct am_error *error)
{
	double deadline = am_clock() + ssh->timeout;

	begin(ssh);
	if (open_socket(ssh, deadline, error) != 0)
		return -1;
	begin(ssh);
	ssh->session = libssh2_session_init_ex(block_alloc, block_free, block_realloc, NULL);
	if (ssh->session == NULL)
		return am_fail_errno(error, ENOMEM, "session");
	libssh2_session_set_blocking(ssh->session, 0);
	if (handshake(ssh, deadline, error) != 0 || authenticate(ssh, deadline, error) != 0)
		return -1;
	libssh2_keepalive_config(ssh->session, 1, 1); /* when to ask is decided here */
	return probe_shell(ssh, deadline, error);
}

int am_ssh_reconnect(struct am_ssh *ssh, struct am_error *error)
{
	drop(ssh);
	if (am_check_cancel("connect", error) == 0 && make_connection(ssh, error) == 0)
		return 0;
	drop(ssh);
	am_error_prefix(error, "connect: %s@%s:%d", ssh->user, ssh->host, ssh->port);
	return -1;
}

/* "~/x" in the user's home; NULL without memory. */
static char *expand(const char *path)
{
	const char *home = getenv("HOME");

	return strncmp(path, "~/", 2) == 0 && home != NULL ? join(home, path + 1) : join(path, "");
}

static int copy_options(struct am_ssh *ssh, const struct am_ssh_options *o)
{
	ssh->host = join(o->host, "");
	ssh->user = join(o->user != NULL ? o->user : "root", "");
	ssh->known_hosts = expand(o->known_hosts != NULL ? o->known_hosts : "~/.ssh/known_hosts");
	ssh->identity = o->identity != NULL ? expand(o->identity) : NULL;
	ssh->passphrase = o->passphrase != NULL ? join(o->passphrase, "") : NULL;
	ssh->port = o->port != 0 ? o->port : 22;
	ssh->timeout = o->timeout > 0 ? o->timeout : 30;
	ssh->keepalive = o->keepalive > 0 ? o->keepalive : 30;
	return ssh->host == NULL || ssh->user == NULL || ssh->known_hosts == NULL ||
			       (o->identity != NULL && ssh->identity == NULL) ||
			       (o->passphrase != NULL && ssh->passphrase == NULL)
		       ? -1
		       : 0;
}

struct am_ssh *am_ssh_connect(const struct am_ssh_options *options, struct am_error *error)
{
	struct am_ssh *ssh = calloc(1, sizeof *ssh);
	int result;

	if (ssh == NULL) {
		am_fail_errno(error, ENOMEM, "connect: %s", options->host);
		return NULL;
	}
	ssh->fd = -1;
	if (copy_options(ssh, options) != 0)
		result = am_fail_errno(error, ENOMEM, "connect: %s", options->host);
	else
		result = am_ssh_reconnect(ssh, error);
	if (result == 0)
		return ssh;
	am_ssh_close(ssh);
	return NULL;
}

static void say_goodbye(struct am_ssh *ssh)
{
	/* One try: the packet fits into an idle socket, and nobody waits for an answer. */
	if (ssh->session != NULL && ssh->fd >= 0)
		libssh2_session_disconnect(ssh->session, "done");
}

void am_ssh_close(struct am_ssh *ssh)
{
	if (ssh == NULL)
		return;
	say_goodbye(ssh);
	drop(ssh);
	for (struct channel *c = ssh->channels; c != NULL; c = c->next)
		c->ssh = NULL;
	if (ssh->passphrase != NULL)
		am_os_clear(ssh->passphrase, strlen(ssh->passphrase));
	free(ssh->passphrase);
	free(ssh->host);
	free(ssh->user);
	free(ssh->identity);
	free(ssh->known_hosts);
	free(ssh);
}

const char *am_ssh_host(const struct am_ssh *ssh)
{
	return ssh->host;
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

/* --- channels -------------------------------------------------------------------------------- */

static void unlink_channel(struct channel *channel)
{
	struct channel **link = &channel->ssh->channels;

	while (*link != NULL && *link != channel)
		link = &(*link)->next;
	if (*link == channel)
		*link = channel->next;
}

/*
 * Ends the channel. The host confirms that at once if the command has ended. If it has not, the
 * confirmation may come very late; the rest is then left to libssh2, which frees what is left of a
 * channel with its session.
 */
static void channel_close(struct channel *channel)
{
	struct am_ssh *ssh = channel->ssh;
	double deadline = am_clock() + CLOSE_GRACE;

	if (ssh == NULL)
		return;
	unlink_channel(channel);
	channel->ssh = NULL;
	if (channel->handle == NULL)
		return;
	ssh->closing = 1;
	begin(ssh);
	while (libssh2_channel_free(channel->handle) == LIBSSH2_ERROR_EAGAIN) {
		int half = half_sent(ssh);

		if (session_wait(ssh, deadline, NULL) == 0)
			continue;
		if (half)
			drop(ssh);
		break;
	}
	ssh->closing = 0;
	channel->handle = NULL;
}

static int open_handle(
	struct am_ssh *ssh, struct channel *channel, double deadline, struct am_error *error)
{
	int rc;

	begin(ssh);
	while ((channel->handle = libssh2_channel_open_session(ssh->session)) == NULL) {
		rc = libssh2_session_last_errno(ssh->session);
		if (rc == LIBSSH2_ERROR_EAGAIN && session_wait(ssh, deadline, error) == 0)
			continue;
		if (rc == LIBSSH2_ERROR_EAGAIN)
			drop(ssh); /* half open: the session's state is of no use any more */
		else if (rc == LIBSSH2_ERROR_CHANNEL_FAILURE)
			am_fail(error, "SSH_CHANNEL",
				"the host refuses another session (MaxSessions of its "
				"sshd_config)");
		else
			lost(ssh, rc, error);
		return -1;
	}
	return 0;
}

/* Connects anew, unless this is the connecting. */
static int renew(struct am_ssh *ssh, struct am_error *error)
{
	return ssh->probing ? -1 : am_ssh_reconnect(ssh, error);
}

static int send_command(
	struct channel *channel, const char *command, double deadline, struct am_error *error)
{
	struct am_ssh *ssh = channel->ssh;
	struct am_buf line = {0};
	int rc;

	if (am_buf_addf(&line, error, "%s%s", MARK_WORDS, command) != 0)
		return -1;
	while ((rc = libssh2_channel_exec(channel->handle, line.data)) == LIBSSH2_ERROR_EAGAIN) {
		if (session_wait(ssh, deadline, error) != 0) {
			drop(ssh);
			break;
		}
	}
	am_buf_free(&line);
	if (rc == LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED)
		am_fail(error, "SSH_CHANNEL", "the host refuses to run commands");
	else if (rc != 0 && rc != LIBSSH2_ERROR_EAGAIN)
		lost(ssh, rc, error);
	return rc == 0 ? 0 : -1;
}

/*
 * Opens a channel and starts the command. A connection that died while nobody used it is noticed
 * here, before anything was sent, so it is safe to connect anew.
 */
static int channel_start(struct am_ssh *ssh, struct channel *channel, const char *command,
	double deadline, struct am_error *error)
{
	*channel = (struct channel){.ssh = ssh, .next = ssh->channels};
	if (strlen(command) > COMMAND_MAX)
		return am_fail(error, "E2BIG",
			"command line of %zu bytes; pass data by standard input", strlen(command));
	if (ssh->session == NULL && renew(ssh, error) != 0)
		return -1;
	if (open_handle(ssh, channel, deadline, error) != 0 &&
		(ssh->session != NULL || am_cancelled() ||
			(deadline != 0 && am_clock() >= deadline) || renew(ssh, error) != 0 ||
			open_handle(ssh, channel, deadline, error) != 0))
		return -1;
	ssh->channels = channel;
	if (send_command(channel, command, deadline, error) == 0)
		return 0;
	channel_close(channel);
	return -1;
}

static int gone(struct channel *channel, struct am_error *error)
{
	if (channel->ssh != NULL && channel->handle != NULL)
		return 0;
	return am_fail(error, "SSH_LOST", "connection lost: %s",
		channel->ssh == NULL ? "the session is closed" : "the session was connected anew");
}

/* Repeats a half-sent call: waits, or drops the connection. 1: call again, 0: nothing half sent. */
static int again(struct am_ssh *ssh, ssize_t rc, double deadline, struct am_error *error)
{
	if (rc != LIBSSH2_ERROR_EAGAIN || !half_sent(ssh))
		return 0;
	if (session_wait(ssh, deadline, error) == 0)
		return 1;
	drop(ssh);
	return -1;
}

/* Bytes read, 0 when there is nothing now, -1 on failure. */
static ssize_t read_bytes(struct channel *channel, enum am_ssh_source source, char *data,
	size_t size, double deadline, struct am_error *error)
{
	struct am_ssh *ssh = channel->ssh;
	ssize_t n;
	int repeat;

	do {
		n = libssh2_channel_read_ex(channel->handle,
			source == AM_SSH_STDERR ? SSH_EXTENDED_DATA_STDERR : 0, data, size);
		repeat = again(ssh, n, deadline, error);
	} while (repeat == 1);
	if (repeat < 0)
		return -1;
	if (n < 0 && n != LIBSSH2_ERROR_EAGAIN)
		return lost(ssh, (int)n, error);
	return n < 0 ? 0 : n;
}

/* The same without the mark before the output, which must be there. */
static ssize_t channel_read(struct channel *channel, enum am_ssh_source source, char *data,
	size_t size, double deadline, struct am_error *error)
{
	for (;;) {
		ssize_t n = read_bytes(channel, source, data, size, deadline, error);
		size_t take = MARK_LENGTH - channel->marked;
		char seen[MARK_LENGTH + SHOWN];

		if (n <= 0 || source == AM_SSH_STDERR || take == 0)
			return n;
		if (take > (size_t)n)
			take = (size_t)n;
		if (memcmp(data, &MARK[channel->marked], take) != 0) {
			size_t more = (size_t)n < SHOWN ? (size_t)n : SHOWN;

			memcpy(seen, MARK, channel->marked);
			memcpy(seen + channel->marked, data, more);
			return fail_shell(channel->ssh,
				"the shell there prints before the output of a command", seen,
				channel->marked + more, error);
		}
		channel->marked += take;
		if ((size_t)n > take) {
			memmove(data, data + take, (size_t)n - take);
			return n - (ssize_t)take;
		}
	}
}

/* Bytes written, 0 when the window is full, -1 on failure, `size` when nobody wants them. */
static ssize_t channel_write(struct channel *channel, const char *data, size_t size,
	double deadline, struct am_error *error)
{
	struct am_ssh *ssh = channel->ssh;
	ssize_t n;
	int repeat;

	do {
		n = libssh2_channel_write(channel->handle, data, size);
		repeat = again(ssh, n, deadline, error);
	} while (repeat == 1);
	if (repeat < 0)
		return -1;
	if (n == LIBSSH2_ERROR_CHANNEL_CLOSED || n == LIBSSH2_ERROR_CHANNEL_EOF_SENT)
		return (ssize_t)size;
	if (n < 0 && n != LIBSSH2_ERROR_EAGAIN)
		return lost(ssh, (int)n, error);
	return n < 0 ? 0 : n;
}

static int channel_send_eof(struct channel *channel, double deadline, struct am_error *error)
{
	struct am_ssh *ssh = channel->ssh;
	int rc;

	while ((rc = libssh2_channel_send_eof(channel->handle)) == LIBSSH2_ERROR_EAGAIN) {
		if (session_wait(ssh, deadline, error) != 0) {
			drop(ssh);
			return -1;
		}
	}
	if (rc < 0 && rc != LIBSSH2_ERROR_CHANNEL_CLOSED && rc != LIBSSH2_ERROR_CHANNEL_EOF_SENT)
		return lost(ssh, rc, error);
	return 0;
}

/*
 * The output has ended; waits until the host closes the channel by itself, which it does when the
 * command ended and its status was sent. Closing first would read as status 0 for a command that
 * only closed its output.
 */
static int channel_finish(struct channel *channel, double deadline, struct am_ssh_status *status,
	struct am_error *error)
{
	struct am_ssh *ssh = channel->ssh;
	char *name = NULL, number[16];
	int rc;

	while ((rc = libssh2_channel_wait_closed(channel->handle)) == LIBSSH2_ERROR_EAGAIN) {
		if (session_wait(ssh, deadline, error) != 0)
			return -1;
	}
	if (rc != 0)
		return lost(ssh, rc, error);
	*status =
		(struct am_ssh_status){.status = libssh2_channel_get_exit_status(channel->handle)};
	rc = libssh2_channel_get_exit_signal(channel->handle, &name, NULL, NULL, NULL, NULL, NULL);
	if (rc == 0 && name != NULL) {
		status->status = -1;
		snprintf(status->signal, sizeof status->signal, "%s", name);
	}
	if (name != NULL)
		libssh2_free(ssh->session, name);
	if (channel->marked == MARK_LENGTH)
		return 0;
	snprintf(number, sizeof number, "%d", status->status);
	return am_fail(error, "SSH_SHELL",
		"the shell of user %s there ended (%s%s) before it ran the command; does "
		"'ssh %s@%s echo x' print x?",
		ssh->user, status->signal[0] != '\0' ? "signal " : "status ",
		status->signal[0] != '\0' ? status->signal : number, ssh->user, ssh->host);
}

/* --- running --------------------------------------------------------------------------------- */

struct feed {
	const char *at;
	size_t left;
	int done;    /* end of input was sent, or is to be held back */
	char *block; /* what was read last, when there is a reader */
	double told; /* when progress was reported */
};

/* The next piece of the reader. */
static int refill(struct channel *channel, const struct am_ssh_run *run, struct feed *feed,
	struct am_error *error)
{
	ssize_t n;

	if (libssh2_channel_eof(channel->handle))
		return 0; /* nobody is there to take it any more */
	n = run->reader->read(run->reader, feed->block, FEED, error);
	if (n < 0)
		return -1;
	feed->at = feed->block;
	feed->left = (size_t)n;
	if (run->progress != NULL && (n == 0 || am_clock() - feed->told >= 0.1)) {
		feed->told = am_clock();
		if (run->progress(run->context, error) != 0)
			return -1;
	}
	if (gone(channel, error) != 0)
		return -1;
	begin(channel->ssh); /* reading may have taken its time */
	return 0;
}

/* Sends one packet, as far as the window takes it; 1 when something moved, 0 when not, -1. */
static int feed_packet(struct channel *channel, const struct am_ssh_run *run, struct feed *feed,
	double deadline, struct am_error *error)
{
	ssize_t n;

	if (feed->done)
		return 0;
	if (feed->left == 0 && run->reader != NULL && refill(channel, run, feed, error) != 0)
		return -1;
	if (feed->left == 0) {
		feed->done = 1;
		return channel_send_eof(channel, deadline, error) == 0 ? 1 : -1;
	}
	n = channel_write(
		channel, feed->at, feed->left < CHUNK ? feed->left : CHUNK, deadline, error);
	if (n <= 0)
		return (int)n;
	feed->at += n;
	feed->left -= (size_t)n;
	return 1;
}

/* The same with several packets: looking for output between any two would cost as much again. */
static int feed_some(struct channel *channel, const struct am_ssh_run *run, struct feed *feed,
	double deadline, struct am_error *error)
{
	int moved = 0;

	for (int i = 0; i < FEEDS; i++) {
		int n = feed_packet(channel, run, feed, deadline, error);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		moved = 1;
	}
	return moved;
}

/* Hands over what has come on one stream; as feed_some. */
static int take_some(struct channel *channel, const struct am_ssh_run *run,
	enum am_ssh_source source, char *block, double deadline, struct am_error *error)
{
	ssize_t n = channel_read(channel, source, block, CHUNK, deadline, error);

	if (n <= 0)
		return (int)n;
	if (run->output != NULL && run->output(run->context, source, block, (size_t)n, error) != 0)
		return -1;
	if (gone(channel, error) != 0)
		return -1;
	begin(channel->ssh); /* the callback may have taken its time */
	return 1;
}

static int drive(struct channel *channel, const struct am_ssh_run *run, struct feed *feed,
	double deadline, struct am_ssh_status *status, struct am_error *error)
{
	char block[CHUNK];

	for (;;) {
		int in = feed_some(channel, run, feed, deadline, error);
		int out = in < 0 ? -1
				 : take_some(channel, run, AM_SSH_STDOUT, block, deadline, error);
		int err = out < 0 ? -1
				  : take_some(channel, run, AM_SSH_STDERR, block, deadline, error);

		if (err < 0)
			return -1;
		if (!am_cancelled() && in + out + err > 0 &&
			(deadline == 0 || am_clock() < deadline))
			continue;
		if (in + out + err == 0 && libssh2_channel_eof(channel->handle))
			break;
		if (session_wait(channel->ssh, deadline, error) != 0)
			return -1;
	}
	if (channel_send_eof(channel, deadline, error) != 0)
		return -1;
	return channel_finish(channel, deadline, status, error);
}

static void explain_run(
	struct am_ssh *ssh, const char *command, const char *label, struct am_error *error)
{
	am_error_prefix(error, "run: %s: %.200s", ssh->host, label != NULL ? label : command);
}

int am_ssh_run(struct am_ssh *ssh, const struct am_ssh_run *run, struct am_ssh_status *status,
	struct am_error *error)
{
	double deadline = deadline_after(run->timeout);
	struct feed feed = {run->input, run->input_length, run->hold_input, NULL, 0};
	struct channel channel;
	int result;

	if (run->reader != NULL && (feed.block = malloc(FEED)) == NULL)
		return am_fail_errno(error, ENOMEM, "run: %s", ssh->host);
	if (channel_start(ssh, &channel, run->command, deadline, error) != 0) {
		free(feed.block);
		explain_run(ssh, run->command, run->label, error);
		return -1;
	}
	result = drive(&channel, run, &feed, deadline, status, error);
	channel_close(&channel);
	free(feed.block);
	if (result != 0 && (error == NULL || strcmp(error->code, "CALLBACK") != 0))
		explain_run(ssh, run->command, run->label, error);
	return result;
}

struct am_ssh_stream {
	struct channel channel;
	struct am_buf stderr_text;
	struct am_ssh_status status;
	struct am_error error;
	enum { OPEN, ENDED, FAILED } state;
};

struct am_ssh_stream *am_ssh_stream_open(
	struct am_ssh *ssh, const char *command, const char *label, struct am_error *error)
{
	struct am_ssh_stream *stream = calloc(1, sizeof *stream);
	double deadline = am_clock() + ssh->timeout;

	if (stream == NULL) {
		am_fail_errno(error, ENOMEM, "run: %s", ssh->host);
		return NULL;
	}
	if (channel_start(ssh, &stream->channel, command, deadline, error) == 0) {
		if (channel_send_eof(&stream->channel, deadline, error) == 0)
			return stream;
		channel_close(&stream->channel);
	}
	explain_run(ssh, command, label, error);
	free(stream);
	return NULL;
}

/* Takes what has come on standard error, keeping its start. 1: something came, 0: not, -1. */
static int stream_stderr(struct am_ssh_stream *stream, struct am_error *error)
{
	char block[4096];
	ssize_t n = channel_read(&stream->channel, AM_SSH_STDERR, block, sizeof block, 0, error);

	if (n <= 0)
		return (int)n;
	if (stream->stderr_text.length < STDERR_KEPT &&
		am_buf_add(&stream->stderr_text, block, (size_t)n, error) != 0)
		return -1;
	return 1;
}

static ssize_t stream_step(
	struct am_ssh_stream *stream, char *data, size_t size, struct am_error *error)
{
	if (gone(&stream->channel, error) != 0)
		return -1;
	begin(stream->channel.ssh);
	for (;;) {
		ssize_t n = channel_read(&stream->channel, AM_SSH_STDOUT, data, size, 0, error);
		int err;

		if (n != 0)
			return n;
		err = stream_stderr(stream, error);
		if (err < 0)
			return -1;
		if (err > 0)
			continue;
		if (libssh2_channel_eof(stream->channel.handle))
			return channel_finish(&stream->channel, 0, &stream->status, error);
		if (session_wait(stream->channel.ssh, 0, error) != 0)
			return -1;
	}
}

ssize_t am_ssh_stream_read(struct am_ssh_stream *stream, void *data, size_t size,
	struct am_ssh_status *status, struct am_error *error)
{
	ssize_t n;

	if (stream->state == OPEN) {
		n = stream_step(stream, data, size, &stream->error);
		if (n > 0)
			return n;
		stream->state = n == 0 ? ENDED : FAILED;
	}
	if (stream->state == FAILED) {
		if (error != NULL)
			*error = stream->error;
		return -1;
	}
	*status = stream->status;
	return 0;
}

const char *am_ssh_stream_stderr(const struct am_ssh_stream *stream)
{
	return stream->stderr_text.data != NULL ? stream->stderr_text.data : "";
}

void am_ssh_stream_close(struct am_ssh_stream *stream)
{
	if (stream == NULL)
		return;
	channel_close(&stream->channel);
	am_buf_free(&stream->stderr_text);
	free(stream);
}

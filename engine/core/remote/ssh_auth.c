/* SPDX-License-Identifier: MIT */
#include "remote/ssh_auth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/buf.h"
#include "remote/known_hosts.h"
#include "remote/ssh_key.h"

/* --- the host --------------------------------------------------------------------------------- */

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
		"in between. If the host was installed again: ssh-keygen -R '%s' -f %s; "
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

int am_ssh_handshake(struct am_ssh *ssh, double deadline, struct am_error *error)
{
	struct am_buf known = {0}, types = {0};
	int result = -1, rc;

	if (am_known_load(ssh->known_hosts, &known, error) != 0 ||
		am_known_types(&known, ssh->host, ssh->port, &types, error) != 0 ||
		prefer_known(ssh, types.data, error) != 0)
		goto out;
	while ((rc = libssh2_session_handshake(ssh->session, am_ssh_descriptor(ssh))) ==
		LIBSSH2_ERROR_EAGAIN) {
		if (am_ssh_wait(ssh, deadline, error) != 0)
			goto out;
	}
	if (rc != 0)
		am_fail(error, "SSH_CONNECT", "handshake: %s (%d)", am_ssh_last_error(ssh), rc);
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
		return am_fail(
			error, "SSH_LOST", "authentication: %s (%d)", am_ssh_last_error(ssh), rc);
	default:
		return am_fail(error, "SSH_KEY", "key file: %s: %s", path, am_ssh_last_error(ssh));
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
		if (am_ssh_wait(ssh, deadline, error) != 0)
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
		if (am_ssh_wait(ssh, deadline, error) != 0)
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

/* The keys ssh itself would look for. */
static int auth_defaults(
	struct am_ssh *ssh, double deadline, struct am_buf *tried, struct am_error *error)
{
	static const char *const names[] = {"id_ed25519", "id_ecdsa"};
	const char *home = getenv("HOME");
	int result = 0;

	for (size_t i = 0; home != NULL && i < 2 && result == 0; i++) {
		struct am_buf path = {0};

		if (am_buf_addf(&path, error, "%s/.ssh/%s", home, names[i]) != 0)
			return -1;
		if (access(path.data, F_OK) == 0) {
			result = auth_key(ssh, path.data, deadline, error);
			if (result == 0)
				result = am_buf_addf(tried, error, "key %s, ", path.data);
		}
		am_buf_free(&path);
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

int am_ssh_authenticate(struct am_ssh *ssh, double deadline, struct am_error *error)
{
	struct am_buf tried = {0};
	const char *methods;
	int result;

	while ((methods = libssh2_userauth_list(
			ssh->session, ssh->user, (unsigned int)strlen(ssh->user))) == NULL &&
		libssh2_session_last_errno(ssh->session) == LIBSSH2_ERROR_EAGAIN) {
		if (am_ssh_wait(ssh, deadline, error) != 0)
			return -1;
	}
	if (methods == NULL && libssh2_userauth_authenticated(ssh->session))
		return 0;
	if (methods == NULL)
		return am_fail(error, "SSH_LOST", "authentication: %s", am_ssh_last_error(ssh));
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

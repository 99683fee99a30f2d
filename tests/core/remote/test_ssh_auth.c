/* SPDX-License-Identifier: MIT */
/*
 * Who the host is, and who we are, against a real sshd over a socket pair (inetd_sshd.h). Hashed
 * and wildcard names and revoked keys are in test_known_hosts, key files in test_ssh_key, the
 * agent, other key types and the words of each message in bind/test_ssh.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "remote/inetd_sshd.h"
#include "remote/ssh_auth.h"

/* The code of a handshake with these known hosts, "" for success. */
static const char *shake(const char *known_hosts, struct am_error *error)
{
	struct am_ssh ssh;
	int r;

	inetd_sshd_begin(&ssh);
	ssh.known_hosts = (char *)known_hosts;
	*error = (struct am_error){0};
	r = am_ssh_handshake(&ssh, am_clock() + 20, error);
	assert_int_equal(r, error->code[0] != '\0' ? -1 : 0);
	am_ssh_drop(&ssh);
	assert_int_equal(ssh.fd, -1);
	return error->code;
}

static void a_known_host_is_taken_and_no_other(void **state)
{
	struct am_error error;

	(void)state;
	inetd_sshd_needed();
	assert_string_equal(shake(sshd.known_hosts, &error), "");
	assert_string_equal(shake("/nonexistent/known_hosts", &error), "SSH_HOSTKEY_UNKNOWN");
	assert_non_null(strstr(error.message, "SHA256:"));
	assert_int_equal(inetd_sshd_shell("sed 's/^/pair /' other.pub >changed"), 0);
	assert_string_equal(shake(inetd_sshd_path("changed"), &error), "SSH_HOSTKEY_CHANGED");
	assert_non_null(strstr(error.message, "changed:1"));
	assert_int_equal(inetd_sshd_shell("sed 's/^pair/twin/' known_hosts >twin"), 0);
	assert_string_equal(shake(inetd_sshd_path("twin"), &error), "SSH_HOSTKEY_UNKNOWN");
}

/* The code of a login, "" for success. `kill`: the host is gone after the handshake. */
static const char *log_in(
	const char *identity, const char *passphrase, int kill, struct am_error *error)
{
	struct am_ssh ssh;
	int r;

	inetd_sshd_begin(&ssh);
	ssh.identity = (char *)identity;
	ssh.passphrase = (char *)passphrase;
	*error = (struct am_error){0};
	assert_int_equal(am_ssh_handshake(&ssh, am_clock() + 20, error), 0);
	if (kill)
		inetd_sshd_kill();
	r = am_ssh_authenticate(&ssh, am_clock() + 20, error);
	assert_int_equal(r, error->code[0] != '\0' ? -1 : 0);
	if (r == 0)
		assert_int_equal(libssh2_userauth_authenticated(ssh.session), 1);
	am_ssh_drop(&ssh);
	return error->code;
}

static void a_key_that_is_let_in_logs_in(void **state)
{
	struct am_error error;

	(void)state;
	inetd_sshd_needed();
	assert_string_equal(log_in(sshd.identity, NULL, 0, &error), "");
	assert_string_equal(log_in(inetd_sshd_path("other"), NULL, 0, &error), "SSH_AUTH");
	assert_non_null(strstr(error.message, "other"));     /* what was tried */
	assert_non_null(strstr(error.message, "publickey")); /* what the host offers */
}

static void key_files_that_cannot_be_used_are_named(void **state)
{
	struct am_error error;

	(void)state;
	inetd_sshd_needed();
	assert_int_equal(
		inetd_sshd_shell("cp user locked && chmod 600 locked && "
				 "ssh-keygen -q -p -P '' -N 'se cret' -f locked >/dev/null && "
				 "echo rubbish >rubbish"),
		0);
	assert_string_equal(log_in(inetd_sshd_path("locked"), NULL, 0, &error), "SSH_KEY");
	assert_non_null(strstr(error.message, "encrypted"));
	assert_string_equal(log_in(inetd_sshd_path("locked"), "guess", 0, &error), "SSH_KEY");
	assert_null(strstr(error.message, "guess"));
	assert_string_equal(log_in(inetd_sshd_path("locked"), "se cret", 0, &error), "");
	assert_string_equal(log_in(inetd_sshd_path("rubbish"), NULL, 0, &error), "SSH_KEY");
	assert_non_null(strstr(error.message, "rubbish"));
	assert_string_not_equal(log_in(inetd_sshd_path("none"), NULL, 0, &error), "");
	assert_non_null(strstr(error.message, "none"));
}

/* Without a key file: those in ~/.ssh. */
static void default_keys_are_looked_for(void **state)
{
	struct am_error error;
	char *home = strdup(getenv("HOME") != NULL ? getenv("HOME") : "/");

	(void)state;
	inetd_sshd_needed();
	setenv("HOME", sshd.dir, 1);
	assert_string_equal(log_in(NULL, NULL, 0, &error), "SSH_AUTH");
	assert_non_null(strstr(error.message, "no agent"));
	assert_int_equal(inetd_sshd_shell("mkdir .ssh && cp user .ssh/id_ed25519"), 0);
	assert_string_equal(log_in(NULL, NULL, 0, &error), "");
	setenv("HOME", home, 1);
	free(home);
}

static void a_host_that_goes_away_is_an_error(void **state)
{
	struct am_error error;

	(void)state;
	inetd_sshd_needed();
	assert_string_equal(log_in(sshd.identity, NULL, 1, &error), "SSH_LOST");
}

/* Stopped, it neither answers nor goes away. */
static void a_deadline_and_a_signal_end_both(void **state)
{
	struct am_error error = {0};
	struct am_ssh ssh;
	double started;

	(void)state;
	inetd_sshd_needed();
	inetd_sshd_begin(&ssh);
	kill(-sshd.pid, SIGSTOP);
	started = am_clock();
	assert_int_equal(am_ssh_handshake(&ssh, started + 0.3, &error), -1);
	assert_string_equal(error.code, "SSH_TIMEOUT");
	assert_true(am_clock() - started < 5);
	am_cancel();
	assert_int_equal(am_ssh_handshake(&ssh, am_clock() + 20, &error), -1);
	assert_string_equal(error.code, "CANCELLED");
	am_cancel_clear();
	am_ssh_drop(&ssh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_known_host_is_taken_and_no_other),
		cmocka_unit_test(a_key_that_is_let_in_logs_in),
		cmocka_unit_test(key_files_that_cannot_be_used_are_named),
		cmocka_unit_test(default_keys_are_looked_for),
		cmocka_unit_test(a_host_that_goes_away_is_an_error),
		cmocka_unit_test(a_deadline_and_a_signal_end_both),
	};
	return inetd_sshd_exit(
		cmocka_run_group_tests(tests, inetd_sshd_setup, inetd_sshd_teardown));
}

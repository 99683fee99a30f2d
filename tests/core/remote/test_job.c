/* SPDX-License-Identifier: MIT */
/* Jobs: the scripts, run by the sh of this host, and what their answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "remote/job.h"
#include "remote/local_shell.h"

static char dir[] = "/tmp/test_job.XXXXXX";

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL ? -1 : 0;
}

/* Fails when a job is left: every test removes its own. */
static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

static int setup(void **state)
{
	(void)state;
	shell_reset();
	return 0;
}

static struct am_error error;
static const struct am_job job = {dir, "j1"};

/* A text of sh as a job, its data as what it reads. */
static int start_job(
	const struct am_job *j, const char *text, const void *input, size_t length, int *started)
{
	const char *const none[] = {NULL};

	return am_job_start(NULL, j, &(struct am_exec){.argv = none, .script = text}, input, length,
		started, &error);
}

static void assert_poll(enum am_job_state want, int status, const char *signal)
{
	struct am_ssh_status got;
	enum am_job_state state;

	if (am_job_poll(NULL, &job, &state, &got, &error) != 0)
		fail_msg("%s", error.message);
	assert_int_equal(state, want);
	assert_int_equal(got.status, status);
	assert_string_equal(got.signal, signal);
}

static void start(const char *command, const char *input)
{
	int started = 0;

	if (start_job(&job, command, input, strlen(input), &started) != 0)
		fail_msg("%s", error.message);
	assert_int_equal(started, 1);
}

static void remove_job(void)
{
	if (am_job_remove(NULL, &job, &error) != 0)
		fail_msg("%s", error.message);
	assert_poll(AM_JOB_NONE, -1, "");
}

static void test_ids_and_directories(void **state)
{
	char longest[102];
	struct am_job jobs[] = {{dir, ""}, {dir, "."}, {dir, ".."}, {dir, "-x"}, {dir, "a/b"},
		{dir, "a b"}, {dir, "a\n"}, {dir, "a'"}, {dir, "\xc3\xa9"}, {dir, longest},
		{"jobs", "a"}, {"/", "a"}, {"", "a"}};
	struct am_job_wait wait = {0};
	struct am_ssh_status status;
	enum am_job_state found;

	(void)state;
	memset(longest, 'a', 101);
	longest[101] = '\0';
	for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
		for (int k = 0; k < 5; k++) {
			struct am_job *j = &jobs[i];
			int r = k == 0   ? start_job(j, "x", NULL, 0, NULL)
				: k == 1 ? am_job_poll(NULL, j, &found, &status, &error)
				: k == 2 ? am_job_wait(NULL, j, &wait, &status, &error)
				: k == 3 ? am_job_cancel(NULL, j, 1, &error)
					 : am_job_remove(NULL, j, &error);

			assert_int_equal(r, -1);
			assert_string_equal(error.code, "EINVAL");
		}
	}
	assert_int_equal(shell.runs, 0); /* nobody was asked */
	longest[100] = '\0';
	assert_int_equal(am_job_poll(NULL, &jobs[9], &found, &status, &error), 0);
	assert_int_equal(found, AM_JOB_NONE);
}

static void test_answers_about_a_job(void **state)
{
	static const struct {
		const char *answer;
		enum am_job_state state;
		int status;
		const char *signal;
	} cases[] = {
		{"running\n", AM_JOB_RUNNING, -1, ""},
		{"ended 0\n", AM_JOB_DONE, 0, ""},
		{"ended 65535\n", AM_JOB_DONE, 65535, ""},
		{"ended 3 full\n", AM_JOB_DONE, 3, ""},
		{"ended signal TERM\n", AM_JOB_DONE, -1, "TERM"},
		{"ended signal RTMIN+1 full\n", AM_JOB_DONE, -1, "RTMIN+1"},
		{"unrecorded 3\n", AM_JOB_UNRECORDED, 3, ""},
		{"unrecorded signal KILL full\n", AM_JOB_UNRECORDED, -1, "KILL"},
		{"unrecorded nonsense\n", AM_JOB_UNRECORDED, -1, ""},
		/* what a crash of the host leaves is no status */
		{"ended \n", AM_JOB_GONE, -1, ""},
		{"ended 0", AM_JOB_GONE, 0, ""},
		{"ended 0\n0\n", AM_JOB_GONE, 0, ""},
		{"ended 0 fuller\n", AM_JOB_GONE, 0, ""},
		{"ended -1\n", AM_JOB_GONE, -1, ""},
		{"ended 999999999999999999999\n", AM_JOB_GONE, -1, ""},
		{"ended none, and room for what it will be\n", AM_JOB_GONE, -1, ""},
		{"ended signal kill\n", AM_JOB_GONE, -1, ""},
		{"ended signal AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", AM_JOB_GONE, -1, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		shell.next[0].out = cases[i].answer;
		assert_poll(cases[i].state, cases[i].status, cases[i].signal);
	}
	shell.next[0] = (struct shell_fault){.out = "", .status = 95};
	assert_poll(AM_JOB_NONE, -1, "");
	shell.next[0] = (struct shell_fault){.out = "", .status = 96};
	assert_poll(AM_JOB_GONE, -1, "");
}

static void test_what_is_no_answer(void **state)
{
	static const char *const answers[] = {
		"", "\n", "running", "running \n", "Welcome!\nrunning\n", "endedx 0\n", "ended\n"};
	struct am_ssh_status status;
	enum am_job_state found;

	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		shell.next[0].out = answers[i];
		assert_int_equal(am_job_poll(NULL, &job, &found, &status, &error), -1);
		assert_string_equal(error.code, "JOB_ANSWER");
	}
	shell.next[0].out = "\033[2Jhello\n";
	assert_int_equal(am_job_poll(NULL, &job, &found, &status, &error), -1);
	assert_null(strchr(error.message, '\033'));
	assert_non_null(strstr(error.message, "hello"));
	shell.next[0] = (struct shell_fault){.out = "", .err = "sh: not found", .status = 127};
	assert_int_equal(am_job_poll(NULL, &job, &found, &status, &error), -1);
	assert_string_equal(error.code, "JOB_START");
	assert_non_null(strstr(error.message, "status 127: sh: not found"));
}

#define LS "exec env ENV= LC_ALL=C ODMDIR=/etc/objrepos PATH=" AM_EXEC_PATH " ls -"

static void test_answers_to_a_start(void **state)
{
	static const char *const ls[] = {"ls", "-l", NULL};
	static const struct {
		struct shell_fault fault;
		const char *code; /* NULL: well */
		int started;
	} cases[] = {
		{{.out = "started\n" LS "l\n"}, NULL, 1},
		{{.out = "there\n" LS "l\n"}, NULL, 0},
		{{.out = "there\n" LS "la\n"}, "JOB_MISMATCH", 0},
		{{.out = "there\n" LS "k\n"}, "JOB_MISMATCH", 0},
		{{.out = "there\nls\n"}, "JOB_MISMATCH", 0},
		{{.out = "started\n"}, "JOB_MISMATCH", 0},
		{{.out = "there"}, "JOB_ANSWER", 0},
		{{.out = "Welcome!\nstarted\n" LS "l\n"}, "JOB_ANSWER", 0},
		{{.out = "", .status = 90}, "JOB_START", 0},
		{{.out = "started\n" LS "l\n", .status = 94}, "JOB_START", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int started = 0, r;

		shell.next[0] = cases[i].fault;
		r = am_job_start(
			NULL, &job, &(struct am_exec){.argv = ls}, NULL, 0, &started, &error);
		assert_int_equal(r, cases[i].code == NULL ? 0 : -1);
		if (r != 0)
			assert_string_equal(error.code, cases[i].code);
		assert_int_equal(started, cases[i].started);
	}
	assert_int_equal(shell.reconnects, 0);
}

/* All that came of a job: its output, then what it wrote to standard error. */
static char printed[2][8192];

static int keep(void *context, enum am_ssh_source source, const char *data, size_t length,
	struct am_error *e)
{
	(void)context;
	(void)e;
	assert_true(strlen(printed[source]) + length < sizeof printed[source]);
	strncat(printed[source], data, length);
	return 0;
}

static void wait_for(int status, const char *signal)
{
	struct am_job_wait wait = {.timeout = 60, .output = keep};
	struct am_ssh_status got;

	memset(printed, 0, sizeof printed);
	if (am_job_wait(NULL, &job, &wait, &got, &error) != 0)
		fail_msg("%s", error.message);
	assert_int_equal(got.status, status);
	assert_string_equal(got.signal, signal);
	assert_int_equal(wait.offset[0], strlen(printed[0]));
	assert_int_equal(wait.offset[1], strlen(printed[1]));
}

static void test_a_job_from_start_to_end(void **state)
{
	static const char command[] = "cat; echo 'it'\\''s' '$HOME' \"`echo in`\" >&2\nexit 7";
	int started = 1;

	(void)state;
	start(command, "a line\nand no end");
	wait_for(7, "");
	assert_string_equal(printed[AM_SSH_STDOUT], "a line\nand no end");
	assert_string_equal(printed[AM_SSH_STDERR], "it's $HOME in\n");
	assert_poll(AM_JOB_DONE, 7, "");
	/* the same again is the same job, another command or script is none */
	assert_int_equal(start_job(&job, command, "a line\nand no end", 17, &started), 0);
	assert_int_equal(started, 0);
	assert_int_equal(start_job(&job, "reboot", NULL, 0, NULL), -1);
	assert_string_equal(error.code, "JOB_MISMATCH");
	assert_int_equal(am_job_cancel(NULL, &job, 1, &error), 0); /* it has ended: no error */
	remove_job();
	assert_int_equal(am_job_remove(NULL, &job, &error), 0);
	assert_int_equal(am_job_cancel(NULL, &job, 1, &error), -1);
	assert_string_equal(error.code, "JOB_GONE");
}

static void test_input_that_did_not_arrive_starts_nothing(void **state)
{
	(void)state;
	shell.next[0].lose_byte = 1;
	assert_int_equal(start_job(&job, "cat", "abc", 3, NULL), -1);
	assert_string_equal(error.code, "JOB_START");
	assert_non_null(strstr(error.message, "its input did not arrive whole"));
	assert_poll(AM_JOB_NONE, -1, "");
}

/* The answer to the start is lost: it is asked again, and not started twice. */
static void test_a_lost_connection_starts_once(void **state)
{
	int started = 1;

	(void)state;
	shell.next[0].lost = 1;
	assert_int_equal(start_job(&job, "echo once", NULL, 0, &started), 0);
	assert_int_equal(started, 0);
	assert_int_equal(shell.reconnects, 1);
	/* the follower is cut in the midst, and goes on there */
	shell.next[0] = (struct shell_fault){.lost = 1, .cut = 3};
	wait_for(0, "");
	assert_string_equal(printed[AM_SSH_STDOUT], "once\n");
	assert_int_equal(shell.reconnects, 2);
	remove_job();
	shell.next[0] = (struct shell_fault){.out = "", .lost = 1};
	shell.reconnect_fails = 1;
	assert_int_equal(start_job(&job, "echo once", NULL, 0, &started), -1);
	assert_string_equal(error.code, "SSH_CONNECT");
}

static void test_cancelling(void **state)
{
	(void)state;
	start("sleep 300", "");
	assert_poll(AM_JOB_RUNNING, -1, "");
	assert_int_equal(am_job_remove(NULL, &job, &error), -1);
	assert_string_equal(error.code, "JOB_RUNNING");
	assert_int_equal(am_job_cancel(NULL, &job, 20, &error), 0);
	assert_poll(AM_JOB_DONE, -1, "TERM");
	remove_job();
	start("trap '' TERM; echo deaf; while :; do sleep 1; done", "");
	assert_int_equal(am_job_cancel(NULL, &job, 1, &error), 0);
	assert_poll(AM_JOB_DONE, -1, "KILL");
	remove_job();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_ids_and_directories, setup),
		cmocka_unit_test_setup(test_answers_about_a_job, setup),
		cmocka_unit_test_setup(test_what_is_no_answer, setup),
		cmocka_unit_test_setup(test_answers_to_a_start, setup),
		cmocka_unit_test_setup(test_a_job_from_start_to_end, setup),
		cmocka_unit_test_setup(test_input_that_did_not_arrive_starts_nothing, setup),
		cmocka_unit_test_setup(test_a_lost_connection_starts_once, setup),
		cmocka_unit_test_setup(test_cancelling, setup),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}

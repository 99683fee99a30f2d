/* SPDX-License-Identifier: MIT */
/*
 * The scripts are POSIX sh and use nothing ksh88 lacks. They get everything that varies as
 * arguments (first the directory of all jobs, in $d from then on), so that no text is ever put into
 * a script. AIX sleeps whole seconds: what may end at once is looked at some times before, with
 * nothing between but the programs that the look takes. The command gets the umask of the login,
 * not that of the job's files.
 */
#include "remote/job.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cancel.h"
#include "base/checksum.h"
#include "base/escape.h"
#include "base/clock.h"

/* Exit statuses of the scripts, apart from what commands and shells end with. */
enum {
	NO_DIRECTORY = 90,
	NOT_OURS = 91,
	NOT_WRITTEN = 92,
	INPUT_DAMAGED = 93,
	NOT_CLAIMED = 94,
	NO_JOB = 95,
	VANISHED = 96,
	STILL_RUNNING = 97,
	UNRECORDED = 98
};

enum { ID_MAX = 100, KEY_LENGTH = 40, BLOCK = 65536, TEXT_MAX = 1 << 20, RETRIES_DEFAULT = 6 };

#define ROOM_DEFAULT 600.0 /* seconds to wait for a status to be written */
#define ROOM_PAUSE   1.0

/*
 * The wrapper; $1 is the id. ln -n never replaces a file, on AIX neither. One that finds no room
 * takes "run" away, which tells the script that started it. USR1 is the last step of
 * cancelling: it leaves the status behind first, for nothing in the group survives KILL.
 *
 * A full file system must not cost the status. Its room is taken before the command begins, and it
 * is written over what is there. Where even that fails (the file system has become read-only) the
 * wrapper becomes "sh ./run ended STATUS ID FILE", which tries again until it is written, and whose
 * arguments tell the status to whoever looks at processes. The word "full" after a status says that
 * nothing more could be written at the end, so that output may be missing.
 */
static const char wrapper[] =
	"trap '' HUP\n"
	"put() {\n"
	"	echo \"$s\" 1<>$f\n"
	"	read x <$f && [ \"$x\" = \"$s\" ] && mv -f $f rc\n"
	"}\n"
	"if [ \"$1\" = ended ]; then\n"
	"	trap '' TERM USR1\n"
	"	s=$2 f=$4\n"
	"	until put; do\n"
	"		[ -f run ] || exit 1\n"
	"		sleep 2\n"
	"	done\n"
	"	exit\n"
	"fi\n"
	"cd \"$1\" || exit 1\n"
	"f=rc.$$\n"
	"k= c= r=\n"
	"trap 'k=1; if [ \"$c\" ]; then trap \"\" TERM; kill -TERM 0; fi' TERM\n"
	"trap 's=\"signal KILL\"; put; kill -KILL 0' USR1\n"
	"b=`who -b 2>/dev/null`\n"
	"echo $$ $b >pid.$$ && echo \"none, and room for what it will be ....................\" "
	">$f &&\n"
	"	[ -s pid.$$ ] && [ -s $f ] && ln -n pid.$$ pid || {\n"
	"		rm -f pid.$$ $f\n"
	"		[ -f pid ] || rm -f run\n"
	"		exit 1\n"
	"	}\n"
	"rm -f pid.$$\n"
	"date -u +%Y-%m-%dT%H:%M:%SZ >start\n"
	"s='signal TERM'\n"
	"if [ ! \"$k\" ]; then\n"
	"	sh ./cmd <in >out 2>err &\n"
	"	c=$!\n"
	"	if [ \"$k\" ]; then trap '' TERM; kill -TERM 0; fi\n"
	"	while :; do\n"
	"		wait $c\n"
	"		n=$?\n"
	"		[ $n -eq 127 ] && [ \"$r\" ] || r=$n\n"
	"		[ \"$k\" ] || break\n"
	"		k=\n"
	"	done\n"
	"	s=$r\n"
	"	if [ $r -gt 128 ]; then\n"
	"		n=$((r - 128))\n"
	"		[ $n -gt 128 ] && n=$((n - 128))\n"
	"		[ $n -lt 64 ] && g=`kill -l $n 2>/dev/null` && [ \"$g\" ] && s=\"signal "
	"${g#SIG}\"\n"
	"	fi\n"
	"fi\n"
	"echo \"is there room?\" >room\n"
	"[ -s room ] || s=\"$s full\"\n"
	"rm -f room\n"
	"put || exec sh ./run ended \"$s\" \"$1\" $f";

/*
 * $1 id, $2 command line, $3 wrapper, $4 checksum and length of the standard input. What was
 * written is read again: not every shell says that there was no room. Whose a directory is, and
 * that it is no link, is told by ls: test of ksh88 has no -O.
 */
static const char start_script[] =
	"u=`umask`\n"
	"umask 077\n"
	"i=$1\n"
	"mkdir -p \"$d\" && cd \"$d\" || exit 90\n"
	"[ -d \"$i\" ] || mkdir \"$i\" || [ -d \"$i\" ] || exit 92\n"
	"own() {\n"
	"	set -- `ls -ldn \"$1\"`\n"
	"	case $1 in d*) [ \"$3\" = \"`id -u`\" ];; *) return 1;; esac\n"
	"}\n"
	"own \"$i\" && cd \"$i\" || exit 91\n"
	"undo() {\n"
	"	rm -f in.$$ cmd.$$ run.$$\n"
	"	cd .. && rmdir \"$i\" 2>/dev/null\n"
	"	exit $1\n"
	"}\n"
	"if [ -f pid ] || [ -f rc ]; then\n"
	"	echo there\n"
	"else\n"
	"	cat >in.$$ || undo 92\n"
	"	set -- \"$i\" \"$2\" \"$3\" \"$4\" `cksum <in.$$`\n"
	"	[ \"$4\" = \"$5 $6\" ] || undo 93\n"
	"	cat >cmd.$$ <<END || undo 92\n"
	"$2\n"
	"END\n"
	"	cat >run.$$ <<END || undo 92\n"
	"$3\n"
	"END\n"
	"	[ \"x`cat cmd.$$`\" = \"x$2\" ] && [ \"x`cat run.$$`\" = \"x$3\" ] || undo 92\n"
	"	mv -f in.$$ in && mv -f cmd.$$ cmd && mv -f run.$$ run || undo 92\n"
	"	: >>out && : >>err || exit 92\n"
	"	( umask $u; cd .. && exec sh \"$i/run\" \"$i\" ) </dev/null >/dev/null 2>>log &\n"
	"	n=0\n"
	"	until [ -f pid ] || [ ! -f run ] || [ $n -ge 50 ]; do\n"
	"		n=$((n + 1))\n"
	"		if [ $n -le 40 ]; then ls run >/dev/null 2>&1; else sleep 1; fi\n"
	"	done\n"
	"	[ -f pid ] || { cat log >&2; [ -f run ] || exit 92; exit 94; }\n"
	"	echo started\n"
	"fi\n"
	"exec cat cmd\n";

/*
 * Does the wrapper live? Sets p. Its process must exist, be of the boot it was started in, and show
 * the id among its arguments ($k holds its start), which guards against a number used again. Where
 * ps cannot tell (not every ps takes -p), /proc may; where neither can, the process counts, if it
 * is still there: it may have ended between the two questions. Sets l to what follows "ended" where
 * the command has ended and its status is not written.
 */
#define ALIVE                                                                                      \
	"alive() {\n"                                                                              \
	"	l=\n"                                                                                    \
	"	read p b <pid || return 1\n"                                                             \
	"	case $p in ''|*[!0-9]*) return 1;; esac\n"                                               \
	"	w=`who -b 2>/dev/null`\n"                                                                \
	"	w=`echo $w`\n"                                                                           \
	"	[ ! \"$b\" ] || [ ! \"$w\" ] || [ \"$b\" = \"$w\" ] || return 1\n"                       \
	"	kill -0 $p 2>/dev/null || return 1\n"                                                    \
	"	a=`ps -p $p -o args= 2>/dev/null` ||\n"                                                  \
	"		a=`(tr '\\000' ' ' </proc/$p/cmdline) 2>/dev/null` || {\n"                              \
	"		kill -0 $p 2>/dev/null\n"                                                               \
	"		return\n"                                                                               \
	"	}\n"                                                                                     \
	"	case $a in *\"$k\"*) ;; *) return 1;; esac\n"                                            \
	"	case $a in *\" ./run ended \"*) l=${a#* ./run ended };; esac\n"                          \
	"	return 0\n"                                                                              \
	"}\n"                                                                                      \
	"k=$2\n"

#define ENTER "cd \"$d/$1\" 2>/dev/null && [ -f pid ] || exit 95\n"

/* $1 id, $2 key. Prints "running", "ended STATUS", or "unrecorded STATUS". */
static const char poll_script[] =
	ALIVE ENTER "tell() { if [ -f rc ]; then read a <rc; echo \"ended $a\"; exit 0; fi; }\n"
		    "tell\n"
		    "if alive; then\n"
		    "	[ \"$l\" ] || { echo running; exit 0; }\n"
		    "	echo \"unrecorded ${l%% $1 rc.*}\"\n"
		    "	exit 0\n"
		    "fi\n"
		    "tell\n"
		    "exit 96\n";

/*
 * $1 id, $2 key, then blocks and bytes to skip of out, and of err. The standard input is kept open
 * by the engine; its end means that nobody listens any more, and ends the script. The line
 * FOLLOW_MARK on standard error tells what the job wrote there from what the shell did.
 */
#define FOLLOW_MARK "altmig-follow\n"

static const char follow_script[] =
	ALIVE ENTER "exec 3<out 4<err 5<&0 || exit 1\n"
		    "[ $3 -eq 0 ] || dd bs=65536 count=$3 <&3 >/dev/null 2>&1\n"
		    "[ $4 -eq 0 ] || dd bs=$4 count=1 <&3 >/dev/null 2>&1\n"
		    "[ $5 -eq 0 ] || dd bs=65536 count=$5 <&4 >/dev/null 2>&1\n"
		    "[ $6 -eq 0 ] || dd bs=$6 count=1 <&4 >/dev/null 2>&1\n"
		    "{ cat; kill -TERM $$; } <&5 >/dev/null 2>&1 3<&- 4<&- &\n"
		    "x=$!\n"
		    "trap 'kill $x 2>/dev/null' 0\n"
		    "echo altmig-follow >&2\n"
		    "n=0\n"
		    "while :; do\n"
		    "	f=\n"
		    "	if [ -f rc ]; then f=0\n"
		    "	elif alive; then [ ! \"$l\" ] || f=98\n"
		    "	elif [ -f rc ]; then f=0\n"
		    "	else f=96; fi\n"
		    "	cat <&3\n"
		    "	cat <&4 >&2\n"
		    "	[ ! \"$f\" ] || exit $f\n"
		    "	n=$((n + 1))\n"
		    "	[ $n -lt 20 ] || sleep 1\n"
		    "done\n";

/* $1 id, $2 key, $3 seconds between TERM and KILL */
static const char cancel_script[] = ALIVE ENTER "ended() {\n"
						"	n=-20\n"
						"	while [ $n -lt $1 ]; do\n"
						"		if [ -f rc ]; then return 0; fi\n"
						"		alive || return 0\n"
						"		[ ! \"$l\" ] || return 0\n"
						"		n=$((n + 1))\n"
						"		[ $n -le 0 ] || sleep 1\n"
						"	done\n"
						"	return 1\n"
						"}\n"
						"if [ -f rc ]; then exit 0; fi\n"
						"alive || { [ -f rc ] && exit 0; exit 96; }\n"
						"[ ! \"$l\" ] || exit 0\n"
						"kill -TERM $p\n"
						"ended $3 && exit 0\n"
						"kill -USR1 $p\n"
						"ended 10 || exit 97\n";

/* $1 id, $2 key. A wrapper that only waits for room ends when its directory is gone. */
static const char remove_script[] =
	ALIVE "cd \"$d/$1\" 2>/dev/null || exit 0\n"
	      "if [ -f pid ] && [ ! -f rc ] && alive && [ ! \"$l\" ]; then exit 97; fi\n"
	      "cd / && rm -rf \"$d/$1\"\n";

static int check_job(const struct am_job *job, struct am_error *error)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._:,+@=-";
	size_t length = strlen(job->id);

	if (length == 0 || length > ID_MAX || job->id[0] == '.' || job->id[0] == '-' ||
		job->id[strspn(job->id, allowed)] != '\0')
		return am_fail(error, "EINVAL",
			"job: %.120s: an id is 1 to %d letters, digits and ._:,+@=-", job->id,
			ID_MAX);
	if (job->dir[0] != '/' || job->dir[1] == '\0')
		return am_fail(error, "EINVAL", "job: %s: not an absolute directory", job->dir);
	return 0;
}

/* --- one script over one channel ------------------------------------------------------------- */

struct answer {
	struct am_buf out;
	struct am_buf err;
};

static int keep_answer(void *context, enum am_ssh_source source, const char *data, size_t length,
	struct am_error *error)
{
	struct answer *answer = context;

	return am_buf_add(
		source == AM_SSH_STDOUT ? &answer->out : &answer->err, data, length, error);
}

static void free_answer(struct answer *answer)
{
	am_buf_free(&answer->out);
	am_buf_free(&answer->err);
}

/* Runs `script` with the directory, the id and the `more` words (ending in NULL). */
static int run_script(struct am_ssh *ssh, const struct am_job *job, const char *script,
	const char *const *more, struct am_ssh_run *run, struct am_ssh_status *status,
	struct am_error *error)
{
	const char *argv[12] = {job->dir, job->id};
	struct am_buf text = {0};
	char label[ID_MAX + 8];
	int result;

	snprintf(label, sizeof label, "job %s", job->id);
	for (size_t i = 0; more[i] != NULL; i++)
		argv[2 + i] = more[i];
	result = am_buf_addf(&text, error, "d=$1\nshift\n%s", script);
	run->exec = (struct am_exec){.argv = argv, .script = text.data};
	run->label = label;
	if (result == 0)
		result = am_ssh_run(ssh, run, status, error);
	am_buf_free(&text);
	return result;
}

/* As run_script, for the scripts with short answers. */
static int ask(struct am_ssh *ssh, const struct am_job *job, const char *script,
	const char *const *more, struct answer *answer, struct am_ssh_status *status,
	struct am_error *error)
{
	struct am_ssh_run run = {.output = keep_answer, .context = answer};

	answer->out.limit = answer->err.limit = TEXT_MAX;
	if (am_buf_addstr(&answer->out, "", error) != 0 ||
		am_buf_addstr(&answer->err, "", error) != 0)
		return -1;
	return run_script(ssh, job, script, more, &run, status, error);
}

static void make_key(const struct am_job *job, char key[KEY_LENGTH + 1])
{
	snprintf(key, KEY_LENGTH + 1, "%s", job->id);
}

/* What the statuses all scripts share mean; `what` for the message of any other. */
static int script_error(struct am_ssh *ssh, const struct am_job *job, const char *what,
	const struct am_ssh_status *status, const char *text, struct am_error *error)
{
	const char *host = am_ssh_host(ssh);

	switch (status->status) {
	case NO_JOB:
		return am_fail(
			error, "JOB_GONE", "job %s: %s: not there (%s)", job->id, host, job->dir);
	case VANISHED:
		return am_fail(error, "JOB_GONE",
			"job %s: %s: its process is gone and left no status; the host was "
			"restarted, or the process killed (see %s/%s)",
			job->id, host, job->dir, job->id);
	case STILL_RUNNING:
		return am_fail(error, "JOB_RUNNING", "job %s: %s: still runs", job->id, host);
	case NO_DIRECTORY:
	case NOT_WRITTEN:
		return am_fail(error, "JOB_START",
			"job %s: %s: %s, nothing was started: %.*s; is the file system of %s "
			"full or read-only? (df -k %s)",
			job->id, host, what, *text != '\0' ? (int)strcspn(text, "\n") : 100,
			am_reason(text), job->dir, job->dir);
	default:
		return am_fail(error, "JOB_START", "job %s: %s: %s: status %d%s%s: %.300s", job->id,
			host, what, status->status, status->signal[0] ? ", signal " : "",
			status->signal, text);
	}
}

/* An answer of another form than the scripts give: nothing may be concluded from it. */
static int not_an_answer(struct am_ssh *ssh, const struct am_job *job, const struct am_buf *out,
	struct am_error *error)
{
	char shown[400];

	am_escape_to(shown, sizeof shown, out->data, out->length < 200 ? out->length : 200, 0);
	return am_fail(error, "JOB_ANSWER",
		"job %s: %s: the answer about it is not understood, so nothing is known of it: "
		"\"%s\"; see %s/%s there",
		job->id, am_ssh_host(ssh), shown, job->dir, job->id);
}

/* --- starting -------------------------------------------------------------------------------- */

static const char *start_reason(int status)
{
	switch (status) {
	case NO_DIRECTORY:
		return "the directory of the jobs cannot be made or entered";
	case NOT_OURS:
		return "its directory is no directory of this user";
	case NOT_WRITTEN:
		return "its directory cannot be written";
	case INPUT_DAMAGED:
		return "its input did not arrive whole";
	case NOT_CLAIMED:
		return "its wrapper did not start";
	default:
		return "not started";
	}
}

static int judge_start(struct am_ssh *ssh, const struct am_job *job, const char *command,
	const struct answer *answer, const struct am_ssh_status *status, int *started,
	struct am_error *error)
{
	size_t first = strcspn(answer->out.data, "\n");
	size_t length = strlen(command);
	const char *text = answer->out.data + first;
	int is_new = strncmp(answer->out.data, "started\n", 8) == 0;

	if (status->status != 0)
		return script_error(
			ssh, job, start_reason(status->status), status, answer->err.data, error);
	if (!is_new && strncmp(answer->out.data, "there\n", 6) != 0)
		return not_an_answer(ssh, job, &answer->out, error);
	if (strlen(text) != length + 2 || memcmp(text + 1, command, length) != 0)
		return am_fail(error, "JOB_MISMATCH",
			"job %s: %s: the id belongs to another command: %.300s", job->id,
			am_ssh_host(ssh), text + (*text == '\n'));
	if (started != NULL)
		*started = is_new;
	return 0;
}

static int start_once(struct am_ssh *ssh, const struct am_job *job, const char *command,
	const void *input, size_t length, int *started, struct am_error *error)
{
	struct answer answer = {{0}, {0}};
	struct am_ssh_run run = {
		.input = input, .input_length = length, .output = keep_answer, .context = &answer};
	struct am_ssh_status status;
	char sum[64];
	int result = -1;

	answer.out.limit = answer.err.limit = TEXT_MAX;
	snprintf(sum, sizeof sum, "%lu %zu",
		(unsigned long)am_cksum(input != NULL ? input : "", length), length);
	if (am_buf_addstr(&answer.out, "", error) == 0 &&
		am_buf_addstr(&answer.err, "", error) == 0 &&
		run_script(ssh, job, start_script,
			(const char *const[]){command, wrapper, sum, NULL}, &run, &status,
			error) == 0)
		result = judge_start(ssh, job, command, &answer, &status, started, error);
	free_answer(&answer);
	return result;
}

static int is_lost(const struct am_error *error)
{
	return strcmp(error->code, "SSH_LOST") == 0 || strcmp(error->code, "SSH_CONNECT") == 0 ||
	       strcmp(error->code, "SSH_TIMEOUT") == 0;
}

static int start_command(struct am_ssh *ssh, const struct am_job *job, const char *command,
	const void *input, size_t length, int *started, struct am_error *error)
{
	if (start_once(ssh, job, command, input, length, started, error) == 0)
		return 0;
	/* It may or may not have started; asking again finds out, and starts it only if not. */
	if (strcmp(error->code, "SSH_LOST") != 0 || am_ssh_reconnect(ssh, error) != 0)
		return -1;
	return start_once(ssh, job, command, input, length, started, error);
}

int am_job_start(struct am_ssh *ssh, const struct am_job *job, const struct am_exec *exec,
	const void *input, size_t length, int *started, struct am_error *error)
{
	struct am_buf command = {0}, script = {0};
	struct am_exec sent = *exec;
	struct am_error local;
	int result;

	if (error == NULL)
		error = &local;
	if (check_job(job, error) != 0)
		return -1;
	if (sent.path == NULL)
		sent.path = am_ssh_path(ssh);
	result = am_exec_compose_file(&sent, length > 0, &command, &script, error);
	if (result == 0 && script.length > 0)
		result = start_command(
			ssh, job, command.data, script.data, script.length, started, error);
	else if (result == 0)
		result = start_command(ssh, job, command.data, input, length, started, error);
	am_buf_free(&command);
	am_buf_free(&script);
	return result;
}

/* --- asking ---------------------------------------------------------------------------------- */

/*
 * "3" or "signal TERM", perhaps with " full" after it, and the end of the line. -1 for anything
 * else.
 */
static int parse_status(const char *text, struct am_ssh_status *status, int *full)
{
	static const char name[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+";
	static const char digits[] = "0123456789";
	size_t length;

	*status = (struct am_ssh_status){.status = -1};
	if (strncmp(text, "signal ", 7) == 0) {
		text += 7;
		length = strspn(text, name);
		if (length == 0 || length >= sizeof status->signal)
			return -1;
		memcpy(status->signal, text, length);
	} else {
		length = strspn(text, digits);
		if (length == 0 || length > 5)
			return -1;
		status->status = atoi(text);
		if (status->status > 0xffff)
			return -1;
	}
	text += length;
	*full = strncmp(text, " full", 5) == 0;
	return strcmp(text + (*full ? 5 : 0), "\n") == 0 ? 0 : -1;
}

/* The text after `word` and a blank, or NULL. */
static const char *after(const char *text, const char *word)
{
	size_t length = strlen(word);

	return strncmp(text, word, length) == 0 && text[length] == ' ' ? text + length + 1 : NULL;
}

struct news {
	enum am_job_state state;
	struct am_ssh_status status; /* -1 without a signal: it cannot be read */
	int full;                    /* no room at the end: output may be missing */
};

static int judge_news(struct am_ssh *ssh, const struct am_job *job,
	const struct am_ssh_status *ended, const struct answer *answer, struct news *news,
	struct am_error *error)
{
	const char *status;

	if (ended->status == NO_JOB || ended->status == VANISHED)
		news->state = ended->status == NO_JOB ? AM_JOB_NONE : AM_JOB_GONE;
	else if (ended->status != 0)
		return script_error(ssh, job, "asking", ended, answer->err.data, error);
	else if (strcmp(answer->out.data, "running\n") == 0)
		news->state = AM_JOB_RUNNING;
	else if ((status = after(answer->out.data, "ended")) != NULL)
		/* A crash of the host may have left the file empty or damaged. */
		news->state = parse_status(status, &news->status, &news->full) == 0 ? AM_JOB_DONE
										    : AM_JOB_GONE;
	else if ((status = after(answer->out.data, "unrecorded")) != NULL) {
		news->state = AM_JOB_UNRECORDED;
		if (parse_status(status, &news->status, &news->full) != 0)
			news->status = (struct am_ssh_status){.status = -1};
	} else
		return not_an_answer(ssh, job, &answer->out, error);
	return 0;
}

static int ask_news(
	struct am_ssh *ssh, const struct am_job *job, struct news *news, struct am_error *error)
{
	struct answer answer = {{0}, {0}};
	struct am_ssh_status ended;
	char key[KEY_LENGTH + 1];
	int result;

	*news = (struct news){.status = {.status = -1}};
	make_key(job, key);
	result = ask(
		ssh, job, poll_script, (const char *const[]){key, NULL}, &answer, &ended, error);
	if (result == 0)
		result = judge_news(ssh, job, &ended, &answer, news, error);
	free_answer(&answer);
	return result;
}

int am_job_poll(struct am_ssh *ssh, const struct am_job *job, enum am_job_state *state,
	struct am_ssh_status *status, struct am_error *error)
{
	struct news news;

	if (check_job(job, error) != 0 || ask_news(ssh, job, &news, error) != 0)
		return -1;
	*state = news.state;
	*status = news.status;
	return 0;
}

/* --- following ------------------------------------------------------------------------------- */

struct follow {
	struct am_job_wait *wait;
	int moved;     /* something came over this connection */
	size_t marked; /* bytes of FOLLOW_MARK that came on standard error */
};

/* Skips what came on standard error before the mark; the first byte of it occurs there once. */
static void skip_mark(struct follow *follow, const char **data, size_t *length)
{
	static const char mark[] = FOLLOW_MARK;

	for (; *length > 0 && follow->marked < sizeof mark - 1; ++*data, --*length) {
		if (**data == mark[follow->marked])
			follow->marked++;
		else
			follow->marked = **data == mark[0];
	}
}

static int pass_on(void *context, enum am_ssh_source source, const char *data, size_t length,
	struct am_error *error)
{
	struct follow *follow = context;
	struct am_job_wait *wait = follow->wait;

	if (source == AM_SSH_STDERR)
		skip_mark(follow, &data, &length);
	if (length == 0)
		return 0;
	follow->moved = 1;
	wait->offset[source == AM_SSH_STDERR] += length;
	return wait->output != NULL ? wait->output(wait->context, source, data, length, error) : 0;
}

static int follow_once(struct am_ssh *ssh, const struct am_job *job, struct follow *follow,
	double deadline, struct am_ssh_status *status, struct am_error *error)
{
	struct am_ssh_run run = {.hold_input = 1, .output = pass_on, .context = follow};
	char key[KEY_LENGTH + 1], skip[4][24];

	if (deadline != 0) {
		run.timeout = deadline - am_clock();
		if (run.timeout <= 0)
			return am_fail(error, "SSH_TIMEOUT", "timed out");
	}
	for (int i = 0; i < 2; i++) {
		uint64_t offset = follow->wait->offset[i];

		snprintf(skip[2 * i], sizeof skip[0], "%llu", (unsigned long long)(offset / BLOCK));
		snprintf(skip[2 * i + 1], sizeof skip[0], "%llu",
			(unsigned long long)(offset % BLOCK));
	}
	make_key(job, key);
	return run_script(ssh, job, follow_script,
		(const char *const[]){key, skip[0], skip[1], skip[2], skip[3], NULL}, &run, status,
		error);
}

static int pause_for(double seconds, struct am_error *error)
{
	double end = am_clock() + seconds;

	while (am_clock() < end) {
		if (am_check_cancel("job", error) != 0)
			return -1;
		poll(NULL, 0, 100);
	}
	return 0;
}

/* Connects again with growing pauses; -1 when that is hopeless or tried often enough. */
static int find_again(struct am_ssh *ssh, struct am_job_wait *wait, int *tries, double deadline,
	struct am_error *error)
{
	int limit = wait->retries > 0 ? wait->retries : RETRIES_DEFAULT;

	while (is_lost(error) && *tries < limit && (deadline == 0 || am_clock() < deadline)) {
		double pause = *tries == 0 ? 0 : 1 << (*tries < 5 ? *tries : 5);

		++*tries;
		if (pause_for(pause, error) != 0)
			return -1;
		if (am_ssh_reconnect(ssh, error) == 0)
			return 0;
	}
	return -1;
}

static int tell(const struct am_job_wait *wait, struct am_error *error, const char *format, ...)
	AM_PRINTF(3, 4);

static int tell(const struct am_job_wait *wait, struct am_error *error, const char *format, ...)
{
	char text[700];
	va_list ap;

	if (wait->notice == NULL)
		return 0;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	return wait->notice(wait->context, text, error);
}

static void describe(const struct am_ssh_status *status, char *text, size_t size)
{
	if (status->signal[0] != '\0')
		snprintf(text, size, "signal %s", status->signal);
	else if (status->status >= 0)
		snprintf(text, size, "status %d", status->status);
	else
		snprintf(text, size, "a status that cannot be read");
}

/* The follower saw the end; what the end was, and that it is one. Waits until it is written. */
static int read_end(struct am_ssh *ssh, const struct am_job *job, const struct am_job_wait *wait,
	double deadline, struct am_ssh_status *status, struct am_error *error)
{
	double room = wait->room > 0 ? wait->room : ROOM_DEFAULT;
	double end = am_clock() + room;
	char how[64];
	struct news news;

	for (int told = 0;; told = 1) {
		if (ask_news(ssh, job, &news, error) != 0)
			return -1;
		if (news.state != AM_JOB_UNRECORDED)
			break;
		describe(&news.status, how, sizeof how);
		if (am_clock() >= end || (deadline != 0 && am_clock() >= deadline))
			return am_fail(error, "JOB_UNRECORDED",
				"job %s: %s: ended with %s, which could not be written to %s/%s "
				"within %g s; make that file system writable (df -k %s), then "
				"attach to the job again",
				job->id, am_ssh_host(ssh), how, job->dir, job->id, room, job->dir);
		if (!told &&
			tell(wait, error,
				"job %s on %s has ended with %s, but that cannot be written to "
				"%s/%s: is the file system full or read-only (df -k %s)? "
				"Waiting up to %g s for room",
				job->id, am_ssh_host(ssh), how, job->dir, job->id, job->dir,
				room) != 0)
			return -1;
		if (pause_for(ROOM_PAUSE, error) != 0)
			return -1;
	}
	*status = news.status;
	if (news.state == AM_JOB_DONE && news.full &&
		tell(wait, error,
			"the file system of %s on %s was full when job %s ended: what the job "
			"printed may be cut short (df -k %s)",
			job->dir, am_ssh_host(ssh), job->id, job->dir) != 0)
		return -1;
	if (news.state == AM_JOB_DONE)
		return 0;
	if (news.state == AM_JOB_RUNNING) /* cannot be, unless somebody else is at work there */
		return am_fail(
			error, "JOB_RUNNING", "job %s: %s: still runs", job->id, am_ssh_host(ssh));
	return script_error(ssh, job, "", &(struct am_ssh_status){.status = VANISHED}, "", error);
}

static int follow_and_read(struct am_ssh *ssh, const struct am_job *job, struct follow *follow,
	double deadline, struct am_ssh_status *status, struct am_error *error)
{
	struct am_ssh_status ended;

	if (follow_once(ssh, job, follow, deadline, &ended, error) != 0)
		return -1;
	if (ended.status == 0 || ended.status == UNRECORDED)
		return read_end(ssh, job, follow->wait, deadline, status, error);
	if (ended.status == NO_JOB || ended.status == VANISHED)
		return script_error(ssh, job, "", &ended, "", error);
	/* The script that follows was ended from outside; the job is another process. */
	return am_fail(error, "SSH_LOST", "following was interrupted over there (status %d%s%s)",
		ended.status, ended.signal[0] ? ", signal " : "", ended.signal);
}

int am_job_wait(struct am_ssh *ssh, const struct am_job *job, struct am_job_wait *wait,
	struct am_ssh_status *status, struct am_error *error)
{
	double deadline = wait->timeout > 0 ? am_clock() + wait->timeout : 0;
	struct am_error local;
	int tries = 0;

	if (error == NULL)
		error = &local;
	if (check_job(job, error) != 0)
		return -1;
	for (;;) {
		struct follow follow = {.wait = wait};

		if (follow_and_read(ssh, job, &follow, deadline, status, error) == 0)
			return 0;
		if (follow.moved)
			tries = 0;
		if (!is_lost(error) || find_again(ssh, wait, &tries, deadline, error) != 0)
			break;
	}
	if (is_lost(error)) {
		if (deadline != 0 && am_clock() >= deadline)
			snprintf(error->code, sizeof error->code, "SSH_TIMEOUT");
		else
			snprintf(error->code, sizeof error->code, "SSH_LOST");
		am_error_prefix(error, "job %s goes on at %s and can be attached to again", job->id,
			am_ssh_host(ssh));
	}
	return -1;
}

/* --- ending ---------------------------------------------------------------------------------- */

int am_job_cancel(struct am_ssh *ssh, const struct am_job *job, int grace, struct am_error *error)
{
	struct answer answer = {{0}, {0}};
	struct am_ssh_status status;
	char key[KEY_LENGTH + 1], seconds[16];
	int result;

	if (check_job(job, error) != 0)
		return -1;
	make_key(job, key);
	snprintf(seconds, sizeof seconds, "%d", grace);
	result = ask(ssh, job, cancel_script, (const char *const[]){key, seconds, NULL}, &answer,
		&status, error);
	if (result == 0 && status.status != 0)
		result = script_error(ssh, job, "cancelling", &status, answer.err.data, error);
	free_answer(&answer);
	return result;
}

int am_job_remove(struct am_ssh *ssh, const struct am_job *job, struct am_error *error)
{
	struct answer answer = {{0}, {0}};
	struct am_ssh_status status;
	char key[KEY_LENGTH + 1];
	int result;

	if (check_job(job, error) != 0)
		return -1;
	make_key(job, key);
	result = ask(
		ssh, job, remove_script, (const char *const[]){key, NULL}, &answer, &status, error);
	if (result == 0 && status.status != 0)
		result = script_error(ssh, job, "removing", &status, answer.err.data, error);
	free_answer(&answer);
	return result;
}

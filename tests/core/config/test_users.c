/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "hostile.h"
#include "config/merge.h"

struct files {
	const char *o, *c, *n, *so, *sc, *sn;
};

static const char *const mandatory_accounts[] = {
	"root", "daemon", "bin", "sys", "adm", "nobody", NULL};
static const char *const mandatory_groups[] = {
	"system", "staff", "bin", "sys", "adm", "security", "nobody", NULL};

struct outcome {
	struct am_users_result result;
	struct am_decisions decisions;
};

static struct am_merge_input input(const char *o, const char *c, const char *n)
{
	struct am_merge_input in = {
		am_slice_of(o), am_slice_of(c), am_slice_of(n), AM_MODIFIED_UNKNOWN};

	return in;
}

static void passwd(struct outcome *r, const struct files *f)
{
	struct am_merge_input names = input(f->o, f->c, f->n);
	struct am_merge_input security = input(f->so, f->sc, f->sn);
	struct am_error error;

	memset(r, 0, sizeof *r);
	if (am_merge_passwd(
		    &names, &security, mandatory_accounts, &r->result, &r->decisions, &error) != 0)
		fail_msg("%s", error.message);
}

static void group(struct outcome *r, const struct files *f, const char *accounts)
{
	struct am_merge_input names = input(f->o, f->c, f->n);
	struct am_merge_input security = input(f->so, f->sc, f->sn);
	struct am_error error;

	memset(r, 0, sizeof *r);
	if (am_merge_group(&names, &security, am_slice_of(accounts), mandatory_groups, &r->result,
		    &r->decisions, &error) != 0)
		fail_msg("%s", error.message);
}

static void drop(struct outcome *r)
{
	am_users_result_free(&r->result);
	am_decisions_free(&r->decisions);
}

static const struct am_decision *decision(
	const struct outcome *r, const char *key, enum am_finding finding)
{
	for (size_t i = 0; i < r->decisions.count; i++)
		if (r->decisions.list[i].key != NULL &&
			strcmp(r->decisions.list[i].key, key) == 0 &&
			r->decisions.list[i].finding == finding)
			return &r->decisions.list[i];
	return NULL;
}

static const struct files accounts = {
	.o = "root:!:0:0::/:/usr/bin/ksh\ndaemon:!:1:1::/etc:\nadm:!:4:4::/var/adm:\n"
	     "lp:*:11:11::/var/spool/lp:/bin/false\nuucp:!:5:5::/usr/lib/uucp:\n"
	     "snapp:*:200:13:snapp login user:/usr/sbin/snapp:\n",
	.c = "root:!:0:0:the boss:/:/usr/bin/ksh\ntoor:!:0:0::/:/usr/bin/ksh\n"
	     "daemon:!:1:1::/etc:\nlp:!:11:11::/var/spool/lp:/bin/false\nbroken\n"
	     "smith:Xab12.:201:1::/home/smith:/usr/bin/ksh\nopen::202:1::/home/open:\n"
	     "snapp:*:200:13:snapp login user:/usr/sbin/snapp:\nsmith:!:999:1::/twice:\n"
	     "taken:!:203:1::/home/taken:\n+::::::\nlast:!:300:1::/home/last:",
	.n = "root:!:0:0::/:/usr/bin/ksh93\ndaemon:!:1:1::/sbin:\nadm:!:4:4::/var/adm:\n"
	     "lp:*:11:11::/var/spool/lpd:/bin/false\nuucp:!:5:5::/usr/lib/uucp:\n"
	     "smith:!:210:1::/vendor:\npconsole:!:8:0::/var/adm/pconsole:/usr/bin/ksh\n"
	     "esaadmin:!:203:0::/var/esa:/usr/bin/ksh\n",
	.so = "root:\n\tpassword = *\n",
	.sc = "root:\n\tpassword = aaBB.secret\n\tlastupdate = 1\n\nstale:\n\tpassword = zz\n"
	      "\tflags =\n\nsmith:\n\tpassword =\n",
	.sn = "root:\n\tpassword = *\n\npconsole:\n\tpassword = vendorhash\n\nuucp:\n"
	      "\tpassword = *\n"};

static void merges_accounts(void **state)
{
	struct outcome r;

	(void)state;
	passwd(&r, &accounts);
	assert_string_equal(r.result.names.data,
		"root:!:0:0:the boss:/:/usr/bin/ksh\ntoor:!:0:0::/:/usr/bin/ksh\n"
		"daemon:!:1:1::/sbin:\nlp:!:11:11::/var/spool/lpd:/bin/false\nbroken\n"
		"smith:Xab12.:201:1::/home/smith:/usr/bin/ksh\nopen::202:1::/home/open:\n"
		"snapp:*:200:13:snapp login user:/usr/sbin/snapp:\nsmith:!:999:1::/twice:\n"
		"taken:!:203:1::/home/taken:\n"
		"adm:*:4:4::/var/adm:\npconsole:*:8:0::/var/adm/pconsole:/usr/bin/ksh\n"
		"+::::::\nlast:!:300:1::/home/last:\n");
	assert_int_equal(r.result.names_status, AM_MERGE_MERGED);
	assert_string_equal(r.result.security.data,
		"root:\n\tpassword = aaBB.secret\n\tlastupdate = 1\n\nstale:\n\tpassword = zz\n"
		"\tflags =\n\nsmith:\n\tpassword =\n\npconsole:\n\tpassword = *\n");
	drop(&r);
}

static void reports_accounts(void **state)
{
	struct outcome r;

	(void)state;
	passwd(&r, &accounts);
	assert_non_null(decision(&r, "adm", AM_FOUND_ACCOUNT_RETURNED));
	assert_non_null(decision(&r, "uucp", AM_FOUND_REMOVED));
	assert_non_null(decision(&r, "snapp", AM_FOUND_ACCOUNT_OBSOLETE));
	assert_int_equal(decision(&r, "esaadmin", AM_FOUND_ID_TAKEN)->severity, AM_ERROR);
	assert_string_equal(decision(&r, "esaadmin", AM_FOUND_ID_TAKEN)->detail, "203");
	assert_string_equal(decision(&r, "esaadmin", AM_FOUND_ID_TAKEN)->attribute, "uid");
	assert_string_equal(decision(&r, "esaadmin", AM_FOUND_ID_TAKEN)->c, "taken");
	assert_string_equal(decision(&r, "smith", AM_FOUND_ACCOUNT_RENUMBERED)->n, "210");
	assert_non_null(decision(&r, "smith", AM_FOUND_OPEN_HASH));
	assert_non_null(decision(&r, "open", AM_FOUND_NO_PASSWORD));
	assert_non_null(strstr(decision(&r, "line 5", AM_FOUND_BY_PARSER)->detail, "malformed"));
	assert_non_null(strstr(decision(&r, "line 9", AM_FOUND_BY_PARSER)->detail, "given again"));
	assert_non_null(decision(&r, "last", AM_FOUND_NO_SHADOW));
	for (size_t i = 0; i < r.decisions.count; i++) {
		const struct am_decision *d = &r.decisions.list[i];
		const char *texts[] = {d->o, d->c, d->n, d->detail};

		for (size_t k = 0; k < 4; k++)
			if (texts[k] != NULL) {
				assert_null(strstr(texts[k], "secret\n"));
				assert_null(strstr(texts[k], "aaBB"));
				assert_null(strstr(texts[k], "Xab12"));
				assert_null(strstr(texts[k], "vendorhash"));
			}
	}
	drop(&r);
}

static void is_idempotent(void **state)
{
	struct files f = accounts;
	struct outcome first, second;

	(void)state;
	passwd(&first, &f);
	f.c = first.result.names.data;
	f.sc = first.result.security.data;
	passwd(&second, &f);
	assert_string_equal(second.result.names.data, f.c);
	assert_string_equal(second.result.security.data, f.sc);
	assert_int_equal(second.result.names_status, AM_MERGE_KEPT);
	drop(&second);
	drop(&first);
}

static void merges_accounts_two_ways(void **state)
{
	struct files f = accounts;
	struct outcome r;

	(void)state;
	f.o = f.so = NULL;
	f.c = "root:!:0:0::/:/usr/bin/ksh\nnobody:!:4294967294:4294967294::/:\n";
	f.n = "root:!:0:0::/new:/usr/bin/ksh\nnobody:!:-2:-2::/:\nuucp:!:5:5::/usr/lib/uucp:\n";
	passwd(&r, &f);
	assert_string_equal(r.result.names.data,
		"root:!:0:0::/:/usr/bin/ksh\nnobody:!:4294967294:4294967294::/:\n"
		"uucp:*:5:5::/usr/lib/uucp:\n");
	assert_null(decision(&r, "nobody", AM_FOUND_ACCOUNT_RENUMBERED));
	drop(&r);
	f.c = f.sc = NULL;
	passwd(&r, &f);
	assert_string_equal(r.result.names.data, f.n);
	assert_int_equal(r.result.names_status, AM_MERGE_NEW);
	drop(&r);
	f.c = "a:!:1:1::/:\n";
	f.n = f.sn = NULL;
	passwd(&r, &f);
	assert_string_equal(r.result.names.data, f.c);
	assert_int_equal(r.result.security_status, AM_MERGE_ABSENT);
	drop(&r);
}

static void refuses_a_shadow_file_it_cannot_read(void **state)
{
	struct am_merge_input names = input(NULL, "a:!:1:1::/:\n", "a:!:1:1::/:\n");
	struct am_merge_input security = input(NULL, "a:\n\tpassword = x\nwhat\n", "a:\n");
	struct outcome r = {0};
	struct am_error error;

	(void)state;
	assert_int_equal(am_merge_passwd(&names, &security, mandatory_accounts, &r.result,
				 &r.decisions, &error),
		-1);
	assert_string_equal(error.code, "CONFIG_SYNTAX");
	assert_non_null(strstr(error.message, "/etc/security/passwd: line 3"));
	drop(&r);
}

static const struct files groups = {
	.o = "system:!:0:root,esaadmin\nstaff:!:1:ipsec\nprintq:!:9:lp\nobsolete:!:77:\n",
	.c = "system:!:0:root,jdoe\nstaff:!:1:ipsec,jdoe,ldapuser\nobsolete:!:77:\n"
	     "site:!:90:jdoe,,jdoe,\r\n-bad\n",
	.n = "system:!:0:root,esaadmin,pconsole,ghost\nstaff:!:1:ipsec\nprintq:!:9:lp\n"
	     "newgrp:!:30:root,ghost\nclash:!:90:\n",
	.so = "system:\n\tadmin = true\n\nobsolete:\n\tadmin = true\n",
	.sc = "system:\n\tadmin = true\n\tadms = jdoe\n\nobsolete:\n\tadmin = true\n",
	.sn = "system:\n\tadmin = true\n\nnewgrp:\n\tadmin = true\n\nclash:\n\tadmin = true\n"};

static void merges_groups(void **state)
{
	struct outcome r;

	(void)state;
	group(&r, &groups, "root:!:0:0::/:\njdoe:!:5:1::/:\npconsole:*:8:0::/:\n");
	assert_string_equal(r.result.names.data,
		"system:!:0:root,jdoe,pconsole\nstaff:!:1:ipsec,jdoe,ldapuser\nobsolete:!:77:\n"
		"site:!:90:jdoe,,jdoe,\r\nnewgrp:!:30:root\n-bad\n");
	assert_string_equal(r.result.security.data,
		"system:\n\tadmin = true\n\tadms = jdoe\n\nobsolete:\n\tadmin = true\n\n"
		"newgrp:\n\tadmin = true\n");
	assert_string_equal(decision(&r, "clash", AM_FOUND_ID_TAKEN)->detail, "90");
	assert_string_equal(decision(&r, "clash", AM_FOUND_ID_TAKEN)->attribute, "gid");
	assert_string_equal(decision(&r, "clash", AM_FOUND_ID_TAKEN)->c, "site");
	assert_non_null(decision(&r, "printq", AM_FOUND_REMOVED));
	assert_non_null(decision(&r, "obsolete", AM_FOUND_ACCOUNT_OBSOLETE));
	assert_string_equal(decision(&r, "system", AM_FOUND_LISTS)->c, "root,jdoe");
	drop(&r);
}

/* One of the six texts replaced by a variant, merged as passwd or as group. */
struct target {
	const struct files *files;
	const char *accounts; /* of a group merge, else NULL */
	int side;
};

static int merge_variant(const void *data, size_t length, void *context, struct am_error *error)
{
	const struct target *t = context;
	struct am_merge_input names = input(t->files->o, t->files->c, t->files->n);
	struct am_merge_input security = input(t->files->so, t->files->sc, t->files->sn);
	struct am_slice *const sides[] = {
		&names.o, &names.c, &names.n, &security.o, &security.c, &security.n};
	struct outcome r = {0};
	int result;

	sides[t->side]->at = data;
	sides[t->side]->length = length;
	result = t->accounts != NULL ? am_merge_group(&names, &security, am_slice_of(t->accounts),
					       mandatory_groups, &r.result, &r.decisions, error)
				     : am_merge_passwd(&names, &security, mandatory_accounts,
					       &r.result, &r.decisions, error);
	if (result != 0)
		assert_string_equal(error->code, "CONFIG_SYNTAX");
	drop(&r);
	return result == 0;
}

static void any_byte_of_any_side_may_be_wrong(void **state)
{
	static const struct files few_groups = {"staff:!:1:\nold:!:9:\n",
		"staff:!:1:smith,jones\nown:!:200:smith\nold:!:9:\nbad\n",
		"staff:!:1:\nnew:!:200:\n", "staff:\n\tadmin = false\n",
		"staff:\n\tadmin = false\n\tadms = smith\n\nown:\n\tadmin = true\n",
		"new:\n\tadmin = true\n"};
	static const struct files few_users = {"root:!:0:0::/:/usr/bin/ksh\n",
		"root:!:0:0:boss:/:/usr/bin/ksh\nsmith:!:201:1::/home/smith:\n+::::::\n",
		"root:!:0:0::/:/usr/bin/ksh93\nsrv:!:201:1::/:\n", "root:\n\tpassword = *\n",
		"root:\n\tpassword = {ssha}x\n\tflags =\n\nsmith:\n"
		"\tpassword = *\n",
		"root:\n\tpassword = *\n\nsrv:\n\tpassword = *\n"};
	struct target targets[] = {
		{&few_users, NULL, 0}, {&few_groups, "smith:!:201:1::/home/smith:\n", 0}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct files *f = targets[i].files;
		const char *const texts[] = {f->o, f->c, f->n, f->so, f->sc, f->sn};

		for (int side = 0; side < 6; side++) {
			struct hostile h = {.data = (const unsigned char *)texts[side],
				.length = strlen(texts[side]),
				.parse = merge_variant,
				.subject = "line ",
				.context = &targets[i]};

			targets[i].side = side;
			hostile_cuts(&h);
			hostile_bytes(&h, 0, h.length);
			assert_true(h.read > 0);
		}
	}
}

/* 100,000 accounts and a group of all of them: comparisons grow with the number, not its square. */
static void is_linear(void **state)
{
	size_t steps[2];

	(void)state;
	for (int round = 0; round < 2; round++) {
		int users = round == 0 ? 10000 : 100000;
		struct am_buf o = {0}, c = {0}, n = {0}, go = {0}, gc = {0}, gn = {0};
		struct am_error error;
		struct outcome r;
		struct files f = {0};

		am_buf_addstr(&gc, "all:!:7:", &error);
		am_buf_addstr(&gn, "all:!:7:", &error);
		am_buf_addstr(&go, "all:!:7:", &error);
		for (int i = 0; i < users; i++) {
			am_buf_addf(&c, &error, "u%d:!:%d:1::/home/u%d:\n", i, i, i);
			am_buf_addf(&o, &error, "u%d:!:%d:1::/home/u%d:\n", i, i, i);
			am_buf_addf(&n, &error, "u%d:!:%d:1::/h/u%d:\n", i + 5, i + 5, i + 5);
			am_buf_addf(&gc, &error, "u%d,", i);
			am_buf_addf(&gn, &error, "u%d,", i + 5);
		}
		f = (struct files){.o = o.data, .c = c.data, .n = n.data};
		passwd(&r, &f);
		steps[round] = r.result.steps;
		assert_non_null(strstr(r.result.names.data, "u7:!:7:1::/h/u7:\n"));
		f = (struct files){.o = go.data, .c = gc.data, .n = gn.data};
		drop(&r);
		group(&r, &f, c.data);
		steps[round] += r.result.steps;
		assert_int_equal(r.result.names_status, AM_MERGE_MERGED);
		drop(&r);
		am_buf_free(&o);
		am_buf_free(&c);
		am_buf_free(&n);
		am_buf_free(&go);
		am_buf_free(&gc);
		am_buf_free(&gn);
	}
	assert_true(steps[1] < steps[0] * 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merges_accounts),
		cmocka_unit_test(reports_accounts),
		cmocka_unit_test(is_idempotent),
		cmocka_unit_test(merges_accounts_two_ways),
		cmocka_unit_test(refuses_a_shadow_file_it_cannot_read),
		cmocka_unit_test(merges_groups),
		cmocka_unit_test(any_byte_of_any_side_may_be_wrong),
		cmocka_unit_test(is_linear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

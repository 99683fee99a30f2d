/* SPDX-License-Identifier: MIT */
/*
 * passwd_mig and group_mig. Accounts and groups are never removed, renumbered or unlocked here:
 * they may own files, and a migration that lets somebody in, or root out, is worse than one that
 * leaves an old account. That is why these files follow rules of their own and not the record
 * merge, and why no whole-file answer but "missing" is taken.
 */
#include "config/merge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/colon.h"
#include "config/stanza.h"

static const struct am_slice no_values[3];
static const struct am_slice absent;

/* What is different between the two methods. */
struct flavour {
	const char *path, *security_path;
	const struct am_columns *columns;
	size_t id_column, password_column;
	const char *id_name;
};

static const struct flavour passwd_flavour = {"/etc/passwd", "/etc/security/passwd",
	&am_passwd_columns, AM_PASSWD_UID, AM_PASSWD_PASSWORD, "uid"};
static const struct flavour group_flavour = {"/etc/group", "/etc/security/group", &am_group_columns,
	AM_GROUP_GID, AM_GROUP_PASSWORD, "gid"};

struct owner {
	uint32_t id;
	size_t record;
};

struct users {
	const struct flavour *flavour;
	const char *const *mandatory;
	struct am_records o, c, n; /* passwd or group */
	int o_known;
	struct am_records passwd; /* group: the merged accounts */
	struct owner *owners;     /* ids of C, sorted */
	size_t owner_count;
	unsigned char *added; /* by record of N: came in as a new account or group */
	struct am_buf *out;
	struct am_decisions *decisions;
	struct am_error *error;
};

static struct am_slice field(
	const struct am_records *file, const struct am_record *record, size_t i)
{
	return file->fields[record->first_field + i].value;
}

static int tell(const struct users *u, enum am_severity severity, struct am_slice key,
	const char *attribute, const char *chosen, enum am_finding finding)
{
	return am_decide(u->decisions, severity, u->flavour->path, key, attribute, no_values,
		chosen, finding, NULL, u->error);
}

static int is_mandatory(const struct users *u, struct am_slice key)
{
	for (size_t i = 0; u->mandatory[i] != NULL; i++)
		if (am_slice_is(key, u->mandatory[i]))
			return 1;
	return 0;
}

/* --- output --------------------------------------------------------------------------------- */

static int put(struct users *u, struct am_slice text)
{
	return am_buf_add(u->out, text.at, text.length, u->error);
}

static int end_line(struct users *u)
{
	if (u->out->length == 0 || u->out->data[u->out->length - 1] == '\n')
		return 0;
	return am_buf_add(u->out, "\n", 1, u->error);
}

static int put_line(struct users *u, const struct am_slice *fields, size_t count)
{
	if (end_line(u) != 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if ((i > 0 && am_buf_add(u->out, ":", 1, u->error) != 0) || put(u, fields[i]) != 0)
			return -1;
	return am_buf_add(u->out, "\n", 1, u->error);
}

static int put_record(struct users *u, const struct am_record *record)
{
	return end_line(u) != 0 ? -1 : put(u, record->text);
}

/* --- ids ------------------------------------------------------------------------------------ */

static int compare_owners(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return (x->record > y->record) - (x->record < y->record);
}

static int collect_owners(struct users *u)
{
	u->owners = malloc((u->c.count + 1) * sizeof *u->owners);
	if (u->owners == NULL)
		return am_fail_errno(u->error, ENOMEM, "merge: %s", u->flavour->path);
	for (size_t i = 0; i < u->c.count; i++) {
		struct owner owner = {0, i};

		if (u->c.records[i].kind == AM_RECORD_LIVE &&
			am_colonfile_id(field(&u->c, &u->c.records[i], u->flavour->id_column),
				&owner.id) == 0)
			u->owners[u->owner_count++] = owner;
	}
	qsort(u->owners, u->owner_count, sizeof *u->owners, compare_owners);
	return 0;
}

/* The record of C that has this id, or NULL. */
static const struct am_record *owner_of(const struct users *u, struct am_slice text)
{
	size_t low = 0, high = u->owner_count;
	uint32_t id;

	if (am_colonfile_id(text, &id) != 0)
		return NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (u->owners[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == u->owner_count || u->owners[low].id != id)
		return NULL;
	return &u->c.records[u->owners[low].record];
}

static int same_id(struct am_slice a, struct am_slice b)
{
	uint32_t x, y;

	return am_colonfile_id(a, &x) == 0 && am_colonfile_id(b, &y) == 0 ? x == y
									  : am_slice_equal(a, b);
}

/* --- records -------------------------------------------------------------------------------- */

static struct am_record *look_up(struct am_records *file, struct am_slice key)
{
	return file->slots == NULL ? NULL : am_records_find(file, key);
}

/* The id is taken by another name: nobody is renumbered, and the files of the image say whose. */
static int report_taken(struct users *u, const struct am_record *n, const struct am_record *owner)
{
	struct am_slice values[3] = {absent, owner->key, n->key};
	struct am_slice id = field(&u->n, n, u->flavour->id_column);
	char text[17];

	snprintf(text, sizeof text, "%.*s", (int)(id.length > 16 ? 16 : id.length), id.at);
	return am_decide(u->decisions, AM_ERROR, u->flavour->path, n->key, u->flavour->id_name,
		values, "none", AM_FOUND_ID_TAKEN, text, u->error);
}

/* Whether a record that only N has comes in; says so either way. */
static int comes_in(struct users *u, const struct am_record *n, int *yes)
{
	const struct am_record *owner = owner_of(u, field(&u->n, n, u->flavour->id_column));
	int removed = u->o_known && look_up(&u->o, n->key) != NULL;

	*yes = 0;
	if (removed && !is_mandatory(u, n->key))
		return tell(u, AM_NOTE, n->key, NULL, "none", AM_FOUND_REMOVED);
	if (owner != NULL)
		return report_taken(u, n, owner);
	*yes = 1;
	if (removed)
		return tell(u, AM_WARNING, n->key, NULL, "N", AM_FOUND_ACCOUNT_RETURNED);
	return tell(u, AM_NOTE, n->key, NULL, "N", AM_FOUND_ACCOUNT_ADDED);
}

static int has_account(void *arg, struct am_slice name)
{
	struct users *u = arg;

	return look_up(&u->passwd, name) != NULL;
}

/* The line of a new account: no way in until an administrator opens one. */
static int put_new_account(struct users *u, const struct am_record *n)
{
	struct am_slice fields[7];

	for (size_t i = 0; i < 7; i++)
		fields[i] = field(&u->n, n, i);
	fields[AM_PASSWD_PASSWORD] = am_slice_of("*");
	return put_line(u, fields, 7);
}

/* The members of a group that comes from N: those who have an account. */
static int new_members(struct users *u, struct am_slice shipped, struct am_buf *members)
{
	struct am_slice none = {"", 0};

	return am_merge_list(absent, none, shipped, has_account, u, members, u->error);
}

static int put_new_group(struct users *u, const struct am_record *n)
{
	struct am_slice fields[4];
	struct am_buf members = {0};
	int result;

	for (size_t i = 0; i < 4; i++)
		fields[i] = field(&u->n, n, i);
	result = new_members(u, fields[AM_GROUP_MEMBERS], &members);
	fields[AM_GROUP_MEMBERS].at = members.data == NULL ? "" : members.data;
	fields[AM_GROUP_MEMBERS].length = members.length;
	if (result == 0)
		result = put_line(u, fields, 4);
	am_buf_free(&members);
	return result;
}

static int put_new(struct users *u)
{
	for (size_t i = 0; i < u->n.count; i++) {
		const struct am_record *n = &u->n.records[i];
		int yes;

		if (n->kind != AM_RECORD_LIVE || n->is_repeat || look_up(&u->c, n->key) != NULL)
			continue;
		if (comes_in(u, n, &yes) != 0)
			return -1;
		if (!yes)
			continue;
		u->added[i] = 1;
		if ((u->flavour == &passwd_flavour ? put_new_account(u, n) : put_new_group(u, n)) !=
			0)
			return -1;
	}
	return 0;
}

/* What C's record says about itself. Hashes are never shown. */
static int check_password(struct users *u, const struct am_record *c)
{
	struct am_slice password = field(&u->c, c, u->flavour->password_column);

	if (u->flavour != &passwd_flavour || am_slice_is(password, "!") ||
		am_slice_is(password, "*"))
		return 0;
	if (password.length == 0)
		return tell(u, AM_WARNING, c->key, "password", "C", AM_FOUND_NO_PASSWORD);
	return tell(u, AM_WARNING, c->key, "password", "C", AM_FOUND_OPEN_HASH);
}

static int check_kept(struct users *u, const struct am_record *o, const struct am_record *c,
	const struct am_record *n)
{
	size_t id = u->flavour->id_column;

	if (check_password(u, c) != 0)
		return -1;
	if (n == NULL && o != NULL)
		return tell(u, AM_NOTE, c->key, NULL, "C", AM_FOUND_ACCOUNT_OBSOLETE);
	if (n != NULL && !same_id(field(&u->c, c, id), field(&u->n, n, id))) {
		struct am_slice values[3] = {o == NULL ? absent : field(&u->o, o, id),
			field(&u->c, c, id), field(&u->n, n, id)};

		return am_decide(u->decisions, AM_WARNING, u->flavour->path, c->key,
			u->flavour->id_name, values, "C", AM_FOUND_ACCOUNT_RENUMBERED, NULL,
			u->error);
	}
	return 0;
}

/*
 * The site left the vendor's line alone. The password field does not count: passwd(1) changes it in
 * normal use.
 */
static int is_untouched(const struct users *u, const struct am_record *o, const struct am_record *c)
{
	if (!same_id(field(&u->o, o, AM_PASSWD_UID), field(&u->c, c, AM_PASSWD_UID)) ||
		!same_id(field(&u->o, o, AM_PASSWD_GID), field(&u->c, c, AM_PASSWD_GID)))
		return 0;
	for (size_t i = AM_PASSWD_GECOS; i <= AM_PASSWD_SHELL; i++)
		if (!am_slice_equal(field(&u->o, o, i), field(&u->c, c, i)))
			return 0;
	return 1;
}

static int put_account(struct users *u, const struct am_record *o, const struct am_record *c,
	const struct am_record *n)
{
	struct am_slice fields[7];
	int changed = 0;

	for (size_t i = 0; i < 7; i++) {
		fields[i] = field(&u->c, c, i);
		if (o == NULL || n == NULL || i < AM_PASSWD_GECOS ||
			am_slice_equal(fields[i], field(&u->n, n, i)))
			continue;
		if (is_untouched(u, o, c)) {
			struct am_slice values[3] = {
				field(&u->o, o, i), fields[i], field(&u->n, n, i)};

			fields[i] = values[2];
			changed = 1;
			if (am_decide(u->decisions, AM_NOTE, u->flavour->path, c->key,
				    am_passwd_columns.names[i], values, "N", AM_FOUND_THEIRS, NULL,
				    u->error) != 0)
				return -1;
		}
	}
	return changed ? put_line(u, fields, 7) : put_record(u, c);
}

/* Members that the site left alone follow N, its order too, where all of them have accounts. */
static int merge_members(struct users *u, struct am_slice o, struct am_slice c, struct am_slice n,
	struct am_buf *list)
{
	if (o.at != NULL && am_slice_equal(c, o)) {
		if (new_members(u, n, list) != 0)
			return -1;
		if (list->length == n.length)
			return 0;
		am_buf_consume(list, list->length);
	}
	return am_merge_list(o, c, n, has_account, u, list, u->error);
}

static int put_group(struct users *u, const struct am_record *o, const struct am_record *c,
	const struct am_record *n)
{
	struct am_slice fields[4], members, merged, old = absent;
	struct am_buf list = {0};
	int result;

	if (n == NULL)
		return put_record(u, c);
	for (size_t i = 0; i < 4; i++)
		fields[i] = field(&u->c, c, i);
	members = fields[AM_GROUP_MEMBERS];
	if (o != NULL)
		old = field(&u->o, o, AM_GROUP_MEMBERS);
	result = merge_members(u, old, members, field(&u->n, n, AM_GROUP_MEMBERS), &list);
	merged.at = list.data == NULL ? "" : list.data;
	merged.length = list.length;
	fields[AM_GROUP_MEMBERS] = merged;
	if (result == 0 && (am_slice_equal(merged, members) ||
				   am_slice_equal(field(&u->n, n, AM_GROUP_MEMBERS), old))) {
		result = put_record(u, c);
	} else if (result == 0) {
		struct am_slice values[3] = {old, members, field(&u->n, n, AM_GROUP_MEMBERS)};

		result = am_decide(u->decisions, AM_NOTE, u->flavour->path, c->key, "members",
			values, "merged", AM_FOUND_LISTS, NULL, u->error);
		if (result == 0)
			result = put_line(u, fields, 4);
	}
	am_buf_free(&list);
	return result;
}

static int put_ours(struct users *u, const struct am_record *c)
{
	struct am_record *o, *n;

	if (c->kind != AM_RECORD_LIVE || c->is_repeat)
		return put_record(u, c);
	o = u->o_known ? look_up(&u->o, c->key) : NULL;
	n = look_up(&u->n, c->key);
	if (check_kept(u, o, c, n) != 0)
		return -1;
	return u->flavour == &passwd_flavour ? put_account(u, o, c, n) : put_group(u, o, c, n);
}

static int put_all(struct users *u)
{
	int new_done = 0;

	for (size_t i = 0; i < u->c.count; i++) {
		const struct am_record *c = &u->c.records[i];

		if (!new_done && c->kind == AM_RECORD_RAW && am_colonfile_is_nis(c)) {
			new_done = 1;
			if (put_new(u) != 0)
				return -1;
		}
		if (put_ours(u, c) != 0)
			return -1;
	}
	if (!new_done && put_new(u) != 0)
		return -1;
	return end_line(u);
}

/* --- the public file ------------------------------------------------------------------------ */

static int parse_colon(struct users *u, struct am_records *file, struct am_slice text)
{
	return am_colonfile_parse(
		file, u->flavour->columns, u->flavour->path, text.at, text.length, u->error);
}

/* An O that is no text counts as unknown: the merge is then two-way. */
static int parse_old(struct users *u, struct am_slice text)
{
	if (text.at == NULL)
		return 0;
	u->o_known = parse_colon(u, &u->o, text) == 0;
	if (u->o_known)
		return 0;
	am_records_free(&u->o);
	return am_decide(u->decisions, AM_WARNING, u->flavour->path, absent, NULL, no_values,
		"merged", AM_FOUND_BY_PARSER, u->error->message, u->error);
}

/* The answer where one of C and N is missing; 0 when both are there. */
static int missing_side(const char *path, const struct am_merge_input *input, struct am_buf *out,
	enum am_merge_status *status, struct am_decisions *decisions, struct am_error *error)
{
	struct am_slice text = input->c.at != NULL ? input->c : input->n;

	if (input->c.at != NULL && input->n.at != NULL)
		return 0;
	if (am_merge_shortcut(path, input, status, decisions, error) < 0)
		return -1;
	if (*status == AM_MERGE_ABSENT)
		return 1;
	return am_buf_add(out, text.at, text.length, error) != 0 ? -1 : 1;
}

static int merge_names(
	struct users *u, const struct am_merge_input *input, enum am_merge_status *status)
{
	struct am_slice merged;
	int done = missing_side(u->flavour->path, input, u->out, status, u->decisions, u->error);

	if (done != 0)
		return done < 0 ? -1 : 0;
	if (parse_colon(u, &u->c, input->c) != 0 || parse_colon(u, &u->n, input->n) != 0 ||
		parse_old(u, input->o) != 0)
		return -1;
	u->added = calloc(u->n.count + 1, 1);
	if (u->added == NULL)
		return am_fail_errno(u->error, ENOMEM, "merge: %s", u->flavour->path);
	if (collect_owners(u) != 0 ||
		am_decide_notes(u->decisions, u->flavour->path, &u->c, u->error) != 0 ||
		put_all(u) != 0)
		return -1;
	merged.at = u->out->data == NULL ? "" : u->out->data;
	merged.length = u->out->length;
	*status = am_slice_equal(merged, input->c)   ? AM_MERGE_KEPT
		  : am_slice_equal(merged, input->n) ? AM_MERGE_NEW
						     : AM_MERGE_MERGED;
	return 0;
}

static int was_added(struct users *u, struct am_slice name)
{
	struct am_record *n = look_up(&u->n, name);

	return u->added != NULL && n != NULL && u->added[n - u->n.records];
}

/* --- /etc/security/passwd ------------------------------------------------------------------- */

static int blank_line(struct am_buf *out, struct am_error *error)
{
	if (out->length > 0 && out->data[out->length - 1] != '\n' &&
		am_buf_add(out, "\n", 1, error) != 0)
		return -1;
	if (out->length < 2 || out->data[out->length - 2] == '\n')
		return 0;
	return am_buf_add(out, "\n", 1, error);
}

static int put_locked(struct users *u, struct am_buf *out, struct am_slice name)
{
	if (blank_line(out, u->error) != 0 || am_buf_add(out, name.at, name.length, u->error) != 0)
		return -1;
	return am_buf_addstr(out, ":\n\tpassword = *\n", u->error);
}

/* C as it is, then a locked stanza for each new account that N has one for. */
static int put_shadow(
	struct users *u, struct am_records *c, struct am_records *n, struct am_buf *out)
{
	if (am_records_write(c, out, u->error) != 0)
		return -1;
	for (size_t i = 0; i < n->count; i++) {
		const struct am_record *record = &n->records[i];

		if (record->is_repeat || am_records_find(c, record->key) != NULL ||
			!was_added(u, record->key))
			continue;
		if (put_locked(u, out, record->key) != 0)
			return -1;
	}
	return 0;
}

/* "!" says that the password is in the other file. */
static int check_shadow(struct users *u, struct am_records *shadow)
{
	for (size_t i = 0; i < u->c.count; i++) {
		const struct am_record *c = &u->c.records[i];

		if (c->kind != AM_RECORD_LIVE || c->is_repeat ||
			!am_slice_is(field(&u->c, c, AM_PASSWD_PASSWORD), "!") ||
			am_records_find(shadow, c->key) != NULL)
			continue;
		if (am_decide(u->decisions, AM_NOTE, u->flavour->security_path, c->key, NULL,
			    no_values, "C", AM_FOUND_NO_SHADOW, NULL, u->error) != 0)
			return -1;
	}
	return 0;
}

static int merge_shadow(struct users *u, const struct am_merge_input *input, struct am_buf *out,
	enum am_merge_status *status)
{
	const char *path = u->flavour->security_path;
	struct am_records c = {0}, n = {0};
	size_t before;
	int result = missing_side(path, input, out, status, u->decisions, u->error);

	if (result != 0)
		return result < 0 ? -1 : 0;
	result = -1;
	if (am_stanza_parse(&c, path, input->c.at, input->c.length, u->error) == 0 &&
		am_stanza_parse(&n, path, input->n.at, input->n.length, u->error) == 0 &&
		am_decide_notes(u->decisions, path, &c, u->error) == 0 &&
		check_shadow(u, &c) == 0) {
		before = c.length;
		result = put_shadow(u, &c, &n, out);
		*status = out->length == before ? AM_MERGE_KEPT : AM_MERGE_MERGED;
	}
	am_records_free(&c);
	am_records_free(&n);
	return result;
}

/* --- entry points --------------------------------------------------------------------------- */

static void end(struct users *u, struct am_users_result *result)
{
	result->steps += u->o.steps + u->c.steps + u->n.steps + u->passwd.steps;
	am_records_free(&u->o);
	am_records_free(&u->c);
	am_records_free(&u->n);
	am_records_free(&u->passwd);
	free(u->owners);
	free(u->added);
}

int am_merge_passwd(const struct am_merge_input *names, const struct am_merge_input *security,
	const char *const *mandatory, struct am_users_result *result,
	struct am_decisions *decisions, struct am_error *error)
{
	struct users u = {.flavour = &passwd_flavour,
		.mandatory = mandatory,
		.out = &result->names,
		.decisions = decisions,
		.error = error};
	int status;

	memset(result, 0, sizeof *result);
	status = merge_names(&u, names, &result->names_status);
	if (status == 0)
		status = merge_shadow(&u, security, &result->security, &result->security_status);
	end(&u, result);
	return status;
}

static int admit_group(void *arg, struct am_slice name)
{
	return am_slice_is(name, "default") || was_added(arg, name);
}

int am_merge_group(const struct am_merge_input *names, const struct am_merge_input *security,
	struct am_slice passwd, const char *const *mandatory, struct am_users_result *result,
	struct am_decisions *decisions, struct am_error *error)
{
	struct users u = {.flavour = &group_flavour,
		.mandatory = mandatory,
		.out = &result->names,
		.decisions = decisions,
		.error = error};
	struct am_merge_policy policy = {.file = group_flavour.security_path,
		.parse = am_stanza_parse,
		.fallback = AM_CLASS_USER,
		.keep_obsolete = 1,
		.admit = admit_group,
		.arg = &u};
	int status;

	memset(result, 0, sizeof *result);
	status = am_colonfile_parse(&u.passwd, &am_passwd_columns, passwd_flavour.path,
		passwd.at == NULL ? "" : passwd.at, passwd.length, error);
	if (status == 0)
		status = merge_names(&u, names, &result->names_status);
	if (status == 0)
		status = am_merge(&policy, security, &result->security, &result->security_status,
			decisions, error);
	end(&u, result);
	return status;
}

void am_users_result_free(struct am_users_result *result)
{
	am_buf_free(&result->names);
	am_buf_free(&result->security);
}

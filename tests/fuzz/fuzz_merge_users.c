/* SPDX-License-Identifier: MIT */
/*
 * Accounts and groups: the texts are C and N of the names, C and N of the security file, then both
 * O. No line of C's is lost, ids of C's stay, and merging the result again changes nothing.
 */
#include "config/colon.h"
#include "fuzz.h"
#include "config/merge.h"

enum { C, N, SECURITY_C, SECURITY_N, O, SECURITY_O, PARTS };

static const char accounts[] = "root:!:0:0::/:\njdoe:!:5:1::/:\npconsole:*:8:0::/:\n";

static const char *const mandatory[] = {"root", "nobody", "system", "staff", NULL};

static struct am_slice slice(const struct fuzz_part *part)
{
	return (struct am_slice){part->data, part->length};
}

static int merge(const struct fuzz_part parts[PARTS], int group, struct am_users_result *result)
{
	struct am_merge_input names = {
		slice(&parts[O]), slice(&parts[C]), slice(&parts[N]), AM_MODIFIED_UNKNOWN};
	struct am_merge_input security = {slice(&parts[SECURITY_O]), slice(&parts[SECURITY_C]),
		slice(&parts[SECURITY_N]), AM_MODIFIED_UNKNOWN};
	struct am_decisions decisions = {0};
	struct am_error error;
	int failed;

	memset(result, 0, sizeof *result);
	failed = group ? am_merge_group(&names, &security, am_slice_of(accounts), mandatory, result,
				 &decisions, &error)
		       : am_merge_passwd(&names, &security, mandatory, result, &decisions, &error);
	if (failed != 0)
		fuzz_check_error(&error);
	am_decisions_free(&decisions);
	return failed;
}

static void check_ids(const struct fuzz_part *c, const struct am_buf *merged, int group)
{
	const struct am_columns *columns = group ? &am_group_columns : &am_passwd_columns;
	size_t id = group ? AM_GROUP_GID : AM_PASSWD_UID;
	struct am_records before = {0}, after = {0};
	struct am_error error;

	REQUIRE(am_colonfile_parse(&before, columns, "before", c->data, c->length, &error) == 0);
	REQUIRE(am_colonfile_parse(&after, columns, "after",
			merged->data == NULL ? "" : merged->data, merged->length, &error) == 0);
	for (size_t i = 0; i < before.count; i++) {
		const struct am_record *old = &before.records[i], *new;

		if (old->kind != AM_RECORD_LIVE || old->is_repeat)
			continue;
		new = am_records_find(&after, old->key);
		REQUIRE(new != NULL);
		REQUIRE(am_slice_equal(before.fields[old->first_field + id].value,
			after.fields[new->first_field + id].value));
	}
	am_records_free(&before);
	am_records_free(&after);
}

static void check_again(struct fuzz_part parts[PARTS], int group, struct am_users_result *first)
{
	struct am_users_result second;

	fuzz_part_free(&parts[C]);
	parts[C] = fuzz_copy(first->names.data, first->names.length);
	if (first->security_status != AM_MERGE_ABSENT) {
		fuzz_part_free(&parts[SECURITY_C]);
		parts[SECURITY_C] = fuzz_copy(first->security.data, first->security.length);
	}
	REQUIRE(merge(parts, group, &second) == 0);
	REQUIRE(second.names.length == first->names.length);
	REQUIRE(second.names.length == 0 ||
		memcmp(second.names.data, first->names.data, second.names.length) == 0);
	REQUIRE(second.security.length == first->security.length);
	REQUIRE(second.security.length == 0 ||
		memcmp(second.security.data, first->security.data, second.security.length) == 0);
	am_users_result_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int group = (int)(fuzz_choice(&data, &size) & 1);
	struct fuzz_part parts[PARTS];
	struct am_users_result result;

	for (int i = 0; i < PARTS; i++)
		parts[i] = fuzz_next_part(&data, &size);
	if (merge(parts, group, &result) == 0 && result.names_status != AM_MERGE_ABSENT) {
		if (parts[C].data != NULL && result.names_status == AM_MERGE_MERGED)
			check_ids(&parts[C], &result.names, group);
		check_again(parts, group, &result);
	}
	am_users_result_free(&result);
	for (int i = 0; i < PARTS; i++)
		fuzz_part_free(&parts[i]);
	return 0;
}

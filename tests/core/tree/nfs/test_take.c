/* SPDX-License-Identifier: MIT */
/* What is taken out of answers, and what fails a request because it cannot be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tree/nfs/take.h"

static unsigned char room[8192];

static struct am_xdr results_of(const struct am_xdr_out *out)
{
	assert_false(out->overflow);
	return (struct am_xdr){room, out->at, 0};
}

static void links_keep_to_the_room_and_hold_no_nul(void **state)
{
	static const struct {
		const char *text;
		size_t length;
		int status, bad;
	} cases[] = {{"1234567", 7, NFS3_OK, 0}, {"12345678", 8, NFS3ERR_NAMETOOLONG, 0},
		{"", 0, NFS3_OK, 0}, {"a\0b", 3, NFS3_OK, 1}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char into[8] = "??????";
		struct text text = {into, sizeof into};
		struct request request = {.out = &text, .status = NFS3_OK};
		struct am_xdr_out out = {room, room + sizeof room, 0};
		struct am_xdr results;

		am_xdr_put_u32(&out, 0);
		am_xdr_put_opaque(&out, cases[i].text, cases[i].length);
		results = results_of(&out);
		am_nfs_take_readlink(&request, &results);
		assert_int_equal(results.bad, cases[i].bad);
		assert_int_equal(request.status, cases[i].status);
		if (!cases[i].bad && cases[i].status == NFS3_OK)
			assert_string_equal(into, cases[i].text);
	}
}

static int read_of(uint32_t asked, uint32_t length, int end, struct request *request)
{
	struct am_xdr_out out = {room, room + sizeof room, 0};
	static const char data[100];
	struct am_nfs3_read read;
	struct am_xdr results;

	*request = (struct request){.args.count = asked};
	am_xdr_put_u32(&out, 0);
	am_xdr_put_u32(&out, length);
	am_xdr_put_u32(&out, (uint32_t)end);
	am_xdr_put_opaque(&out, data, length);
	results = results_of(&out);
	return am_nfs_take_read(request, &results, &read);
}

static void reads_are_what_was_asked_for(void **state)
{
	struct request request;

	(void)state;
	assert_int_equal(read_of(10, 10, 0, &request), 0);
	assert_int_equal(read_of(10, 3, 0, &request), 0);
	assert_int_equal(read_of(10, 0, 1, &request), 0);
	assert_int_equal(read_of(10, 11, 1, &request), -1);
	assert_string_equal(request.error.code, "EPROTO");
	assert_int_equal(read_of(10, 0, 0, &request), -1);
	assert_string_equal(request.error.code, "EPROTO");
}

static int written_of(uint32_t sent, uint32_t count, struct request *request)
{
	struct am_xdr_out out = {room, room + sizeof room, 0};
	struct am_nfs3_written written;
	struct am_xdr results;

	*request = (struct request){.args.count = sent};
	am_xdr_put_u64(&out, 0); /* no attributes before and after */
	am_xdr_put_u32(&out, count);
	am_xdr_put_u32(&out, AM_NFS3_FILE_SYNC);
	am_xdr_put_u64(&out, 5);
	results = results_of(&out);
	return am_nfs_take_written(request, &results, &written);
}

static void writes_are_part_of_what_was_sent(void **state)
{
	struct request request;

	(void)state;
	assert_int_equal(written_of(10, 10, &request), 0);
	assert_int_equal(written_of(10, 1, &request), 0);
	assert_int_equal(written_of(10, 0, &request), -1);
	assert_string_equal(request.error.code, "EIO");
	assert_int_equal(written_of(10, 11, &request), -1);
	assert_string_equal(request.error.code, "EPROTO");
}

/* A page of entries named after their cookies, plain ones or "." and "..". */
static void take(struct page *page, struct request *request, const uint64_t *cookies, size_t count,
	int dots, int end)
{
	static struct nfs_fs fs;
	struct am_xdr_out out = {room, room + sizeof room, 0};
	struct am_xdr results;

	fs.plain_lists = 1;
	*request = (struct request){0};
	am_nfs_ask_page(request, &fs, page);
	assert_int_equal(request->procedure, AM_NFS3_READDIR);
	assert_int_equal(request->args.cookie, page->cookie);
	am_xdr_put_u32(&out, 0);
	am_xdr_put_fixed(&out, "verifier", 8);
	for (size_t i = 0; i < count; i++) {
		char name[24];

		snprintf(name, sizeof name, "n%llu", (unsigned long long)cookies[i]);
		am_xdr_put_u32(&out, 1);
		am_xdr_put_u64(&out, 9);
		am_xdr_put_string(&out, dots ? i % 2 ? ".." : "." : name);
		am_xdr_put_u64(&out, cookies[i]);
	}
	am_xdr_put_u32(&out, 0);
	am_xdr_put_u32(&out, (uint32_t)end);
	results = results_of(&out);
	am_nfs_take_page(request, &results);
	assert_false(results.bad);
}

static void pages_go_on_where_the_last_one_ended(void **state)
{
	static const uint64_t first[] = {10, 3, 77}, second[] = {UINT64_MAX, 5};
	struct am_entries entries = {0};
	struct page page = {.entries = &entries, .fsid = 7};
	struct request request;

	(void)state;
	take(&page, &request, first, 3, 0, 0);
	assert_string_equal(request.error.code, "");
	assert_int_equal(page.cookie, 77);
	assert_int_equal(page.end, 0);
	take(&page, &request, second, 2, 0, 1);
	assert_int_equal(page.end, 1);
	assert_int_equal(entries.count, 5);
	am_nfs_page_restart(&page);
	assert_int_equal(entries.count, 0);
	assert_int_equal(page.cookie, 0);
	assert_int_equal(page.fsid, 7);
	take(&page, &request, first, 3, 0, 1); /* what was seen before the restart may come again */
	assert_string_equal(request.error.code, "");
	am_entries_free(&entries);
	am_nfs_page_free(&page);
}

static void a_cookie_that_repeats_is_an_error_wherever_it_is(void **state)
{
	static const uint64_t pages[][3] = {{10, 3, 10}, {4, 5, 6}, {7, 8, 4}};
	struct am_entries entries = {0};
	struct page page = {.entries = &entries};
	struct request request;

	(void)state;
	take(&page, &request, pages[0], 3, 0, 1);
	assert_string_equal(request.error.code, "EPROTO");
	am_nfs_page_restart(&page);
	take(&page, &request, pages[1], 3, 0, 0);
	assert_string_equal(request.error.code, "");
	take(&page, &request, pages[2], 3, 0, 1);
	assert_string_equal(request.error.code, "EPROTO");
	am_entries_free(&entries);
	am_nfs_page_free(&page);
}

/* Servers give these two cookies of their own liking; as long as the list goes on, they count not.
 */
static void the_two_dots_are_left_out(void **state)
{
	static const uint64_t same[] = {1, 1}, ends[] = {0, 0};
	struct am_entries entries = {0};
	struct page page = {.entries = &entries};
	struct request request;

	(void)state;
	take(&page, &request, same, 2, 1, 0);
	assert_string_equal(request.error.code, "");
	assert_int_equal(entries.count, 0);
	am_nfs_page_restart(&page);
	take(&page, &request, ends, 2, 1, 0);
	assert_string_equal(request.error.code, "EPROTO"); /* it would be asked for ever */
	am_entries_free(&entries);
	am_nfs_page_free(&page);
}

static void many_cookies_are_remembered(void **state)
{
	struct am_entries entries = {0};
	struct page page = {.entries = &entries};
	struct request request;
	uint64_t cookies[100];

	(void)state;
	for (uint64_t n = 0; n < 50; n++) {
		for (uint64_t i = 0; i < 100; i++)
			cookies[i] = (n * 100 + i + 1) << 32;
		take(&page, &request, cookies, 100, 0, 0);
		assert_string_equal(request.error.code, "");
	}
	assert_int_equal(entries.count, 5000);
	cookies[0] = (uint64_t)1234 << 32;
	take(&page, &request, cookies, 1, 0, 0);
	assert_string_equal(request.error.code, "EPROTO");
	am_entries_free(&entries);
	am_nfs_page_free(&page);
}

static void another_verifier_is_a_restart(void **state)
{
	static struct nfs_fs fs;

	(void)state;
	am_nfs_set_verifier(&fs, "verifier");
	assert_int_equal(fs.base.restarts, 0);
	am_nfs_set_verifier(&fs, "verifier");
	assert_int_equal(fs.base.restarts, 0);
	am_nfs_set_verifier(&fs, "verifieR");
	assert_int_equal(fs.base.restarts, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_keep_to_the_room_and_hold_no_nul),
		cmocka_unit_test(reads_are_what_was_asked_for),
		cmocka_unit_test(writes_are_part_of_what_was_sent),
		cmocka_unit_test(pages_go_on_where_the_last_one_ended),
		cmocka_unit_test(a_cookie_that_repeats_is_an_error_wherever_it_is),
		cmocka_unit_test(the_two_dots_are_left_out),
		cmocka_unit_test(many_cookies_are_remembered),
		cmocka_unit_test(another_verifier_is_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

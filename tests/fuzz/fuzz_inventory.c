/* SPDX-License-Identifier: MIT */
/*
 * Inventories of filesets: all of what is read lies inside the text, paths lead nowhere but down,
 * and the entries of a part that ends with a line are the first ones of the whole.
 */
#include "aix/inventory.h"
#include "fuzz.h"

struct seen {
	const struct fuzz_part *input;
	size_t count, stop_at;
};

static void check_inside(const struct fuzz_part *input, struct am_slice text)
{
	REQUIRE(text.length == 0 ||
		(text.at >= input->data &&
			text.length <= input->length - (size_t)(text.at - input->data)));
}

static int take(void *arg, const struct am_inventory_entry *entry, struct am_error *error)
{
	struct seen *seen = arg;

	check_inside(seen->input, entry->path);
	check_inside(seen->input, entry->type);
	check_inside(seen->input, entry->target);
	check_inside(seen->input, entry->classes);
	REQUIRE(entry->path.length > 0 && entry->path.at[0] == '/');
	for (size_t i = 0; i + 2 < entry->path.length; i++)
		REQUIRE(memcmp(entry->path.at + i, "/..", 3) != 0 ||
			(i + 3 < entry->path.length && entry->path.at[i + 3] != '/'));
	REQUIRE(entry->type.length > 0);
	REQUIRE(entry->has_size || entry->size == 0);
	if (++seen->count == seen->stop_at)
		return am_fail(error, "STOP", "input: line 1: enough");
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_part input = fuzz_copy(data, size);
	struct am_slice text = {input.data, input.length};
	struct seen all = {.input = &input}, some = {.input = &input};
	struct am_error error;
	int r = am_inventory_parse("input", text, take, &all, &error);

	if (r != 0)
		fuzz_check_error(&error);
	some.stop_at = all.count / 2;
	if (some.stop_at > 0) {
		REQUIRE(am_inventory_parse("input", text, take, &some, &error) == -1);
		REQUIRE(some.count == some.stop_at);
	}
	fuzz_part_free(&input);
	return 0;
}

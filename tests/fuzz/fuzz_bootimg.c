/* SPDX-License-Identifier: MIT */
/*
 * Boot records and boot images: the verdict is the same however the bytes come, and a record that
 * is composed over any sector is one that leads to its image, and keeps what is not place or size.
 */
#include "aix/bosboot.h"
#include "fuzz.h"

static int inspect(const struct fuzz_part *input, size_t step, struct am_boot *boot)
{
	struct am_reader *reader = fuzz_reader(input->data, input->length, step);
	struct am_error error;
	int result;

	memset(boot, 0, sizeof *boot);
	result = am_boot_inspect(reader, boot, &error);
	am_reader_close(reader);
	REQUIRE(result == 0); /* the content never makes reading fail */
	return result;
}

static void check_image(const struct am_bootimg *image)
{
	REQUIRE(image->blocks == (image->size + AM_SECTOR_SIZE - 1) / AM_SECTOR_SIZE);
	REQUIRE((uint64_t)image->code.offset + image->code.size <= image->size);
	REQUIRE((uint64_t)image->parameters.offset + image->parameters.size <= image->size);
	REQUIRE((uint64_t)image->ramfs_start + image->ramfs_size <= image->size);
}

/* A place as the input says, most of them near what fits. */
static struct am_boot_place some_place(const struct fuzz_part *input)
{
	uint32_t words[5] = {0};

	memcpy(words, input->data, input->length < sizeof words ? input->length : sizeof words);
	return (struct am_boot_place){.lv_start = words[0],
		.lv_length = words[1] | (uint64_t)(words[4] & 1) << 33,
		.image_start = (uint64_t)words[0] + words[2] % 3,
		.image_size = (uint64_t)words[3] * (words[4] & 2 ? 1 : AM_SECTOR_SIZE),
		.entry_offset = words[4] >> 2};
}

static void check_compose(const struct fuzz_part *input)
{
	const struct am_boot_place place = some_place(input);
	unsigned char out[AM_SECTOR_SIZE];
	struct am_error error;
	struct am_ipl ipl;

	if (am_ipl_compose(input->data, input->length, &place, out, &error) != 0) {
		fuzz_check_error(&error);
		return;
	}
	REQUIRE(am_ipl_parse(out, sizeof out, &ipl, &error) == 0);
	REQUIRE(am_ipl_check(&ipl, &error) == 0);
	REQUIRE((uint64_t)ipl.boot_code_length * AM_SECTOR_SIZE == place.image_size);
	REQUIRE((uint64_t)ipl.basecust_normal_start + ipl.basecust_normal <=
		place.lv_start + place.lv_length);
	REQUIRE(memcmp(out + 4, input->data + 4, 32) == 0);
	REQUIRE(memcmp(out + 126, input->data + 126, 0x1BE - 126) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_part input = fuzz_copy(data, size);
	struct am_boot whole, drops;
	struct am_bootimg image;
	struct am_error error;
	struct am_ipl ipl;

	inspect(&input, SIZE_MAX, &whole);
	inspect(&input, 11, &drops);
	REQUIRE(whole.has_record == drops.has_record && whole.has_image == drops.has_image);
	REQUIRE(strcmp(whole.problem.code, drops.problem.code) == 0);
	if (whole.has_image && whole.problem.code[0] == '\0')
		check_image(&whole.image);
	check_compose(&input);
	if (am_ipl_parse(input.data, input.length, &ipl, &error) != 0 ||
		am_ipl_check(&ipl, &error) != 0)
		fuzz_check_error(&error);
	if (am_bootimg_parse(input.data, input.length, &image, &error) != 0)
		fuzz_check_error(&error);
	else
		check_image(&image);
	fuzz_part_free(&input);
	return 0;
}

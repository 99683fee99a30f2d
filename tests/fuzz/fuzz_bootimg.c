/* SPDX-License-Identifier: MIT */
/* Boot records and boot images: the verdict is the same however the bytes come. */
#include "aix/bootimg.h"
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

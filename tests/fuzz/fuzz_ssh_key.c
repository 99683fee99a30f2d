/* SPDX-License-Identifier: MIT */
/* Private key files, public key blobs, and base64, which carries every byte. */
#include "base/base64.h"
#include "fuzz.h"
#include "remote/ssh_key.h"

static void check_base64(const struct fuzz_part *input)
{
	char *text = malloc(AM_BASE64_SIZE(input->length));
	unsigned char *back = malloc(input->length + 1);
	long length;

	REQUIRE(text != NULL && back != NULL);
	am_base64_encode((const unsigned char *)input->data, input->length, text);
	REQUIRE(strlen(text) < AM_BASE64_SIZE(input->length));
	length = am_base64_decode(text, strlen(text), back, input->length);
	REQUIRE(length == (long)input->length);
	REQUIRE(length == 0 || memcmp(back, input->data, input->length) == 0);
	length = am_base64_decode(input->data, input->length, back, input->length);
	REQUIRE(length <= (long)(input->length * 3 / 4));
	free(text);
	free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_part input = fuzz_copy(data, size);
	struct am_ssh_key_info info;
	struct am_error error;
	char type[64];

	check_base64(&input);
	am_ssh_blob_type((const unsigned char *)input.data, input.length, type);
	REQUIRE(type[0] != '\0' && strlen(type) < sizeof type);
	if (am_ssh_key_inspect(fuzz_file(data, size), &info, &error) != 0) {
		REQUIRE(strcmp(error.code, "SSH_KEY") == 0);
		fuzz_check_error(&error);
	} else {
		REQUIRE(memchr(info.type, '\0', sizeof info.type) != NULL);
	}
	fuzz_part_free(&input);
	return 0;
}

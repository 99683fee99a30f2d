/* SPDX-License-Identifier: MIT */
/*
 * known_hosts: the input is the file. A key that is in the file in plain for the host is never
 * unknown, and a revoked one never matches.
 */
#include "fuzz.h"
#include "remote/known_hosts.h"

static const unsigned char key[] = "\0\0\0\013ssh-ed25519\0\0\0\1k";
static const char line_text[] = "adachi-AIX7 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAAWs\n";

static void check_all(const struct am_buf *text)
{
	static const struct {
		const char *host;
		int port;
	} hosts[] = {{"adachi-AIX7", 22}, {"ADACHI-NIM", 2222}, {"::1", 22}, {"*", 22}, {"", 22}};
	struct am_buf types = {0};
	struct am_error error;

	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		int line = -1;
		enum am_known_result result = am_known_check(
			text, hosts[i].host, hosts[i].port, key, sizeof key - 1, &line);

		REQUIRE((line == 0) == (result == AM_KNOWN_NONE));
		REQUIRE(am_known_types(text, hosts[i].host, hosts[i].port, &types, &error) == 0);
		if (result == AM_KNOWN_MATCH && hosts[i].port == 22)
			REQUIRE(types.length > 0);
	}
	am_buf_free(&types);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct am_buf text = {0}, more = {0};
	struct am_error error;
	enum am_known_result result;

	REQUIRE(am_buf_add(&text, data, size, &error) == 0);
	check_all(&text);
	REQUIRE(am_buf_addstr(&more, line_text, &error) == 0);
	REQUIRE(am_buf_add(&more, data, size, &error) == 0);
	result = am_known_check(&more, "adachi-AIX7", 22, key, sizeof key - 1, NULL);
	REQUIRE(result == AM_KNOWN_MATCH || result == AM_KNOWN_REVOKED);
	am_buf_free(&text);
	am_buf_free(&more);
	return 0;
}

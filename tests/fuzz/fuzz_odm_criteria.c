/* SPDX-License-Identifier: MIT */
/* Criteria: compiled or refused; a compiled one gives the same answer every time, its brackets too.
 */
#include "fuzz.h"
#include "odm/value.h"

static char names[][8] = {"name", "value", "n", "wide", "real"};
static const struct am_odm_descriptor descriptors[] = {
	{names[0], AM_ODM_CHAR, 16, NULL, NULL, 0, 0, 16},
	{names[1], AM_ODM_VCHAR, 64, NULL, NULL, 0, 16, 4},
	{names[2], AM_ODM_SHORT, 0, NULL, NULL, 0, 20, 2},
	{names[3], AM_ODM_UINT64, 0, NULL, NULL, 0, 24, 8},
	{names[4], AM_ODM_DOUBLE, 0, NULL, NULL, 0, 32, 8},
};
#define FIELDS (sizeof descriptors / sizeof *descriptors)

static const struct am_odm_value objects[][FIELDS] = {
	{{AM_ODM_TEXT, "hdisk0", 6, 0, 0}, {AM_ODM_TEXT, "", 0, 0, 0},
		{AM_ODM_NUMBER, NULL, 0, -1, 0}, {AM_ODM_NUMBER, NULL, 0, -1, 0},
		{AM_ODM_REAL, NULL, 0, 0, 0.5}},
	{{AM_ODM_TEXT, "aaaaaaaaaaaaaaa", 15, 0, 0},
		{AM_ODM_TEXT, "a long value [with] * and ? in it\n", 34, 0, 0},
		{AM_ODM_NUMBER, NULL, 0, 7, 0}, {AM_ODM_NUMBER, NULL, 0, 7, 0},
		{AM_ODM_REAL, NULL, 0, 0, -1e300}},
};

static void get(const void *object, size_t index, struct am_odm_value *value)
{
	REQUIRE(index < FIELDS);
	*value = ((const struct am_odm_value *)object)[index];
}

/* The criteria in parentheses mean the same. */
static void check_brackets(const struct am_odm_criteria *criteria, const char *text)
{
	struct am_error error;
	struct am_buf bracketed = {0};
	struct am_odm_criteria *again;

	REQUIRE(am_buf_addf(&bracketed, &error, "(%s)", text) == 0);
	again = am_odm_criteria_compile(bracketed.data, descriptors, FIELDS, &error);
	for (size_t i = 0; again != NULL && i < sizeof objects / sizeof *objects; i++)
		REQUIRE(am_odm_criteria_match(criteria, get, objects[i]) ==
			am_odm_criteria_match(again, get, objects[i]));
	am_odm_criteria_free(again); /* NULL where the parentheses are one level too many */
	am_buf_free(&bracketed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct am_odm_criteria *criteria;
	struct am_error error;
	char *text = malloc(size + 1);

	REQUIRE(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	criteria = am_odm_criteria_compile(text, descriptors, FIELDS, &error);
	if (criteria == NULL)
		fuzz_check_error(&error);
	else
		check_brackets(criteria, text);
	am_odm_criteria_free(criteria);
	free(text);
	return 0;
}

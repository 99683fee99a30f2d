/* SPDX-License-Identifier: MIT */
/* altmig.bosboot_core: boot records and boot images as tables, records composed. See
 * lua/meta/bosboot_core.lua. */
#include <string.h>

#include "bindutil.h"
#include "aix/bosboot.h"
#include "bind_modules.h"

/* [-0, +1, m] */
static void push_record(lua_State *L, const struct am_ipl *ipl)
{
	lua_newtable(L);
	bu_setint(L, "formatted_capacity", ipl->formatted_capacity);
	bu_setint(L, "boot_code_length", ipl->boot_code_length);
	bu_setint(L, "entry_offset", ipl->entry_offset);
	bu_setint(L, "boot_lv_start", ipl->boot_lv_start);
	bu_setint(L, "boot_code_start", ipl->boot_code_start);
	bu_setint(L, "boot_lv_length", ipl->boot_lv_length);
	bu_setint(L, "load_address", ipl->load_address);
	bu_setint(L, "basecust_normal", ipl->basecust_normal);
	bu_setint(L, "basecust_service", ipl->basecust_service);
	bu_setint(L, "basecust_normal_start", ipl->basecust_normal_start);
	bu_setint(L, "basecust_service_start", ipl->basecust_service_start);
	bu_setint(L, "service_code_length", ipl->service_code_length);
	bu_setint(L, "service_code_start", ipl->service_code_start);
	if (strcmp(ipl->pvid, "0000000000000000") != 0) {
		bu_setstr(L, "pvid", ipl->pvid);
	}
}

/* Sets field `name` of the table at the top. [-0, +0, m] */
static void set_segment(lua_State *L, const char *name, const struct am_bootimg_segment *segment)
{
	lua_newtable(L);
	bu_setint(L, "offset", segment->offset);
	bu_setint(L, "size", segment->size);
	bu_setint(L, "memory_size", segment->memory_size);
	bu_setint(L, "address", segment->address);
	lua_setfield(L, -2, name);
}

/* [-0, +1, m] */
static void push_image(lua_State *L, const struct am_bootimg *image)
{
	lua_newtable(L);
	set_segment(L, "parameters", &image->parameters);
	set_segment(L, "code", &image->code);
	bu_setint(L, "entry", image->entry);
	bu_setint(L, "load_base", image->load_base);
	bu_setint(L, "min_rmo_size", image->min_rmo_size);
	bu_setint(L, "timestamp", image->timestamp);
	bu_setint(L, "aixmon_size", image->aixmon_size);
	bu_setint(L, "compressed_kernel_size", image->compressed_kernel_size);
	bu_setint(L, "kernel_size", image->kernel_size);
	bu_setint(L, "kernel_start", (lua_Integer)image->kernel_start);
	bu_setint(L, "ramfs_start", image->ramfs_start);
	bu_setint(L, "ramfs_size", image->ramfs_size);
	bu_setint(L, "size", (lua_Integer)image->size);
	bu_setint(L, "blocks", (lua_Integer)image->blocks);
}

static int push_inspection(lua_State *L, const struct am_boot *boot)
{
	lua_newtable(L);
	if (boot->has_record) {
		push_record(L, &boot->record);
		lua_setfield(L, -2, "boot_record");
	}
	if (boot->has_image) {
		push_image(L, &boot->image);
		lua_setfield(L, -2, "image");
	}
	bu_setstr(L, "verdict", am_boot_verdict(boot));
	if (boot->problem.code[0] != '\0') {
		bu_setstr(L, "problem", boot->problem.message);
		bu_setstr(L, "code", boot->problem.code);
	}
	return 1;
}

/* inspect(reader_or_string) */
static int l_inspect(lua_State *L)
{
	struct am_reader *reader;
	struct am_error error;
	struct am_boot boot;

	if (lua_type(L, 1) == LUA_TSTRING) {
		struct am_reader **slot = bu_newreader(L, 0);
		size_t length;
		const char *data = lua_tolstring(L, 1, &length);

		reader = *slot = am_reader_memory("boot image", data, length, &error);
		if (reader == NULL)
			return bu_fail(L, &error);
	} else {
		reader = bu_checkreader(L, 1);
	}
	if (am_boot_inspect(reader, &boot, &error) < 0)
		return bu_fail(L, &error);
	return push_inspection(L, &boot);
}

/* header(bytes): the headers of an image, whether or not the rest of it is there. */
static int l_header(lua_State *L)
{
	struct am_boot boot = {0};
	size_t length;
	const char *data = luaL_checklstring(L, 1, &length);

	boot.has_image = am_bootimg_parse(data, length, &boot.image, &boot.problem) == 0;
	return push_inspection(L, &boot);
}

/* A field that is a number of sectors or bytes. [-0, +0, v] */
static uint64_t check_number(lua_State *L, int table, const char *name)
{
	lua_Integer value;
	int is_integer;

	lua_getfield(L, table, name);
	value = lua_tointegerx(L, -1, &is_integer);
	if (!is_integer || value < 0)
		luaL_error(L, "compose: %s: a number of sectors or bytes expected", name);
	lua_pop(L, 1);
	return (uint64_t)value;
}

/* compose(sector, place) */
static int l_compose(lua_State *L)
{
	unsigned char out[AM_SECTOR_SIZE];
	struct am_boot_place place;
	struct am_error error;
	const char *sector;
	size_t length;

	sector = luaL_checklstring(L, 1, &length);
	luaL_checktype(L, 2, LUA_TTABLE);
	place.lv_start = check_number(L, 2, "lv_start");
	place.lv_length = check_number(L, 2, "lv_length");
	place.image_start = check_number(L, 2, "image_start");
	place.image_size = check_number(L, 2, "image_size");
	place.entry_offset = check_number(L, 2, "entry_offset");
	if (am_ipl_compose(sector, length, &place, out, &error) < 0)
		return bu_fail(L, &error);
	lua_pushlstring(L, (const char *)out, sizeof out);
	return 1;
}

int luaopen_altmig_bosboot_core(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"inspect", l_inspect}, {"header", l_header}, {"compose", l_compose}, {NULL, NULL}};

	luaL_newlib(L, functions);
	bu_setint(L, "savebase_sectors", AM_SAVEBASE_SECTORS);
	return 1;
}

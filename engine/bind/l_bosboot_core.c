/* SPDX-License-Identifier: MIT */
/* altmig.bosboot_core: boot records and boot images as tables. See lua/meta/bosboot_core.lua. */
#include <string.h>

#include "bindutil.h"
#include "aix/bootimg.h"
#include "modules_bind.h"

static void set_int(lua_State *L, const char *name, uint64_t value)
{
	lua_pushinteger(L, (lua_Integer)value);
	lua_setfield(L, -2, name);
}

/* [-0, +1, m] */
static void push_record(lua_State *L, const struct am_ipl *ipl)
{
	lua_newtable(L);
	set_int(L, "formatted_capacity", ipl->formatted_capacity);
	set_int(L, "boot_code_length", ipl->boot_code_length);
	set_int(L, "entry_offset", ipl->entry_offset);
	set_int(L, "boot_lv_start", ipl->boot_lv_start);
	set_int(L, "boot_code_start", ipl->boot_code_start);
	set_int(L, "boot_lv_length", ipl->boot_lv_length);
	set_int(L, "load_address", ipl->load_address);
	set_int(L, "basecust_normal", ipl->basecust_normal);
	set_int(L, "basecust_service", ipl->basecust_service);
	set_int(L, "basecust_normal_start", ipl->basecust_normal_start);
	set_int(L, "basecust_service_start", ipl->basecust_service_start);
	set_int(L, "service_code_length", ipl->service_code_length);
	set_int(L, "service_code_start", ipl->service_code_start);
	if (strcmp(ipl->pvid, "0000000000000000") != 0) {
		lua_pushstring(L, ipl->pvid);
		lua_setfield(L, -2, "pvid");
	}
}

/* Sets field `name` of the table at the top. [-0, +0, m] */
static void set_segment(lua_State *L, const char *name, const struct am_bootimg_segment *segment)
{
	lua_newtable(L);
	set_int(L, "offset", segment->offset);
	set_int(L, "size", segment->size);
	set_int(L, "memory_size", segment->memory_size);
	set_int(L, "address", segment->address);
	lua_setfield(L, -2, name);
}

/* [-0, +1, m] */
static void push_image(lua_State *L, const struct am_bootimg *image)
{
	lua_newtable(L);
	set_segment(L, "parameters", &image->parameters);
	set_segment(L, "code", &image->code);
	set_int(L, "entry", image->entry);
	set_int(L, "load_base", image->load_base);
	set_int(L, "min_rmo_size", image->min_rmo_size);
	set_int(L, "timestamp", image->timestamp);
	set_int(L, "aixmon_size", image->aixmon_size);
	set_int(L, "compressed_kernel_size", image->compressed_kernel_size);
	set_int(L, "kernel_size", image->kernel_size);
	set_int(L, "ramfs_start", image->ramfs_start);
	set_int(L, "ramfs_size", image->ramfs_size);
	set_int(L, "size", image->size);
	set_int(L, "blocks", image->blocks);
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
	if (boot->problem.code[0] != '\0') {
		lua_pushstring(L, boot->problem.message);
		lua_setfield(L, -2, "problem");
		lua_pushstring(L, boot->problem.code);
		lua_setfield(L, -2, "code");
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

int luaopen_altmig_bosboot_core(lua_State *L)
{
	static const luaL_Reg functions[] = {{"inspect", l_inspect}, {NULL, NULL}};

	luaL_newlib(L, functions);
	return 1;
}

/* SPDX-License-Identifier: MIT */
/* altmig.bosboot_core: boot records and boot images as tables. See lua/meta/bosboot_core.lua. */
#include <string.h>

#include "bindutil.h"
#include "aix/bootimg.h"
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

int luaopen_altmig_bosboot_core(lua_State *L)
{
	static const luaL_Reg functions[] = {{"inspect", l_inspect}, {NULL, NULL}};

	luaL_newlib(L, functions);
	return 1;
}

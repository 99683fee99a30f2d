/* SPDX-License-Identifier: MIT */
#include "modules.h"

#include <stddef.h>

#include "line.h"
#include "bind_modules.h"

const luaL_Reg host_modules[] = {
	{"altmig.bff", luaopen_altmig_bff},
	{"altmig.bigar", luaopen_altmig_bigar},
	{"altmig.bosboot_core", luaopen_altmig_bosboot_core},
	{"altmig.escape", luaopen_altmig_escape},
	{"altmig.installp_core", luaopen_altmig_installp_core},
	{"altmig.installp_run", luaopen_altmig_installp_run},
	{"altmig.journal", luaopen_altmig_journal},
	{"altmig.json", luaopen_altmig_json},
	{"altmig.merge_core", luaopen_altmig_merge_core},
	{"altmig.odm_core", luaopen_altmig_odm_core},
	{"altmig.sandbox", luaopen_altmig_sandbox},
	{"altmig.ssh", luaopen_altmig_ssh},
	{"altmig.line", luaopen_altmig_line},
	{"altmig.sys", luaopen_altmig_sys},
	{"altmig.tree", luaopen_altmig_tree_nfs},
	{NULL, NULL},
};

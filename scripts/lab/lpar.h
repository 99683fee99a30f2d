/* SPDX-License-Identifier: MIT */
/*
 * The Lua module `lpar.core`, which lib/inside.lua completes to `lpar`: what an emulated LPAR needs
 * of Linux that the engine does not - mounts, namespaces, the world outside a chroot, and an NFS
 * mount without an NFS client in the kernel.
 */
#ifndef LAB_LPAR_H
#define LAB_LPAR_H

#include <lua.h>

int luaopen_lpar_core(lua_State *L);

/*
 * Asks HOST's mount daemon (found through its port mapper) for `path`, as a mount command would.
 * `address` is an IPv4 address in network order. 0: the server exports the path to this host.
 * Else -1, with a lower-case reason in `why` and an upper-case code in `code`.
 */
int lab_mountd_ask(
	unsigned address, const char *path, char *why, unsigned why_size, const char **code);

#endif

/* altmig.tree with trees over NFS: the module of the engine's own program. */
#include "bindutil.h"
#include "modules_bind.h"
#include "tree_bind.h"

int luaopen_altmig_tree_nfs(lua_State *L)
{
	luaopen_altmig_tree(L);
	return 1;
}

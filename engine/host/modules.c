#include "modules.h"

#include <stddef.h>

const luaL_Reg host_modules[] = {
	{NULL, NULL},
};

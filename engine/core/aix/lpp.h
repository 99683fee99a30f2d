/* SPDX-License-Identifier: MIT */
/*
 * lpp_name, the file every installp image begins with: which filesets it holds, at which level,
 * what they ask for, what they take and what they replace. Format 4, which AIX has had since
 * version 4.
 *
 * The frame is checked: the first line, names, levels, brackets. What a line of a section says is
 * taken as far as it is understood, since packages of other vendors leave numbers or whole sections
 * out and installp takes them.
 *
 * Code of failure: LPP_NAME, with "lpp_name: NAME: line N: reason".
 */
#ifndef ALTMIG_AIX_LPP_H
#define ALTMIG_AIX_LPP_H

#include <stddef.h>
#include <stdint.h>

#include "aix/requisite.h"
#include "base/error.h"
#include "base/slice.h"

/*
 * What one lpp_name may have. The largest known, that of bos, has some hundred filesets and some
 * thousand lines; each line costs memory many times its length.
 */
#define AM_LPP_FILESETS 10000
#define AM_LPP_LINES    200000

/* Room that a directory's file system must have, in blocks of 512 bytes. INSTWORK, PAGESPACE and
 * SAVESPACE are written as directories too. */
struct am_lpp_size {
	struct am_slice path;
	uint64_t blocks, temporary;
	int is_known; /* 0: the line has no number */
};

/* A level that this one takes the place of. */
struct am_lpp_supersede {
	struct am_slice name;
	struct am_level level;
};

struct am_lpp_fix {
	struct am_slice id, abstract;
};

struct am_lpp_fileset {
	struct am_slice name, level_text;
	struct am_level level;
	char bosboot; /* N, B, b or Y */
	char content; /* U usr, B usr and root, H share */
	struct am_slice language, description, comments;
	struct am_slice requisite_text; /* as written */
	struct am_requisites requisites;
	struct am_lpp_size *sizes;
	struct am_lpp_supersede *supersedes;
	struct am_lpp_fix *fixes;
	size_t size_count, supersede_count, fix_count;
	size_t line;
};

/* All text is that of the caller. */
struct am_lpp {
	char platform;        /* R, I or N */
	struct am_slice type; /* I install, S update, ML, ... */
	struct am_slice package;
	struct am_lpp_fileset *filesets;
	size_t count;
	size_t length; /* of the text up to the line with the last brace; what follows is nothing */
};

/* `name` is for messages. More filesets or lines than above are a failure, too. Free with
 * am_lpp_free, also after a failure. */
int am_lpp_parse(
	struct am_lpp *lpp, const char *name, struct am_slice text, struct am_error *error);
void am_lpp_free(struct am_lpp *lpp);

#endif

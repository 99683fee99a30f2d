/* SPDX-License-Identifier: MIT */
/* Restoring many members at a time, where am_pipeline_can(). */
#ifndef ALTMIG_RESTORE_SCHEDULE_H
#define ALTMIG_RESTORE_SCHEDULE_H

#include "restore/member.h"

int am_restore_many(struct restore *r, struct am_error *error);

#endif

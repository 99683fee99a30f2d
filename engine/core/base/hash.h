/* SPDX-License-Identifier: MIT */
/*
 * The hash of a text, for tables in memory: SipHash-2-4 under a random key of this process, so that
 * nobody who names files or records can choose names that all fall into one place of a table. It
 * is another one in the next process: never write it to a disk.
 */
#ifndef ALTMIG_BASE_HASH_H
#define ALTMIG_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t am_hash(const char *text, size_t length);

/* The same under a given key. */
uint64_t am_hash_keyed(const uint64_t key[2], const char *text, size_t length);

#endif

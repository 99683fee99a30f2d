/* SPDX-License-Identifier: MIT */
/*
 * Base64 (RFC 4648), as keys and fingerprints of SSH are written. Written here because
 * libssh2_base64_decode passes over characters outside the alphabet and has no counterpart that
 * encodes, and b64_pton and b64_ntop of <resolv.h> are not POSIX and insist on padding.
 */
#ifndef ALTMIG_BASE_BASE64_H
#define ALTMIG_BASE_BASE64_H

#include <stddef.h>

/*
 * Decodes `length` characters; padding may be there or missing. Returns the number of bytes written
 * to `out`, or -1 for a character outside the alphabet or more than `size` bytes.
 */
long am_base64_decode(const char *text, size_t length, unsigned char *out, size_t size);

/*
 * Encodes without padding, as OpenSSH prints fingerprints. `out` needs AM_BASE64_SIZE(length)
 * bytes, the NUL included.
 */
#define AM_BASE64_SIZE(length) (((length) + 2) / 3 * 4 + 1)
void am_base64_encode(const unsigned char *data, size_t length, char *out);

#endif

/* SPDX-License-Identifier: MIT */
/* Counts the calls that csrc makes and that can fail: of the allocator, of
** libcurl, libuv and the file system. While armed, one of them does fail. */
#ifndef MAREA_TORTURE_SHIM_H
#define MAREA_TORTURE_SHIM_H

void shim_arm (long n);            /* the n-th call from now on fails */
const char *shim_disarm (void);    /* the name of what failed; NULL: nothing */

/* What is held and not given back: writes "3 blocks, 1 easy", say, and returns
** whether that is nothing. */
int shim_balance (char *to, unsigned long size);

#endif

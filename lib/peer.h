/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer.h: what a call slept on, in words, and what kind of waiting that makes
 * it: from the kernel's facts (struct wire_fd) and the call's arguments.
 *
 * Pure: the descriptor itself may be closed or another's by now.
 */
#ifndef PEER_H
#define PEER_H

#include "bpf/wire.h"
#include "report.h"

#define PEER_ADDRESS 64 /* "[2001:db8::1]:443" with its NUL */

/* Kept with the report, equal peers once; NULL: the call slept on nothing known, or no memory.
 * path: of the mapped file that a page fault wanted; "": not known. */
const struct gw_peer *peer_of(struct gw_report *report, const struct wire_stack *stack,
			      const char *path);

/* sleep lock gil file network poll process pagefault other (report.md, waits). */
const char *peer_class(const struct wire_stack *stack, const struct gw_peer *peer);

/* "tcp 10.0.0.5:5432", "/var/log/app.log (ext4)"; "" for NULL. */
void peer_text(const struct gw_peer *peer, char *text, size_t size);

#endif

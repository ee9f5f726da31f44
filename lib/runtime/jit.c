// SPDX-License-Identifier: BSD-2-Clause
/*
 * jit.c: names of compiled code as V8 and CPython write them into a perf map.
 *
 *	JS:*render /srv/app/views.js:12:20      optimized; ^ ~ + are other tiers
 *	LazyCompile:*render /srv/app/views.js:12
 *	py::render:/srv/app/views.py
 *	Builtin:ArrayMap, BytecodeHandler:..., RegExp:...   not the application's
 */
#include <stdlib.h>
#include <string.h>
#include "greenwatch.h"
#include "runtime/native.h"

static const char *const scripts[] = { "JS:", "LazyCompile:", "Function:", "Script:", "Eval:" };

/* Splits "FILE:LINE" or "FILE:LINE:COLUMN" in place; the line, 0 if there is none. */
static uint32_t cut_line(char *file)
{
	uint32_t line = 0;

	for (unsigned int parts = 0; parts < 2; parts++) {
		char *colon = strrchr(file, ':');

		if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1))
			break;
		line = (uint32_t)strtoul(colon + 1, NULL, 10);
		*colon = '\0';
	}
	return line;
}

static bool is_own(const char *file)
{
	return (file[0] == '/' || !strncmp(file, "file://", 7)) && !strstr(file, "/node_modules/");
}

/* text: behind the kind, "*render /srv/app/views.js:12:20". */
static void script(struct native *out, char *text)
{
	char *name = text + strspn(text, "*^~+"), *file = strchr(name, ' ');

	out->frame.kind = GW_FRAME_JAVASCRIPT;
	if (file) {
		*file++ = '\0';
		out->frame.line = cut_line(file);
		out->frame.app = is_own(file);
		out->frame.file = file[0] ? strncmp(file, "file://", 7) ? file : file + 7 : NULL;
	}
	out->frame.name = name[0] ? name : "(anonymous)";
}

void jit_frame(const char *name, struct native *out)
{
	size_t len = strnlen(name, sizeof(out->name) - 1);

	memcpy(out->name, name, len);
	out->name[len] = '\0';
	out->frame.name = out->name;
	out->frame.module = "[jit]";
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		if (!strncmp(out->name, scripts[i], strlen(scripts[i]))) {
			script(out, out->name + strlen(scripts[i]));
			return;
		}
}

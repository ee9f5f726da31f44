// SPDX-License-Identifier: BSD-2-Clause
/*
 * sink.c: the table of output formats.
 *
 * Adding a format is one file that ends in a struct sink_ops, and one row
 * here. Nothing is rendered in this file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sink/sink.h"

static const struct sink_ops *const sinks[] = {
	&sink_text,         &sink_json,    &sink_jsonl,      &sink_html,   &sink_markdown,
	&sink_csv,          &sink_folded,  &sink_speedscope, &sink_pprof,  &sink_perfetto,
	&sink_junit,        &sink_sarif,   &sink_github,     &sink_gitlab, &sink_baseline,
	&sink_suppressions, &sink_verdict, &sink_audit,
};

int gw_format_at(size_t i, struct gw_format *out)
{
	if (i >= sizeof(sinks) / sizeof(sinks[0]))
		return -ENOENT;
	*out = (struct gw_format){ .name = sinks[i]->name,
				   .extension = sinks[i]->extension,
				   .help = sinks[i]->help,
				   .binary = sinks[i]->binary };
	return 0;
}

/* The caller's struct may be older (shorter) or newer (longer, with zeroes) than ours. */
static int take_opts(struct gw_sink_opts *out, const struct gw_sink_opts *opts)
{
	const unsigned char *tail = (const unsigned char *)opts;

	*out = (struct gw_sink_opts){ .width = 80 };
	if (!opts)
		return 0;
	for (size_t i = sizeof(*out); i < opts->sz; i++) {
		if (tail[i])
			return -E2BIG;
	}
	memcpy(out, opts, opts->sz < sizeof(*out) ? opts->sz : sizeof(*out));
	if (!out->width)
		out->width = 80;
	return 0;
}

int gw_sink_open(struct gw_sink **out, const char *format, FILE *to,
		 const struct gw_sink_opts *opts)
{
	struct gw_sink *sink;
	int err;

	sink = calloc(1, sizeof(*sink));
	if (!sink)
		return -ENOMEM;
	err = take_opts(&sink->opts, opts);
	sink->to = to;
	for (size_t i = 0; i < sizeof(sinks) / sizeof(sinks[0]); i++) {
		if (!strcmp(sinks[i]->name, format))
			sink->ops = sinks[i];
	}
	if (!err && !sink->ops)
		err = -EINVAL;
	if (!err && sink->ops->open)
		err = sink->ops->open(sink);
	if (err) {
		gw_sink_close(sink);
		return err;
	}
	*out = sink;
	return 0;
}

int gw_sink_start(struct gw_sink *sink, const struct gw_report *report)
{
	return sink->ops->start ? sink->ops->start(sink, report) : 0;
}

int gw_sink_stall(struct gw_sink *sink, const struct gw_report *report,
		  const struct gw_stall *stall)
{
	return sink->ops->stall ? sink->ops->stall(sink, report, stall) : 0;
}

int gw_sink_end(struct gw_sink *sink, const struct gw_report *report)
{
	return sink->ops->end ? sink->ops->end(sink, report) : 0;
}

void gw_sink_close(struct gw_sink *sink)
{
	if (!sink)
		return;
	if (sink->ops && sink->ops->close)
		sink->ops->close(sink);
	free(sink);
}

int sink_flush(const struct gw_sink *sink)
{
	if (fflush(sink->to))
		return errno ? -errno : -EIO;
	return ferror(sink->to) ? -EIO : 0;
}

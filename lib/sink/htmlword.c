// SPDX-License-Identifier: BSD-2-Clause
/*
 * htmlword.c: the words and small figures that the sections are made of.
 *
 * Figures are inline SVG with sizes in attributes, since the page's policy
 * forbids styles in attributes; colours come from classes.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "sink/html.h"

#define FRAMES 96 /* of a stack that are shown; the outermost give way */

void html_own(FILE *to, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", to);
			break;
		case '<':
			fputs("&lt;", to);
			break;
		case '>':
			fputs("&gt;", to);
			break;
		case '"':
			fputs("&quot;", to);
			break;
		case '\'':
			fputs("&#39;", to);
			break;
		default:
			fputc(*text, to);
		}
	}
}

void html_say(FILE *to, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	html_own(to, text);
}

void html_text(FILE *to, const char *text)
{
	char safe[ESCAPE_SIZE(ESCAPE_NAME)];

	gw_escape(safe, sizeof(safe), text ? text : "?");
	html_own(to, safe);
}

void html_sentence(FILE *to, const char *text)
{
	char safe[ESCAPE_SIZE(ESCAPE_SENTENCE)];

	escape(safe, sizeof(safe), text ? text : "", ESCAPE_SENTENCE);
	html_own(to, safe);
}

const char *html_cause(enum gw_cause cause)
{
	static const char *const words[HTML_CAUSES] = {
		[GW_CAUSE_UNKNOWN] = "unknown",
		[GW_CAUSE_CPU] = "on the CPU",
		[GW_CAUSE_GC] = "garbage collection",
		[GW_CAUSE_SYSCALL] = "blocked in a call",
		[GW_CAUSE_LOCK] = "waiting for a lock",
		[GW_CAUSE_GIL] = "waiting for the GIL",
		[GW_CAUSE_PAGEFAULT] = "page fault",
		[GW_CAUSE_CROWD] = "crowd of tasks",
		[GW_CAUSE_RUNQUEUE] = "waiting for a CPU",
		[GW_CAUSE_THROTTLED] = "CPU quota used up",
		[GW_CAUSE_STOPPED] = "stopped from outside",
	};

	return words[(size_t)cause < HTML_CAUSES ? cause : GW_CAUSE_UNKNOWN];
}

void html_swatch(FILE *to, enum gw_cause cause)
{
	fprintf(to,
		"<span class=\"cause\"><svg class=\"swatch\" viewBox=\"0 0 8 8\" "
		"aria-hidden=\"true\"><rect class=\"c-%s\" width=\"8\" "
		"height=\"8\"/></svg>%s</span>",
		gw_cause_name(cause), html_cause(cause));
}

void html_frame(FILE *to, const struct gw_frame *frame)
{
	char place[TEXT_PLACE];

	fputs("<span class=\"fn\">", to);
	html_text(to, frame->name);
	fputs("</span>", to);
	text_place(place, frame);
	if (!place[0] && !frame->nameless)
		return;
	fputs(" <span class=\"at\">", to);
	if (frame->nameless)
		html_text(to, frame->nameless);
	else
		html_own(to, place);
	fputs("</span>", to);
}

void html_loop(const struct html *html, uint32_t pid, uint32_t tid)
{
	char id[32];

	fputs(text_loop(id, html->report, pid, tid), html->to);
}

void html_peer(FILE *to, const struct gw_peer *peer)
{
	const char *what;

	if (!peer || !peer->kind || !strncmp(peer->kind, "futex", 5))
		return;
	what = peer->remote ? peer->remote : peer->path;
	fputs("<span class=\"peer\">", to);
	html_text(to, peer->kind);
	if (what) {
		fputc(' ', to);
		html_text(to, what);
	}
	if (peer->fd >= 0)
		fprintf(to, ", descriptor %" PRId32, peer->fd);
	fputs("</span>", to);
}

void html_rule(FILE *to, const char *rule)
{
	if (!rule)
		return;
	fputs("<span class=\"rule\">", to);
	html_text(to, rule);
	fputs("</span>", to);
}

/* The steps of a rule: one a line. */
static void steps(FILE *to, const char *text)
{
	if (!text || !*text)
		return;
	fputs("<ol>", to);
	while (*text) {
		size_t len = strcspn(text, "\n");
		char line[ESCAPE_SIZE(ESCAPE_NAME)];

		snprintf(line, sizeof(line), "%.*s", (int)len, text);
		fputs("<li>", to);
		html_own(to, line);
		fputs("</li>", to);
		text += len + (text[len] == '\n');
	}
	fputs("</ol>", to);
}

void html_advice(FILE *to, const struct gw_advice *advice)
{
	static const char *const sure[] = {
		[GW_CONFIDENCE_LOW] = "confidence: low",
		[GW_CONFIDENCE_MEDIUM] = "confidence: medium",
		[GW_CONFIDENCE_HIGH] = "confidence: high",
	};
	const struct gw_rule *rule = advice->rule ? gw_rule_find(advice->rule) : NULL;

	if (!advice->rule)
		return;
	fputs("<h4>What to change</h4><p>", to);
	html_rule(to, advice->rule);
	fputc(' ', to);
	html_sentence(to, advice->title);
	fprintf(to, " <span class=\"dim\">(%s)</span></p><p><strong>", sure[advice->confidence]);
	html_sentence(to, advice->fix);
	fputs("</strong></p>", to);
	if (rule)
		steps(to, rule->steps);
	fputs("<p class=\"dim\">More: <code>greenwatch explain ", to);
	html_text(to, advice->rule);
	fputs("</code></p>", to);
}

static void stack_frame(FILE *to, const struct gw_frame *frame, bool here)
{
	fprintf(to, "<li%s><span class=\"kind\">%s</span><span class=\"call\">",
		frame->app ? " class=\"app\"" : "", format_frame_kind(frame->kind));
	html_frame(to, frame);
	if (here)
		fputs(" <span class=\"here\">&larr; here</span>", to);
	fputs("</span></li>", to);
}

void html_stack(const struct html *html, uint32_t stack, uint32_t here)
{
	const uint32_t *frames;
	uint32_t depth = stack == GW_NONE ? 0 : report_stack(html->report, stack, &frames), n;

	if (!depth)
		return;
	n = depth < FRAMES ? depth : FRAMES;
	fputs("<h4>Stack <span class=\"dim\">outermost call first</span></h4>"
	      "<ol class=\"stack\">",
	      html->to);
	if (n < depth)
		fprintf(html->to,
			"<li><span class=\"kind\">cut</span><span class=\"call\">%" PRIu32
			" frames further out</span></li>",
			depth - n);
	for (uint32_t i = n; i-- > 0;)
		stack_frame(html->to, report_frame(html->report, frames[i]), frames[i] == here);
	fputs("</ol>", html->to);
}

void html_spark(FILE *to, const uint64_t *values, uint32_t n)
{
	uint64_t max = 1;

	for (uint32_t i = 0; i < n; i++)
		max = values[i] > max ? values[i] : max;
	fprintf(to,
		"<svg class=\"spark\" viewBox=\"0 0 %" PRIu32 " 20\" preserveAspectRatio=\"none\" "
		"aria-hidden=\"true\"><path d=\"",
		n ? n : 1);
	for (uint32_t i = 0; i < n; i++) {
		unsigned high = (unsigned)((double)values[i] * 20 / (double)max + 0.5);

		if (values[i])
			fprintf(to, "M%" PRIu32 " 20v-%uh1v%uz", i, high ? high : 1,
				high ? high : 1);
	}
	fputs("\"/></svg>", to);
}

void html_bar(FILE *to, double part, const char *class)
{
	int width = (int)(part * 1000 + 0.5);

	if (part > 0 && width < 4)
		width = 4;
	fprintf(to,
		"<svg class=\"bar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" "
		"aria-hidden=\"true\"><rect class=\"%s\" width=\"%d\" height=\"10\"/></svg>",
		class, width);
}

void html_table(FILE *to, const char *label, const char *const *heads, size_t n)
{
	fprintf(to,
		"<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"%s\"><table>"
		"<thead><tr>",
		label);
	for (size_t i = 0; i < n; i++) { /* # before the head of numbers */
		bool number = heads[i][0] == '#';

		fprintf(to, "<th scope=\"col\"%s>%s</th>", number ? " class=\"num\"" : "",
			heads[i] + number);
	}
	fputs("</tr></thead>\n", to);
}

void html_table_end(FILE *to)
{
	fputs("</table></div>\n", to);
}

void html_number(FILE *to, const char *value)
{
	fputs("<td class=\"num\">", to);
	html_own(to, value);
	fputs("</td>", to);
}

void html_section(FILE *to, const char *id, const char *title)
{
	fprintf(to, "<section id=\"%s\" aria-labelledby=\"h-%s\"><h2 id=\"h-%s\">%s</h2>\n", id, id,
		id, title);
}

void html_section_end(FILE *to)
{
	fputs("</section>\n", to);
}

void html_more(FILE *to, uint64_t n, const char *what)
{
	char count[FORMAT_TIME];

	if (n)
		fprintf(to, "<p class=\"dim\">%s more %s; the JSON report lists all.</p>\n",
			format_count(count, n), what);
}

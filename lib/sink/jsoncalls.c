// SPDX-License-Identifier: BSD-2-Clause
/*
 * jsoncalls.c: the inventory of calls as JSON values.
 */
#include "sink/json.h"

cJSON *json_call(struct json *json, const struct gw_report *report, const struct report_call *call)
{
	cJSON *item = cJSON_CreateObject();

	json_loop_id(json, item, "loop", report, call->loop);
	json_text(json, item, "call", call->call);
	json_text(json, item, "class", call->class);
	json_peer(json, item, call->peer);
	json_number(json, item, "calls", call->calls);
	json_number(json, item, "total_ns", call->total_ns);
	json_number(json, item, "max_ns", call->max_ns);
	if (call->frame != GW_NONE)
		json_number(json, item, "frame", call->frame);
	if (call->stack != GW_NONE)
		json_number(json, item, "stack", call->stack);
	json_advice(json, item, &call->advice);
	return item;
}

// SPDX-License-Identifier: BSD-2-Clause
/*
 * schema.c: the contract of the JSON report, inside the program.
 *
 * The Makefile turns docs/greenwatch-report-1.schema.json into schema.h.
 */
#include "greenwatch.h"
#include "schema.h"

const char *gw_schema(void)
{
	return schema_json;
}

const char *gw_version(void)
{
	return GW_VERSION;
}

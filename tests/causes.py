"""causes.py: what is made of lib/causes.tsv: the texts in C (lib/rules/texts*.c) and docs/causes/.

    causes.py          writes them
    causes.py --check  says what is out of date, exit status 1; changes nothing
"""

import csv
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
COLUMNS = ["id", "area", "title", "looks", "fix", "steps", "pool", "source"]
POOL = {"yes": "GW_POOL_YES", "no": "GW_POOL_NO", "latency-only": "GW_POOL_LATENCY", "n-a": "GW_POOL_NONE"}
# the same words as in cli/explain.c
HELPS = {
    "yes": "Yes: the call lets other threads run meanwhile.",
    "no": "No: it holds the GIL, in a thread as well. The loop would wait all the same.",
    "latency-only": "In part: the loop is late less, but no more work gets done.",
    "n-a": "It does not apply here.",
}
AREAS = {
    "databases": "Databases", "sockets-rpc-dns": "Sockets, RPC, DNS", "sleep-locks-threads": "Sleeping, locks, threads",
    "files-logs-processes": "Files, logs, processes", "cpu": "On the CPU", "runtime": "Runtime", "host": "Host",
    "node": "Node", "tokio": "tokio", "other-loops": "Other loops",
}
TABLES = {"texts_net": "12", "texts_os": "34", "texts_other": "56789"}
IN_POOLS = "One stall does not show this: greenwatch names it when it sees that the thread pool is full and work waits."
NOT_MATCHED = "One stall does not show this: greenwatch explains it, but never names it by itself."


def read_rules():
    evidence = set()
    for path in (ROOT / "lib/rules").glob("*.c"):
        if not path.name.startswith("texts"):
            evidence |= set(re.findall(r'\.id = "(GW\d{4})"', path.read_text()))
    pools = set(re.findall(r'return "(GW\d{4})"', (ROOT / "lib/sink/pools.c").read_text()))
    with open(ROOT / "lib/causes.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert rows and list(rows[0]) == COLUMNS, "lib/causes.tsv: columns"
    for row in rows:
        row["steps"] = row["steps"].split(" | ")
        row["matched"] = row["id"] in evidence
        row["pools"] = row["id"] in pools
    return rows


def c_text(text, indent):
    """A string literal, broken where it would pass column 100."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    lines, line = [], ""
    for word in re.findall(r"\S+\s*", escaped):
        if line and len(line) + len(word) > 84:
            lines.append(line)
            line = ""
        line += word
    lines.append(line)
    return ("\n" + indent).join(f'"{part}"' for part in lines)


def c_steps(steps, indent):
    last = len(steps) - 1
    texts = [c_text(step, indent) for step in steps]
    return ("\n" + indent).join(text if i == last else text[:-1] + '\\n"' for i, text in enumerate(texts))


def c_row(row):
    indent = "\t\t  "
    fields = [f'\t{{ .id = "{row["id"]}",', f'\t  .area = "{row["area"]}",']
    for name in ("title", "looks", "fix"):
        fields.append(f"\t  .{name} =\n{indent}{c_text(row[name], indent)},")
    fields.append(f"\t  .steps =\n{indent}{c_steps(row['steps'], indent)},")
    fields.append(f"\t  .source = {c_text(row['source'], indent)},")
    fields.append(f"\t  .pool = {POOL[row['pool']]},")
    fields.append(f"\t  .matched = {'true' if row['matched'] else 'false'} }},")
    return "\n".join(fields)


def c_file(name, digits, rules):
    body = "\n".join(c_row(row) for row in rules if row["id"][2] in digits)
    ranges = ", ".join(f"GW{digit}xxx" for digit in digits)
    return (f"// SPDX-License-Identifier: BSD-2-Clause\n/*\n * {name.replace('_', '')}.c: texts of {ranges}.\n"
            " *\n * Made by tests/causes.py out of lib/causes.tsv.\n */\n"
            f'#include "rules/tables.h"\n\n/* clang-format off */\nstatic const struct gw_rule rows[] = {{\n{body}\n}};\n'
            f"\nconst struct rule_texts {name} = {{ rows, sizeof(rows) / sizeof(rows[0]) }};\n")


def markdown(text):
    return re.sub(r"([*_<>|\[\]])", r"\\\1", text)


def numbered(steps):
    return "\n".join(f"{i}. {markdown(step)}" for i, step in enumerate(steps, 1))


def page(row):
    steps = "" if row["steps"] == [row["fix"]] else "\n" + numbered(row["steps"]) + "\n"
    unseen = "" if row["matched"] else f"\n{IN_POOLS if row['pools'] else NOT_MATCHED}\n"
    return (f"# {row['id']}: {markdown(row['title'])}\n\n{AREAS[row['area']]}. `greenwatch explain {row['id']}` prints this page.\n"
            f"{unseen}\n## How it looks\n\n{markdown(row['looks'])}\n\n## What to change\n\n{markdown(row['fix'])}\n{steps}\n"
            f"## Does the thread pool help?\n\n{HELPS[row['pool']]}\n\n## Source\n\n{markdown(row['source'])}\n")


def index(rules):
    matched = sum(row["matched"] for row in rules)
    lines = ["# Causes of stalls", "",
             f"The knowledge base: {len(rules)} causes. greenwatch names {matched} of them by itself when a stall shows the"
             " evidence.", "Those in *italics* no single stall shows; they are only explained. \"(measured)\" means"
             " provoked and seen on a", "2-core Debian 12 machine; times are examples, not benchmarks.", "",
             "Made by `make docs-causes` out of `lib/causes.tsv`."]
    for area, name in AREAS.items():
        lines += ["", f"## {name}", ""]
        for row in rules:
            if row["area"] == area:
                title = markdown(row["title"])
                title = title if row["matched"] or row["pools"] else f"*{title}*"
                lines.append(f"- [{row['id']}]({row['id']}.md) {title}")
    return "\n".join(lines) + "\n"


def wanted(rules):
    files = {f"lib/rules/{name.replace('_', '')}.c": c_file(name, digits, rules) for name, digits in TABLES.items()}
    files["docs/causes/README.md"] = index(rules)
    files.update({f"docs/causes/{row['id']}.md": page(row) for row in rules})
    return files


def main():
    files = wanted(read_rules())
    stale = [name for name, text in files.items() if not (ROOT / name).exists() or (ROOT / name).read_text() != text]
    extra = [f"docs/causes/{path.name}" for path in (ROOT / "docs/causes").glob("*.md")
             if f"docs/causes/{path.name}" not in files]
    if "--check" in sys.argv[1:]:
        for name in stale + extra:
            print(f"causes: {name} is not what lib/causes.tsv says; run make docs-causes", file=sys.stderr)
        return 1 if stale or extra else 0
    (ROOT / "docs/causes").mkdir(exist_ok=True)
    for name in stale:
        (ROOT / name).write_text(files[name])
    for name in extra:
        (ROOT / name).unlink()
    return 0


sys.exit(main())

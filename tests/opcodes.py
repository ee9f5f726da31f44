"""Makes lib/runtime/pyopcodes.c: what each instruction of CPython does to the value stack, asked of
the interpreters themselves (dis, opcode), one for each minor version from 3.7 on.

    tests/opcodes.py PYTHON... > lib/runtime/pyopcodes.c     several words: quote them

Where dis.stack_effect() only keeps the compiler's books, the row says what is really there.
"""

import json
import shlex
import subprocess
import sys

ASK = r"""
import dis, json, opcode, sys
minor = sys.version_info[1]
every = dict(getattr(dis, "_all_opmap", None) or opcode.opmap)
deopt = dict(getattr(dis, "deoptmap", None) or {})
if minor >= 13:
    import _opcode_metadata
    every.update(_opcode_metadata._specialized_opmap)
    every.update(_opcode_metadata.opmap)
every = {n: o for n, o in every.items() if o < 256 and not n.startswith("<")}
caches = {}
if minor >= 13:
    caches = dict(opcode._inline_cache_entries)
elif minor >= 11:
    caches = {n: c for n, c in zip(opcode.opname, opcode._inline_cache_entries) if c}
def effect(op, arg, jump):
    args = (op, arg) if op >= opcode.HAVE_ARGUMENT else (op,)
    if minor >= 13:
        args = (op, arg) if op in dis.hasarg else (op,)
    try:
        return dis.stack_effect(*args, jump=jump) if minor >= 8 else dis.stack_effect(*args)
    except ValueError:
        return None
args = list(range(16)) + [256, 257, 515]
rows = []
for name, op in every.items():
    rows.append({"name": name, "op": op, "base": deopt.get(name, name),
        "caches": caches.get(deopt.get(name, name), 0),
        "rel": op in dis.hasjrel, "abs": op in dis.hasjabs,
        "fall": [effect(op, a, False) for a in args], "jump": [effect(op, a, True) for a in args]})
json.dump({"minor": minor, "args": args, "rows": rows}, sys.stdout)
"""

ENDS = {"RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE", "BREAK_LOOP", "INTERPRETER_EXIT"}
ALWAYS = {"JUMP_FORWARD", "JUMP_ABSOLUTE", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT", "CONTINUE_LOOP"}
OPAQUE = {"INSTRUMENTED_LINE", "INSTRUMENTED_INSTRUCTION", "ENTER_EXECUTOR", "RESERVED", "CACHE", "TRACE_RECORD"}
PER = ("ARG", "BIT0", "BITS", "BIT2", "UNPACK")

# name: {minor: (fall, jump)}, or {minor: (fall, jump, slope)}
TRUE = {
    "SETUP_WITH": {m: (1, 6) for m in (7, 8, 9, 10)},
    "SETUP_ASYNC_WITH": {7: (0, 5)},
    "SETUP_LOOP": {7: (0, 0)},
    "SETUP_EXCEPT": {7: (0, 6)},
    "SETUP_FINALLY": {7: (0, 6)},
    "FOR_ITER": {7: (1, -1)},
    "JUMP_IF_TRUE_OR_POP": {7: (-1, 0)},
    "JUMP_IF_FALSE_OR_POP": {7: (-1, 0)},
    "EXTENDED_ARG": {7: (0, 0)},
    "NOP": {7: (0, 0)},
    "GEN_START": {10: (0, 0)},  # what it drops was pushed for it
    "RETURN_GENERATOR": {11: (1, 1), 12: (1, 1)},
    "PRECALL": {11: (0, 0)},  # the arguments are dropped by CALL
    "CALL": {11: (-1, -1, -1)},
}

CALLS = {  # name: {minor: where the callable is}; see enum pycall_kind
    "CALL_FUNCTION": "PLAIN",
    "CALL_FUNCTION_KW": "KW",
    "CALL_METHOD": "METHOD",
    "PRECALL": "METHOD",
    "CALL": "METHOD",
    "CALL_KW": "KW13",
    "CALL_FUNCTION_EX": "EX",
}


def measure(per, arg):
    return (arg, arg & 1, bin(arg & 15).count("1"), arg >> 2 & 1, (arg & 255) + (arg >> 8))[per]


def fit(args, values, name):
    """(base, slope, per) with value = base + slope * per(arg)."""
    known = [(a, v) for a, v in zip(args, values) if v is not None and (name != "BUILD_SLICE" or a in (2, 3))]
    if not known:
        return None
    for per in range(len(PER)):
        if (per == 4) != (name == "UNPACK_EX"):
            continue
        for slope in range(-3, 4):
            base = known[0][1] - slope * measure(per, known[0][0])
            if all(v == base + slope * measure(per, a) for a, v in known):
                return base, slope, per
    raise SystemExit(f"{name}: {known}")


def load_of(base, minor):
    """Where the name of what it loads is; needed up to 3.12, see lib/runtime/pycall.c."""
    if base in ("LOAD_GLOBAL", "LOAD_NAME"):
        return "GLOBAL_HALF" if base == "LOAD_GLOBAL" and minor >= 11 else "GLOBAL"
    if base in ("LOAD_ATTR", "LOAD_METHOD"):
        return "ATTR_HALF" if minor >= 12 else "ATTR"
    return "LOCAL" if base in ("LOAD_FAST", "LOAD_FAST_CHECK") else "NONE"


def call_of(base, minor):
    kind = CALLS.get(base)
    if kind == "METHOD" and minor >= 13:
        return "FIRST"
    if kind == "EX" and minor >= 13:
        return "EX13" if minor == 13 else "EX14"
    return kind


def row(asked, r, by_name):
    minor, base = asked["minor"], r["base"]
    if base.startswith("INSTRUMENTED_") and base[13:] in by_name:
        base = by_name[base[13:]]["base"]
    if base in OPAQUE or base not in by_name:
        return None
    b = by_name[base]
    fall, jump = fit(asked["args"], b["fall"], base), fit(asked["args"], b["jump"], base)
    if minor in TRUE.get(base, {}):
        true = TRUE[base][minor]
        fall, jump = ((v, true[2] if len(true) > 2 else 0, 0) for v in true[:2])
    if fall is None or jump is None or fall[1:] != jump[1:]:
        return None
    jumps = "NEVER"
    if base in ENDS:
        jumps = "END"
    elif b["rel"] or b["abs"]:
        jumps = "ALWAYS" if base in ALWAYS else "MAYBE"
    elif base in ALWAYS:
        raise SystemExit(base)
    flags = {"NEVER": [], "MAYBE": ["JUMPS"], "ALWAYS": ["JUMPS", "ENDS"], "END": ["ENDS"]}[jumps]
    if b["abs"]:
        flags.append("ABSOLUTE")
    if "BACKWARD" in base and "JUMPS" in flags:
        flags.append("BACKWARD")
    if base == "BEGIN_FINALLY":
        flags.append("BLURS")
    if base in ("END_FINALLY", "POP_FINALLY"):
        flags.append("CLEARS")
    if base == "EXTENDED_ARG":
        flags.append("EXTENDS")
    cells = [fall[0], jump[0] - fall[0], fall[1], f"PYPER_{PER[fall[2]]}", b["caches"],
             " | ".join("PYOP_" + f for f in flags) or "0", "PYCALL_" + (call_of(base, minor) or "NONE"),
             "PYLOAD_" + load_of(base, minor)]
    return tuple(cells)


def main():
    versions = {}
    for words in sys.argv[1:]:
        asked = json.loads(subprocess.run([*shlex.split(words), "-c", ASK], check=True, capture_output=True, text=True).stdout)
        by_name = {r["name"]: r for r in asked["rows"]}
        table = {r["op"]: row(asked, r, by_name) for r in asked["rows"]}
        hidden = sorted(r["name"] for r in asked["rows"] if not table[r["op"]])
        print(f"3.{asked['minor']}: without a row: {' '.join(hidden)}", file=sys.stderr)
        table = {op: cells for op, cells in table.items() if cells}
        if versions.setdefault(asked["minor"], table) != table:
            mine = versions[asked["minor"]]
            differ = [op for op in mine.keys() | table.keys() if mine.get(op) != table.get(op)]
            print(f"{words}: differs from another 3.{asked['minor']}: {differ}", file=sys.stderr)
            versions[asked["minor"]] = {op: c for op, c in mine.items() if op not in differ}
    kinds = sorted({cells for table in versions.values() for cells in table.values()}, key=str)
    number = {cells: i + 1 for i, cells in enumerate(kinds)}
    print(HEAD)
    print("static const struct pyop kinds[] = {\n\t{ 0 },")
    for cells in kinds:
        print("\t{ %s }," % ", ".join(str(c) for c in cells))
    print("};\n")
    for minor, table in sorted(versions.items()):
        print(f"static const uint8_t minor_{minor}[256] = {{")
        print(" ".join(f"[{op}] = {number[cells]}," for op, cells in sorted(table.items())))
        print("};\n")
    print("static const uint8_t *const minors[] = {")
    print(" ".join(f"minor_{minor}," for minor in sorted(versions)))
    print("};\n")
    print(TAIL % min(versions))


HEAD = """// SPDX-License-Identifier: BSD-2-Clause
/*
 * pyopcodes.c: the instructions of CPython 3.7 to 3.14, as data. Made by
 * tests/opcodes.py of what dis and opcode of each version say; do not edit.
 *
 * Specialised and instrumented instructions have the row of the one they
 * stand for. 0: not known, or it hides another one.
 */
#include <stddef.h>
#include "runtime/pyopcodes.h"

/* effect, jump, slope, per, caches, flags, call, load */"""

TAIL = """const struct pyop *pyop_find(uint32_t minor, uint8_t opcode)
{
	if (minor < %d || minor - 7 >= sizeof(minors) / sizeof(minors[0]))
		return NULL;
	return minors[minor - 7][opcode] ? &kinds[minors[minor - 7][opcode]] : NULL;
}"""

if __name__ == "__main__":
    main()

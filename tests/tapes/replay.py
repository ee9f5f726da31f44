#!/usr/bin/env python3
"""Replays every CASE.tape here and compares the report with CASE.json, byte for byte.

Needs neither root nor a kernel of any kind. --rewrite makes the expectations anew (make golden):
read the diff before it is committed. Changes nothing else.
"""
import argparse
import difflib
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def replay(greenwatch, tape):
    done = subprocess.run([greenwatch, "replay", str(tape), "--json"], capture_output=True,
                          timeout=60, env={"PATH": "/usr/bin:/bin"})
    if done.returncode:
        raise SystemExit(f"tapes: {tape.name}: exit {done.returncode}: {done.stderr.decode()}")
    return done.stdout


def difference(expected, got, name):
    lines = list(difflib.unified_diff(expected.decode().splitlines(), got.decode().splitlines(),
                                      name + ".json", "replayed", lineterm="", n=1))
    return "\n".join(line[:300] for line in lines[:40])


def check(greenwatch, tape):
    expectation = tape.with_suffix(".json")
    got = replay(greenwatch, tape)
    if not expectation.exists():
        print(f"tapes: {expectation.name} is missing; make golden writes it", file=sys.stderr)
        return False
    expected = expectation.read_bytes()
    if got != expected:
        print(f"tapes: {tape.stem} differs\n{difference(expected, got, tape.stem)}",
              file=sys.stderr)
    return got == expected


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--greenwatch", default=str(HERE / "../../build/greenwatch"))
    options.add_argument("--rewrite", action="store_true")
    options.add_argument("--tally")
    args = options.parse_args()
    tapes = sorted(HERE.glob("*.tape"))
    if not tapes:
        raise SystemExit("tapes: there is no tape here")
    if args.rewrite:
        for tape in tapes:
            tape.with_suffix(".json").write_bytes(replay(args.greenwatch, tape))
        print(f"tapes: {len(tapes)} expectations written")
        return
    failed = sum(not check(args.greenwatch, tape) for tape in tapes)
    print(f"tapes: {len(tapes) - failed} passed, {failed} failed")
    if args.tally:
        with open(args.tally, "a", encoding="ascii") as tally:
            tally.write(f"tapes {len(tapes) - failed} {failed} 0\n")
    sys.exit(1 if failed else 0)


main()

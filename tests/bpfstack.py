#!/usr/bin/env python3
"""How deep the stacks of the kernel's programs are, call by call.

    bpfstack.py OBJECT

The limit is 512 bytes for a whole chain of calls, each rounded up to 32. Newer kernels allow more, so a program that the
one here takes may be refused by Linux 6.1: this looks at the object itself. Prints each program's deepest chain; exits 1
when one is over the limit.
"""

import collections
import struct
import sys

LIMIT, ROUND = 512, 32
LOOP, LOOP_BYTES = 181, 24  # bpf_loop, which the kernel writes out with three registers saved
FP, PSEUDO_CALL, PSEUDO_FUNC = 10, 1, 4
SHT_PROGBITS, SHT_SYMTAB, SHT_REL, SHF_EXEC, STT_SECTION, STT_FUNC = 1, 2, 9, 4, 3, 2

Section = collections.namedtuple("Section", "name type flags offset size link info entsize")
Symbol = collections.namedtuple("Symbol", "name kind section value size")
Function = collections.namedtuple("Function", "name section first last program")


class Object:
    """The functions of an ELF object for BPF, by section and number of their first instruction."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.bytes = file.read()
        self.sections = self.read_sections()
        table = next(s for s in self.sections if s.type == SHT_SYMTAB)
        names = self.sections[table.link]
        self.symbols = [self.symbol(table.offset + at, names) for at in range(0, table.size, table.entsize)]
        self.relocs = {(s.info, at // 8): self.symbols[info >> 32] for s in self.sections if s.type == SHT_REL
                       for at, info in struct.iter_unpack("<QQ", self.content(s))}
        self.functions = {(s.section, s.value // 8): self.function(s) for s in self.symbols if s.kind == STT_FUNC}

    def read_sections(self):
        (start,), (size, count, names) = struct.unpack_from("<Q", self.bytes, 40), struct.unpack_from("<HHH", self.bytes, 58)
        heads = [struct.unpack_from("<IIQQQQIIQQ", self.bytes, start + i * size) for i in range(count)]
        text = heads[names][4]
        return [Section(self.text(text + h[0]), h[1], h[2], h[4], h[5], h[6], h[7], h[9]) for h in heads]

    def text(self, at):
        return self.bytes[at:self.bytes.index(0, at)].decode()

    def content(self, section):
        return self.bytes[section.offset:section.offset + section.size]

    def symbol(self, at, names):
        name, info, _, section, value, size = struct.unpack_from("<IBBHQQ", self.bytes, at)
        return Symbol(self.text(names.offset + name), info & 15, section, value, size)

    def function(self, symbol):
        first = symbol.value // 8
        return Function(symbol.name, symbol.section, first, first + symbol.size // 8,
                        self.sections[symbol.section].name != ".text")

    def look(self, function):
        """Its own bytes of stack, and the functions it calls."""
        depth, loop, copies, calls = 0, 0, {FP: 0}, set()
        code = self.content(self.sections[function.section])
        for i in range(function.first, function.last):
            op, regs, off, imm = struct.unpack_from("<BBhi", code, i * 8)
            dst, src = regs & 15, regs >> 4
            for base in ((dst,) if op & 7 in (2, 3) else (src,) if op & 7 == 1 else ()):
                depth = max(depth, -off - copies[base] if base in copies else 0)
            if (op == 0x85 and src == PSEUDO_CALL) or (op == 0x18 and src == PSEUDO_FUNC):
                calls.add(self.callee(function, i, imm, op))
            if op == 0x85 and src == 0 and imm == LOOP:
                loop = LOOP_BYTES
            if op == 0x07 and dst in copies and dst != FP:
                copies[dst] += imm
                depth = max(depth, -copies[dst])
            elif op == 0xbf and src in copies:
                copies[dst] = copies[src]
            elif op & 7 in (0, 1, 4, 7) and dst != FP:
                copies.pop(dst, None)
        return depth + loop, calls

    def callee(self, function, i, imm, op):
        symbol = self.relocs.get((function.section, i))
        if symbol is None:
            return self.functions[function.section, i + imm + 1]
        extra = imm // 8 if op == 0x18 else imm + 1
        return self.functions[symbol.section, symbol.value // 8 + (extra if symbol.kind == STT_SECTION else 0)]

    def deepest(self, function):
        """Bytes and names of the deepest chain of calls from there."""
        own, calls = self.look(function)
        below = max((self.deepest(f) for f in calls), default=(0, []))
        return max(ROUND, -(-own // ROUND) * ROUND) + below[0], [f"{function.name} {own}", *below[1]]


def main(path):
    whole = Object(path)
    programs = [f for f in whole.functions.values() if f.program]
    chains = {f.name: whole.deepest(f) for f in programs}
    for name, (depth, chain) in sorted(chains.items(), key=lambda item: -item[1][0]):
        print(f"{depth:4}  {', '.join(chain)}")
    over = [name for name, (depth, _) in chains.items() if depth > LIMIT]
    if over or not programs:
        sys.exit(f"bpfstack: over {LIMIT} bytes: {', '.join(over)}" if programs else "bpfstack: no programs in " + path)


if __name__ == "__main__":
    main(*sys.argv[1:])

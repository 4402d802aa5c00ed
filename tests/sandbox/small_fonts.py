"""Small real fonts, made to have what the test is about: every letter a triangle, glyph 1 the first of them.

https://learn.microsoft.com/typography/opentype/spec/
"""

import struct
import zlib
from collections.abc import Iterable, Mapping

Pairs = Mapping[str, int]
Tables = dict[str, bytes]


def tables(letters: str, name: str = "Small", blank: str = "", **more: bytes) -> Tables:
    """1000 units to the em, each advance 600. `blank`: letters without an outline. `more`: further tables, by tag."""
    count = len(letters) + 1
    outlines = [b"" if letter in blank else _triangle() for letter in "\0" + letters]
    places = [sum(map(len, outlines[:index])) for index in range(count + 1)]
    return {
        "head": struct.pack(
            ">IIIIHHqqhhhhHHhhh", 65536, 0, 0, 0x5F0F3CF5, 0, 1000, 0, 0, 0, 0, 500, 700, 0, 8, 2, 1, 0
        ),
        "hhea": struct.pack(">IhhhH11hH", 65536, 800, -200, 0, 600, *[0] * 11, count),
        "maxp": struct.pack(">IH13H", 65536, count, *[0] * 13),
        "hmtx": struct.pack(">Hh", 600, 50) * count,
        "cmap": _characters(letters),
        "name": _names(name, "Regular"),
        "post": struct.pack(">IIhhIIIII", 0x30000, 0, 0, 0, 0, 0, 0, 0, 0),
        "glyf": b"".join(outlines),
        "loca": struct.pack(f">{count + 1}I", *places),
        **more,
    }


def bare(made: Tables, start: int = 0) -> bytes:
    """A TTF. `start`: where in its file the font begins."""
    place, rows, body = start + 12 + 16 * len(made), b"", b""
    for tag, table in made.items():
        rows += struct.pack(">4sIII", tag.encode(), 0, place + len(body), len(table))
        body += table + bytes(-len(table) % 4)
    return struct.pack(">IHHHH", 65536, len(made), 0, 0, 0) + rows + body


def packed(made: Tables) -> bytes:
    """A WOFF."""
    place, rows, body = 44 + 20 * len(made), b"", b""
    for tag, table in made.items():
        small = min(zlib.compress(table), table, key=len)
        rows += struct.pack(">4sIIII", tag.encode(), place + len(body), len(small), len(table), 0)
        body += small + bytes(-len(small) % 4)
    head = struct.pack(">4sIIHHIHHIIIII", b"wOFF", 65536, place + len(body), len(made), 0, 0, 1, 0, 0, 0, 0, 0, 0)
    return head + rows + body


def collection(made: Tables) -> bytes:
    """A TTC with one font."""
    return struct.pack(">4sIII", b"ttcf", 65536, 1, 16) + bare(made, 16)


def kern_by_glyph(letters: str, pairs: Pairs) -> bytes:
    """GPOS: each pair by itself."""
    firsts = sorted({letters.index(pair[0]) + 1 for pair in pairs})
    sets = [
        [(letters.index(pair[1]) + 1, value) for pair, value in pairs.items() if letters.index(pair[0]) + 1 == first]
        for first in firsts
    ]
    bodies = [
        struct.pack(">H", len(rows)) + b"".join(struct.pack(">Hh", *row) for row in sorted(rows)) for rows in sets
    ]
    head = 10 + 2 * len(sets)
    starts = [head + sum(map(len, bodies[:index])) for index in range(len(bodies))]
    coverage = head + sum(map(len, bodies))
    subtable = struct.pack(f">HHHHH{len(sets)}H", 1, coverage, 4, 0, len(sets), *starts)
    return _gpos(subtable + b"".join(bodies) + _coverage(firsts))


def kern_by_class(letters: str, left: str, right: str, value: int, extension: bool = False) -> bytes:
    """GPOS: whatever is of `left` before whatever is of `right`; in an extension lookup, as large fonts have it."""
    lefts, rights = [[letters.index(letter) + 1 for letter in group] for group in (left, right)]
    values = struct.pack(">4h", 0, 0, 0, value)
    coverage = 16 + len(values)
    classes = coverage + len(_coverage(lefts))
    others = classes + len(_classes(lefts))
    head = struct.pack(">HHHHHHHH", 2, coverage, 4, 0, classes, others, 2, 2)
    return _gpos(head + values + _coverage(lefts) + _classes(lefts) + _classes(rights), extension)


def kern_in_the_older_table(letters: str, pairs: Pairs) -> bytes:
    rows = sorted((letters.index(pair[0]) + 1, letters.index(pair[1]) + 1, value) for pair, value in pairs.items())
    body = struct.pack(">HHHH", len(rows), 0, 0, 0) + b"".join(struct.pack(">HHh", *row) for row in rows)
    return struct.pack(">HHHHH", 0, 1, 0, 6 + len(body), 1) + body


def _gpos(subtable: bytes, extension: bool = False) -> bytes:
    scripts = struct.pack(">H4sHHHHHHH", 1, b"latn", 8, 4, 0, 0, 0xFFFF, 1, 0)
    features = struct.pack(">H4sHHHH", 1, b"kern", 8, 0, 1, 0)
    lookup = struct.pack(">HHHHHH", 1, 4, 9 if extension else 2, 0, 1, 8)
    if extension:
        lookup += struct.pack(">HHI", 1, 2, 8)
    head = struct.pack(">IHHH", 65536, 10, 10 + len(scripts), 10 + len(scripts) + len(features))
    return head + scripts + features + lookup + subtable


def _coverage(glyphs: Iterable[int]) -> bytes:
    found = sorted(glyphs)
    return struct.pack(f">HH{len(found)}H", 1, len(found), *found)


def _classes(glyphs: Iterable[int]) -> bytes:
    found = sorted(glyphs)
    return struct.pack(">HH", 2, len(found)) + b"".join(struct.pack(">HHH", glyph, glyph, 1) for glyph in found)


def _triangle() -> bytes:
    shape = struct.pack(">hhhhhHH3B3h3h", 1, 50, 0, 550, 700, 2, 0, 1, 1, 1, 50, 500, -250, 0, 0, 700)
    return shape + bytes(-len(shape) % 4)


def _characters(letters: str) -> bytes:
    groups = [struct.pack(">III", ord(letter), ord(letter), index + 1) for index, letter in enumerate(letters)]
    rows = b"".join(sorted(groups))
    return struct.pack(">HHHHI", 0, 1, 3, 10, 12) + struct.pack(">HHIII", 12, 0, 16 + len(rows), 0, len(groups)) + rows


def _names(family: str, style: str) -> bytes:
    texts = [family.encode("utf-16-be"), style.encode("utf-16-be")]
    rows = struct.pack(">HHHHHH", 3, 1, 0x409, 1, len(texts[0]), 0) + struct.pack(
        ">HHHHHH", 3, 1, 0x409, 2, len(texts[1]), len(texts[0])
    )
    return struct.pack(">HHH", 0, 2, 30) + rows + b"".join(texts)

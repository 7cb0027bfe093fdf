"""A multistream dump of any size, made of the pages of a small one with new numbers and titles: 100 pages a stream, as Wikipedia packs them.

usage: wiki_dump.py SMALL.xml MEGABYTES OUT.xml.bz2"""
import bz2
import re
import sys
from concurrent.futures import ProcessPoolExecutor

PAGES_A_STREAM = 100
source = open(sys.argv[1], encoding="utf-8").read()
head = source[: source.index("<page>")]
pages = re.findall(r"<page>.*?</page>\s*", source, re.S)


def stream(number):
    """One packed stream and the length of what is in it."""
    out = []
    for i in range(number * PAGES_A_STREAM, (number + 1) * PAGES_A_STREAM):
        page = re.sub(r"<title>(.*?)</title>", rf"<title>\1 {i}</title>", pages[i % len(pages)], count=1)
        out.append(re.sub(r"<id>\d+</id>", f"<id>{i + 1}</id>", page, count=1))
    xml = "".join(out).encode()
    return len(xml), bz2.compress(xml)


if __name__ == "__main__":
    wanted, written, number = int(sys.argv[2]) * 1_000_000, 0, 0
    with open(sys.argv[3], "wb") as out, ProcessPoolExecutor() as pool:
        out.write(bz2.compress(head.encode()))
        while written < wanted:
            for length, packed in pool.map(stream, range(number, number + 64), chunksize=8):
                out.write(packed)
                written += length
            number += 64
        out.write(bz2.compress(b"</mediawiki>\n"))
    print(f"{written / 1e6:.0f} MB of XML, {number * PAGES_A_STREAM} pages in {number} streams")

"""Make the hostile npz files in this folder: `python tests/attacks/npz/make.py`.

The archives are written by hand, field by field, because no honest writer tells these lies. Nothing
is packed by zlib, whose bytes differ from version to version: deflate has blocks of plain bytes.
"""

import pickle
import struct
import zlib
from pathlib import Path

SUFFIX = ".npz"


def npy(descr="'|u1'", shape="(3,)", data=b"xyz", order="False", version=(1, 0), text=None):
    """Return a .npy file whose header holds these texts."""
    text = text or f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"
    length = struct.pack("<H" if version == (1, 0) else "<I", len(text) + 1)
    return b"\x93NUMPY" + bytes(version) + length + text.encode() + b"\n" + data


def deflated(content):
    """Return a deflate stream of one plain block, the last."""
    return b"\1" + struct.pack("<HH", len(content), len(content) ^ 0xFFFF) + content


def member(name=b"a.npy", content=None, **lies):
    """Return the fields of one member of an archive; stored, and honest but for the lies."""
    content = npy() if content is None else content
    return {
        "name": name,
        "local_name": name,
        "stream": content,
        "crc": zlib.crc32(content),
        "packed": len(lies.get("stream", content)),
        "size": len(content),
        "method": 0,
        "flags": 0,
        "disk": 0,
    } | lies


def archive(*members, at=None, count=None, size=None, start=None):
    """Return a zip archive. `at`: where the members are said to be; the rest: what its end says."""
    body, directory = b"", b""
    for i, m in enumerate(members):
        common = struct.pack(
            "<HHHHHIII", 20, m["flags"], m["method"], 0, 33, m["crc"], m["packed"], m["size"]
        )
        place = len(body) if at is None else at[i]
        directory += b"PK\1\2" + struct.pack("<H", 20) + common
        directory += struct.pack("<HHHHHII", len(m["name"]), 0, 0, m["disk"], 0, 0, place)
        directory += m["name"]
        body += b"PK\3\4" + common + struct.pack("<HH", len(m["local_name"]), 0)
        body += m["local_name"] + m["stream"]
    count = len(members) if count is None else count
    size = len(directory) if size is None else size
    start = len(body) if start is None else start
    return (
        body + directory + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, count, count, size, start, 0)
    )


def zip64(sound, size, start):
    """Return an archive whose end says, in 64 bits, where its directory is."""
    record = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, size, start)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, len(sound) - 22, 1)
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 65535, 65535, 2**32 - 1, 2**32 - 1, 0)
    return sound[:-22] + record + locator + end


def one(**parts):
    """Return an archive of one array, with these parts in its header."""
    return archive(member(content=npy(**parts)))


def packed(content, **lies):
    return member(content=content, stream=deflated(content), method=8, **lies)


def files():
    sound = archive(member())
    return {
        # the archive
        "cut-off-after-4-bytes": sound[:4],
        "without-its-end": sound[:-22],
        "cut-off-in-the-directory": sound[:-30],
        "directory-longer-than-the-file": archive(member(), size=2**31),
        "directory-that-begins-after-the-file": archive(member(), start=2**31),
        "directory-that-is-garbage": archive(member()).replace(b"PK\1\2", b"PK\1\3"),
        "directory-with-a-name-beyond-its-end": archive(member(name=b"a.npy" * 40), size=60),
        "zip64-without-its-end": archive(member(), count=0xFFFF, size=2**32 - 1, start=2**32 - 1),
        "zip64-directory-beyond-the-file": zip64(sound, size=2**63 - 1, start=0),
        "zip64-directory-of-negative-size": zip64(sound, size=2**64 - 1, start=0),
        "zip64-directory-that-begins-nowhere": zip64(sound, size=60, start=2**63),
        "member-beyond-the-file": archive(member(), at=[2**31]),
        "member-that-is-no-member": archive(member(), at=[5]),
        "two-members-in-the-same-bytes": archive(member(), member(b"b.npy"), at=[0, 0]),
        "another-name-in-the-member": archive(member(local_name=b"b.npy")),
        "encrypted": archive(member(flags=1)),
        "strongly-encrypted": archive(member(flags=64)),
        "compressed-patch": archive(member(flags=32)),
        "method-bzip2": archive(member(method=12)),
        "method-lzma": archive(member(method=14)),
        "method-99": archive(member(method=99)),
        # names
        "name-twice": archive(member(), member()),
        "name-with-nul": archive(member(name=b"a.npy\0.npy", local_name=b"a.npy\0.npy")),
        "name-of-a-pickle": archive(member(), member(b"a.pkl")),
        "name-of-a-folder": archive(member(), member(b"a/", b"")),
        "name-not-utf-8": archive(member(name=b"\xff.npy", local_name=b"\xff.npy", flags=2048)),
        # sizes
        "checksum-wrong": archive(member(crc=0)),
        "stored-size-beyond-the-file": archive(member(size=2**31, packed=2**31)),
        "stored-size-unlike-packed": archive(member(size=2**31)),
        "stored-sizes-beyond-the-file-together": archive(
            member(), *(member(b"%d.npy" % i) for i in range(40)), at=[0] * 41
        ),
        "deflated-sizes-beyond-the-limit": archive(
            packed(npy(), size=2**32 - 2), packed(npy(), size=2**32 - 2, name=b"b.npy")
        ),
        "deflated-that-gives-more-than-declared": archive(
            packed(npy(shape="(9,)", data=b"123456789"), size=len(npy()))
        ),
        "deflated-that-gives-less-than-declared": archive(
            packed(npy(shape="(1000000,)"), size=len(npy(shape="(1000000,)")) + 999_997)
        ),
        "deflated-cut-off": archive(
            member(method=8, stream=deflated(npy())[:-3], crc=zlib.crc32(npy()))
        ),
        "deflated-garbage": archive(member(method=8, stream=b"\xff" * 100, packed=100)),
        "deflated-nothing": archive(member(method=8, stream=b"", packed=0)),
        # the header of an array
        "member-empty": archive(member(content=b"")),
        "member-not-npy": archive(member(content=b"weights")),
        "magic-only": archive(member(content=b"\x93NUMPY\1\0")),
        "version-3": one(version=(3, 0)),
        "version-255": one(version=(255, 255)),
        "header-longer-than-the-member": archive(
            member(content=b"\x93NUMPY\2\0" + struct.pack("<I", 2**32 - 1) + b"{")
        ),
        "header-of-5000-bytes": one(descr="'|u1'" + " " * 5000),
        "header-not-python": one(text="{"),
        "header-that-calls": one(text="__import__('os').system('true')"),
        "header-of-a-list": one(text="[1]"),
        "header-of-a-set": one(text="{[]}"),
        "header-of-minus-signs": one(shape="(" + "-" * 3500 + "1,)"),
        "header-of-brackets": one(shape="(" * 1700 + ")" * 1700),
        "header-of-lists": one(shape="[" * 90 + "]" * 90),
        "header-of-bits": one(text="\\\n" * 500),
        "header-unterminated": one(text="{'descr': '''"),
        "header-with-an-escape": one(shape="(3,), '\\\x1b[2J': 1"),
        "header-that-warns-of-a-number": one(shape="(3or 2,)"),
        "header-of-python-2-with-a-space": one(shape="(3 L,)"),
        "dtype-of-an-old-name": one(descr="'a1'"),
        "header-with-nul": one(text="{'descr': '\0'}"),
        "header-with-another-key": one(order="False, 'allow_pickle': True"),
        "header-without-a-shape": one(text="{'descr': '|u1', 'fortran_order': False}"),
        "order-that-is-a-number": one(order="0"),
        # dtypes
        "dtype-object": archive(
            member(content=npy("'|O'", "()", pickle.dumps("harmless", protocol=2)))
        ),
        "dtype-object-inside": one(descr="[('a', '|O')]", shape="()", data=bytes(8)),
        "dtype-structure": one(descr="[('a', '|u1')]"),
        "dtype-subarray": one(descr="('|u1', (3,))", shape="()"),
        "dtype-text": one(descr="'<U1'", shape="(1,)", data=b"\xff\xff\xff\xff"),
        "dtype-bytes": one(descr="'|S3'", shape="()"),
        "dtype-void": one(descr="'|V3'", shape="()"),
        "dtype-of-no-bytes": one(descr="'|V0'"),
        "dtype-date": one(descr="'<M8[s]'", shape="(1,)", data=bytes(8)),
        "dtype-unknown": one(descr="'<q7'"),
        "dtype-of-one-gigabyte": one(descr="'|V1000000000'", shape="(0,)", data=b""),
        "dtype-that-is-a-number": one(descr="8"),
        "dtype-that-is-a-dict": one(descr="{'names': ['a'], 'formats': ['|u1']}"),
        # shapes
        "shape-larger-than-the-data": one(shape="(4,)"),
        "shape-smaller-than-the-data": one(shape="(2,)"),
        "shape-of-terabytes": one(shape="(1000000000000,)"),
        "shape-that-wraps-around-to-0": one(shape=f"({2**32}, {2**32})", data=b""),
        "shape-0-times-huge": one(shape=f"(0, {2**62}, {2**62})", data=b""),
        "shape-of-4000-digits": one(shape="(" + "9" * 3900 + ",)"),
        "shape-negative": one(shape="(-3,)"),
        "shape-negative-twice": one(shape="(-3, -1)"),
        "shape-of-bools": one(shape="(True,)", data=b"x"),
        "shape-of-fractions": one(shape="(3.0,)"),
        "shape-that-is-a-list": one(shape="[3]"),
        "shape-that-is-a-number": one(shape="3"),
        "shape-of-65-dimensions": one(shape="(" + "1, " * 65 + ")", data=b"x"),
        # values
        "bool-of-2": one(descr="'|b1'", data=b"\0\1\2"),
    }


if __name__ == "__main__":
    import sys

    here = Path(__file__).parent
    sys.path.insert(0, str(here.parent))
    from harness import write_files

    write_files(files(), here, SUFFIX)

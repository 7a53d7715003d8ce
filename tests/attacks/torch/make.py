"""Make the hostile PyTorch checkpoints in this folder: `python tests/attacks/torch/make.py`.

What would be run creates a file `canary` in the working folder.
"""

import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
from attacks.npz.make import archive, deflated, member
from attacks.torch.parts import (
    ADDITEMS,
    APPEND,
    APPENDS,
    BUILD,
    EMPTY_DICT,
    EMPTY_LIST,
    EMPTY_SET,
    EMPTY_TUPLE,
    ENTRIES,
    MAGIC,
    MARK,
    NONE,
    POP,
    REDUCE,
    SETITEM,
    TRUE,
    TUPLE1,
    call,
    checkpoint,
    data,
    deflated_zeros,
    doubled,
    get,
    members,
    name,
    number,
    numbers,
    older,
    older_storage,
    packed,
    pickled,
    put,
    state,
    storage,
    tensor,
    text,
    tuple_of,
)
from attacks.torch.tensors import arrays, tensors

SUFFIX = ".pt"
COMMAND = "touch canary"


def calls():
    """Yield (name, body): pickles that run something in a reader which calls what it is told to."""
    run = text(COMMAND)
    yield "global-os-system", call("os", "system", run)
    yield "global-posix-system", call("posix", "system", run)
    yield "global-subprocess", call("subprocess", "Popen", EMPTY_LIST + run + APPEND)
    yield "global-eval", call("builtins", "eval", text("open('canary', 'w')"))
    yield "global-eval-of-python-2", call("__builtin__", "eval", text("open('canary', 'w')"))
    yield "global-exec", call("builtins", "exec", text("open('canary', 'w')"))
    yield (
        "global-getattr",
        call("builtins", "getattr", name("collections", "OrderedDict"), text("mro")),
    )
    yield "global-import", call("builtins", "__import__", text("os"))
    yield "global-open", call("builtins", "open", text("canary"), text("w"))
    yield "global-apply", call("functools", "partial", name("os", "system"), run)
    yield "global-torch-load", call("torch", "load", text("canary"))
    yield "global-torch-serialization-load", call("torch.serialization", "load", text("canary"))
    yield "global-torch-jit", call("torch.jit", "load", text("canary"))
    yield "global-torch-hub", call("torch.hub", "load", text("a"), text("b"))
    yield "global-numpy-load", call("numpy", "load", text("canary"))
    yield (
        "global-numpy-runstring",
        call("numpy.testing._private.utils", "runstring", run, EMPTY_DICT),
    )
    yield "global-load-from-bytes", call("torch.storage", "_load_from_bytes", data(b"x"))
    yield "global-attribute-with-dots", call("collections", "OrderedDict.fromkeys", EMPTY_LIST)
    yield "global-module-with-dots", call("os.path", "os.system", run)
    yield "global-of-scratchnet", call("scratchnet.serialization", "load", text("canary"))
    yield "global-dunder", call("collections", "__builtins__")
    yield "global-empty", call("", "")
    yield "global-never-called", name("os", "system")
    yield "stack-global-os-system", text("os") + text("system") + b"\x93" + tuple_of(run) + REDUCE
    yield (
        "stack-global-with-dots",
        text("os") + text("path.os.system") + b"\x93" + tuple_of(run) + REDUCE,
    )
    yield "stack-global-of-numbers", number(1) + number(2) + b"\x93"
    yield "inst-os-system", MARK + run + b"ios\nsystem\n"
    yield "obj-os-system", MARK + name("os", "system") + run + b"o"
    yield "newobj", name("collections", "OrderedDict") + EMPTY_TUPLE + b"\x81"
    yield "newobj-of-namespace", name("argparse", "Namespace") + EMPTY_TUPLE + b"\x81"
    yield "newobj-ex", name("collections", "OrderedDict") + EMPTY_TUPLE + EMPTY_DICT + b"\x92"
    yield "reduce-of-a-text", text("os.system") + tuple_of(run) + REDUCE
    yield "reduce-of-a-tensor", tensor() + EMPTY_TUPLE + REDUCE
    yield "reduce-without-a-tuple", name("collections", "OrderedDict") + EMPTY_LIST + REDUCE
    yield "build-of-a-list", EMPTY_LIST + EMPTY_DICT + BUILD
    yield "build-of-a-tensor", tensor() + EMPTY_DICT + BUILD
    yield "extension-1", b"\x82\x01"
    yield "extension-4", b"\x84\x01\x00\x00\x00"
    yield "next-buffer", b"\x97"
    yield "class-left-over", EMPTY_LIST + name("collections", "OrderedDict") + APPEND
    yield "storage-type-left-over", tuple_of(name("torch", "FloatStorage"))


def pickles():
    """Yield (name, body): pickles that are not sound, or that cost more than they look like."""
    yield "empty", b""
    yield "two-values", NONE + NONE
    yield "mark-never-closed", MARK + NONE
    yield "stack-underflow", APPEND
    yield "append-to-a-number", number(1) + NONE + APPEND
    yield "append-to-a-tensor", tensor() + NONE + APPEND
    yield "items-odd", EMPTY_DICT + MARK + text("a") + b"u"
    yield "setitems-on-a-list", EMPTY_LIST + MARK + number(0) + NONE + b"u"
    yield "no-mark", b"t"
    yield "memo-without-entry", b"j\xff\xff\xff\xff"
    yield "opcode-unknown", b"\xff"
    yield "opcode-of-protocol-0", b"S'os'\n"
    yield "integer-of-four-gigabytes", b"\x8b\xff\xff\xff\x7f"
    yield "integer-of-negative-length", b"\x8b\xff\xff\xff\xff"
    yield "text-of-four-gigabytes", b"X\xff\xff\xff\xff"
    yield "text-of-exabytes", b"\x8d" + b"\xff" * 8
    yield "bytes-of-exabytes", b"\x8e" + b"\xff" * 7 + b"\x7f"
    yield "bytearray-of-terabytes", b"\x96" + struct.pack("<Q", 1 << 42)
    yield "frame-of-exabytes", b"\x95" + b"\xff" * 8
    yield "text-not-utf-8", b"X\x02\x00\x00\x00\xff\xfe"
    yield "text-with-surrogates", b"X\x03\x00\x00\x00\xed\xa0\x80"
    yield "name-without-end", b"c" + b"a" * 3000
    yield "name-of-control-characters", name("\x1b[2J\u202e", "\x07")
    yield "key-a-list", EMPTY_DICT + EMPTY_LIST + NONE + SETITEM
    yield "key-a-tensor", EMPTY_DICT + tensor() + NONE + SETITEM
    yield "key-a-tuple-of-tuples", EMPTY_DICT + EMPTY_TUPLE + TUPLE1 + NONE + SETITEM
    yield "key-whose-hash-takes-2-to-the-60", EMPTY_SET + MARK + doubled(EMPTY_TUPLE) + ADDITEMS
    yield "list-in-itself", EMPTY_LIST + put(0) + get(0) + APPEND
    yield "tuple-in-itself", EMPTY_LIST + put(0) + get(0) + TUPLE1 + APPEND
    yield "dict-in-itself", EMPTY_DICT + put(0) + text("a") + get(0) + SETITEM
    yield "billion-laughs", doubled(EMPTY_LIST)
    yield "deep-lists", EMPTY_LIST * 3000 + APPEND * 2999
    yield "deep-tuples", EMPTY_TUPLE + TUPLE1 * 3000
    yield "deep-dicts", (EMPTY_DICT + text("a")) * 500 + NONE + SETITEM * 500
    yield "deep-marks", MARK * 3000 + b"t" * 3000
    yield "bytearray-of-a-number", call("builtins", "bytearray", number(1 << 40))
    yield "bytes-of-a-number", call("builtins", "bytes", number(1 << 40))
    yield "range-with-step-0", call("builtins", "range", *[number(0)] * 3)
    yield "encode-with-another-codec", call("_codecs", "encode", text("x"), text("rot13"))
    block = data(bytes(2000)) + put(0)
    copy = call("builtins", "bytearray", get(0))
    yield "copies-of-one-memo", MARK + block + copy * 400 + b"t"
    listed = EMPTY_LIST + put(0) + MARK + b"".join(map(number, range(300))) + APPENDS
    yield "sets-of-one-list", MARK + listed + call("builtins", "set", get(0)) * 300 + b"t"
    yield "key-of-many-characters", EMPTY_DICT + text("x" * 16_385) + NONE + SETITEM
    longs = tuple_of(text("x" * 10_000), text("y" * 10_000))
    yield "key-a-tuple-of-many-characters", EMPTY_DICT + longs + NONE + SETITEM
    yield "key-an-integer-of-129-bits", EMPTY_DICT + number(1 << 128) + NONE + SETITEM
    yield "member-a-list-of-a-set", call("builtins", "set", EMPTY_LIST + EMPTY_LIST + APPEND)
    yield "size-of-65-numbers", call("torch", "Size", numbers(*range(65)))
    yield "size-of-a-text", call("torch", "Size", text("1"))
    yield "device-of-many-characters", call("torch", "device", text("x" * 1000), number(0))
    yield "sets-without-end", MARK + EMPTY_SET * 10_000 + b"t"
    yield "lists-without-end", MARK + EMPTY_LIST * 20_000 + b"t"
    yield "protocol-6", b"\x80\x06" + NONE
    yield "persistent-text", text("0") + b"Q"
    yield "persistent-none", NONE + b"Q"
    yield "persistent-module", tuple_of(text("module"), NONE, NONE, NONE) + b"Q"
    yield "persistent-of-the-older-format", storage(view=NONE)
    yield "persistent-type-a-text", tuple_of(text("storage"), *[text("0")] * 3, number(4)) + b"Q"
    yield "persistent-size-a-bool", tuple_of(
        text("storage"), name("torch", "FloatStorage"), text("0"), text("cpu"), TRUE
    ) + b"Q"  # fmt: skip


def archives():
    """Yield (name, content): archives that lie, around a sound pickle."""
    pickle = pickled(state(tensor()))
    sound = members(pickle)
    zero = bytes(16)
    yield "byteorder-unknown", checkpoint(state(tensor()), **{"a/byteorder": b"middle"})
    yield "byteorder-long", checkpoint(state(tensor()), **{"a/byteorder": b"little" * 50})
    yield "byteorder-empty", checkpoint(state(tensor()), **{"a/byteorder": b""})
    yield "pickle-missing", packed({"a/version": b"3\n"})
    yield "pickle-in-two-folders", packed(sound | {"b/data.pkl": pickle})
    yield "pickle-too-deep", packed({"a/b/data.pkl": pickle})
    yield "pickle-with-bytes-after-it", packed(members(pickle + b"x"))
    yield "pickle-cut-off", packed(members(pickle[:-9]))
    yield "torchscript-constants", packed(sound | {"a/constants.pkl": pickle})
    yield "torchscript-code", packed(sound | {"a/code/x.py": b"import os"})
    twice = [member(n.encode(), c) for n, c in sound.items()]
    yield "member-twice", archive(*twice, twice[2])
    at = [0, 40 + len(pickle)]
    overlapping = [
        member(b"a/data.pkl", pickle),
        member(b"a/data/0", ENTRIES),
        member(b"a/data/1", ENTRIES),
    ]
    yield "member-overlaps", archive(*overlapping, at=[*at, at[1]])
    yield "member-before-the-file", archive(*twice, at=[0, 0, 0, 0], start=10_000)
    yield "member-after-the-file", archive(*twice, at=[0, 10_000, 20_000, 30_000])
    yield "member-encrypted", packed(sound, **{"a/data/0": {"flags": 1}})
    yield "member-of-another-name", packed(sound, **{"a/data/0": {"local_name": b"a/data/1"}})
    yield "member-checksum-wrong", packed(sound, **{"a/data/0": {"crc": 1}})
    yield "pickle-checksum-wrong", packed(sound, **{"a/data.pkl": {"crc": 1}})
    yield "member-bzip2", packed(sound, **{"a/data/0": {"method": 12}})
    yield "member-lzma", packed(sound, **{"a/data/0": {"method": 14}})
    yield (
        "member-size-beyond-the-file",
        packed(sound, **{"a/data/0": {"size": 1 << 31, "packed": 1 << 31}}),
    )
    yield "member-size-larger-than-packed", packed(sound, **{"a/data/0": {"size": 1 << 20}})
    many = {"stream": deflated(zero), "packed": len(deflated(zero)), "method": 8}
    yield "deflated-sizes-beyond-the-limit", packed(sound, **{"a/data/0": many | {"size": 1 << 31}})
    yield "deflated-less-than-declared", packed(sound, **{"a/data/0": many | {"size": 1000}})
    yield "deflated-garbage", packed(sound, **{"a/data/0": many | {"stream": b"\xff" * 21}})
    yield "directory-cut-off", packed(sound)[:-30]
    yield "only-the-beginning", packed(sound)[:40]
    # A bomb that is small when it is packed: the pickle says 200 KB of zeros, 64 storages of them.
    bomb = deflated_zeros(200_000)
    lies = {f"a/data/{i}": {"stream": bomb, "packed": len(bomb), "method": 8} for i in range(64)}
    content = members(pickled(state(tensor())), {str(i): bytes(200_000) for i in range(64)})
    yield "deflated-bombs", packed(content, **lies)


def older_files():
    """Yield (name, content): files of the older format."""
    body = state(tensor(older_storage()))
    run = call("os", "system", text(COMMAND))
    yield "magic-wrong", older(body, magic=pickled(number(0x1950A86A20F9469CFC6D)))
    yield "magic-in-a-list", older(body, magic=pickled(EMPTY_LIST + MAGIC[2:-1] + APPEND))
    yield "call-beside-the-magic", older(body, magic=pickled(MAGIC[2:-1] + run + POP))
    yield "protocol-wrong", older(body, protocol=1002)
    yield "call", older(run)
    yield (
        "call-in-the-keys",
        MAGIC + pickled(number(1001)) + pickled(EMPTY_DICT) + pickled(body) + pickled(run),
    )
    yield "keys-too-few", older(body, keys=())
    yield "keys-too-many", older(body, keys=("0", "1"))
    yield "keys-twice", older(body, keys=("0", "0"), storages=[(4, ENTRIES)] * 2)
    yield "keys-others", older(body, keys=("1",))
    begin = MAGIC + pickled(number(1001)) + pickled(EMPTY_DICT) + pickled(body)
    laughs = pickled(EMPTY_LIST + doubled(EMPTY_TUPLE) + APPEND)
    yield "keys-a-billion-laughs", begin + laughs + struct.pack("<q", 4) + ENTRIES
    nothing = state(tensor(older_storage(n=0), size=(0,)))
    yield "number-of-entries-missing", older(nothing, storages=())
    yield "entries-fewer-than-declared", older(body, storages=[(3, ENTRIES[:12])])
    yield "entries-cut-off", older(body, storages=[(4, ENTRIES[:12])])
    yield (
        "entries-of-exabytes",
        older(state(tensor(older_storage(n=1 << 60))), storages=[(1 << 60, ENTRIES)]),
    )
    yield (
        "entries-of-negative-number",
        older(state(tensor(older_storage(n=-1))), storages=[(-1, b"")]),
    )
    yield "bytes-after-the-end", older(body, end=b"x")
    view = tuple_of(text("1"), number(2), number(3))
    yield "view-beyond-its-storage", older(state(tensor(older_storage(view=view), size=(2,))))
    view = tuple_of(text("1"), number(-2), number(3))
    yield "view-before-its-storage", older(state(tensor(older_storage(view=view), size=(2,))))
    yield "view-a-text", older(state(tensor(older_storage(view=text("1")))))
    yield "reference-of-the-zip-format", older(state(tensor()))
    yield "tar", b"sys_info".ljust(257, b"\0") + b"ustar\x0000".ljust(255, b"\0") + bytes(1024)


def files():
    """Return the contents of the files by name."""
    found = {"empty-file": b"", "four-bytes": b"PK\3\4", "magic-alone": MAGIC}
    for make in (calls, pickles):
        for name_, body in make():
            found[f"{make.__name__}-{name_}"] = checkpoint(body)
    for make in (tensors, arrays):
        for name_, body in make():
            found[f"{make.__name__}-{name_}"] = checkpoint(state(body))
    for name_, content in archives():
        found[f"archives-{name_}"] = content
    for name_, content in older_files():
        found[f"older-{name_}"] = content
    return found


if __name__ == "__main__":
    from attacks.harness import write_files

    write_files(files(), Path(__file__).parent, SUFFIX)

"""Pickles and checkpoints, honest or not, put together from their smallest parts.

Pickles are put together opcode by opcode, because no honest writer writes these; the names of the
opcodes are those of `pickletools`.
"""

import struct

from attacks.npz.make import archive, member

MAGIC = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."

NONE, FALSE, TRUE = b"N", b"\x89", b"\x88"
MARK, POP, REDUCE, BUILD, STOP = b"(", b"0", b"R", b"b", b"."
EMPTY_LIST, EMPTY_DICT, EMPTY_SET, EMPTY_TUPLE = b"]", b"}", b"\x8f", b")"
APPEND, APPENDS, SETITEM, ADDITEMS, TUPLE1, TUPLE2 = b"a", b"e", b"s", b"\x90", b"\x85", b"\x86"


# --- opcodes


def text(value):
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value):
    n_bytes = value.bit_length() // 8 + 1
    return b"\x8a" + bytes([n_bytes]) + value.to_bytes(n_bytes, "little", signed=True)


def data(value):
    return b"B" + struct.pack("<I", len(value)) + value


def tuple_of(*parts):
    return MARK + b"".join(parts) + b"t"


def numbers(*values):
    return tuple_of(*map(number, values))


def put(index):
    return b"r" + struct.pack("<I", index)


def get(index):
    return b"j" + struct.pack("<I", index)


def name(module, function):
    return f"c{module}\n{function}\n".encode()


def call(module, function, *arguments):
    return name(module, function) + tuple_of(*arguments) + REDUCE


def numpy_dtype(code="f4", byte_order="<"):
    state = number(3), text(byte_order), NONE, NONE, NONE, number(-1), number(-1), number(0)
    return call("numpy", "dtype", text(code), FALSE, TRUE) + tuple_of(*state) + BUILD


def pickled(body, protocol=2):
    return b"\x80" + bytes([protocol]) + body + STOP


def storage(key="0", n=4, kind="FloatStorage", view=None, module="torch"):
    """Return a reference to a storage; `view` is what only the older format has."""
    parts = text("storage"), name(module, kind), text(key), text("cpu"), number(n)
    return tuple_of(*parts, *([] if view is None else [view])) + b"Q"


def tensor(where=None, offset=0, size=(4,), stride=(1,), extra=b""):
    where = storage() if where is None else where
    hooks = call("collections", "OrderedDict")
    view = where, number(offset), numbers(*size), numbers(*stride)
    return call("torch._utils", "_rebuild_tensor_v2", *view, FALSE, hooks, extra)


def doubled(value, n=60):
    """Return n tuples of which each holds the one before twice, and the first this value."""
    steps = (POP + get(i) + get(i) + TUPLE2 + put(i + 1) for i in range(n))
    return value + put(0) + b"".join(steps)


def state(value):
    """Return a state dict of one entry."""
    return EMPTY_DICT + text("w") + value + SETITEM


# --- files

ENTRIES = struct.pack("<4f", 1, 2, 3, 4)


def members(pickle, storages=None, **others):
    """Return the members of a checkpoint by name."""
    storages = {"0": ENTRIES} if storages is None else storages
    return (
        {"a/data.pkl": pickle, "a/byteorder": b"little"}
        | {f"a/data/{key}": content for key, content in storages.items()}
        | {"a/version": b"3\n"}
        | others
    )


def packed(contents, **lies):
    """Return a zip archive; `lies` gives the false fields of members by name."""
    return archive(
        *(member(n.encode(), c, **lies.get(n, {})) for n, c in contents.items()),
    )


def checkpoint(body, storages=None, protocol=2, **others):
    return packed(members(pickled(body, protocol), storages, **others))


def older(body, keys=("0",), storages=((4, ENTRIES),), magic=MAGIC, protocol=1001, end=b""):
    """Return a file of the older format."""
    listed = pickled(EMPTY_LIST + MARK + b"".join(map(text, keys)) + APPENDS)
    rest = b"".join(struct.pack("<q", n) + content for n, content in storages)
    return (
        magic
        + pickled(number(protocol))
        + pickled(EMPTY_DICT)
        + pickled(body)
        + listed
        + rest
        + end
    )


def older_storage(view=NONE, **options):
    return storage(view=view, **options)


SOUND = {"zip": checkpoint(state(tensor())), "older": older(state(tensor(older_storage())))}


def deflated_zeros(n):
    """Return n zeros, a multiple of 258 or not, deflated by hand: one byte, then copies of 258."""
    bits = "110" + "00110000"  # last block, fixed codes; the literal 0
    copies, rest = divmod(n - 1, 258)
    bits += "11000101" + "00000"  # length 258 (code 285), distance 1
    bits += ("11000101" + "00000") * (copies - 1)
    bits += ("00110000") * rest + "0000000"
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8][::-1], 2) for i in range(0, len(bits), 8))

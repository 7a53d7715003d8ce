"""The opcodes of pickles: what each makes the machine do, and why some are not read.

The names in capitals are those of `pickletools` in the standard library, which describes every opcode.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scratchnet.serialization.pickle_machine import PickleMachine

__all__ = ["ACTIONS", "NOT_READ"]

_UINT1, _UINT2, _UINT4, _UINT8 = Struct("<B"), Struct("<H"), Struct("<I"), Struct("<Q")
_INT4, _FLOAT8 = Struct("<i"), Struct(">d")  # the one number that a pickle holds big-endian


def _check_protocol(machine: PickleMachine) -> None:
    version = machine.number(_UINT1)
    if not 2 <= version <= 5:
        raise ValueError(f"pickle protocol {version}, read are 2 to 5")


def _check_frame(machine: PickleMachine) -> None:
    # A frame says how much can be read at once, which does not matter to us, if it is there.
    if machine.number(_UINT8) > machine.n_left:
        raise ValueError("the pickle is cut off within a frame")


ACTIONS: dict[bytes, Callable[[PickleMachine], None]] = {
    b"\x80": _check_protocol,  # PROTO
    b"\x95": _check_frame,  # FRAME
    # values
    b"N": lambda m: m.push(None),  # NONE
    b"\x88": lambda m: m.push(True),  # NEWTRUE
    b"\x89": lambda m: m.push(False),  # NEWFALSE
    b"J": lambda m: m.push(m.number(_INT4)),  # BININT
    b"K": lambda m: m.push(m.number(_UINT1)),  # BININT1
    b"M": lambda m: m.push(m.number(_UINT2)),  # BININT2
    b"\x8a": lambda m: m.push(m.integer(_UINT1)),  # LONG1
    b"G": lambda m: m.push(m.number(_FLOAT8)),  # BINFLOAT
    b"X": lambda m: m.push(m.text(_UINT4)),  # BINUNICODE
    b"\x8c": lambda m: m.push(m.text(_UINT1)),  # SHORT_BINUNICODE
    b"\x8d": lambda m: m.push(m.text(_UINT8)),  # BINUNICODE8
    b"U": lambda m: m.push(m.text(_UINT1)),  # SHORT_BINSTRING, the text of Python 2
    b"T": lambda m: m.push(m.text(_UINT4)),  # BINSTRING
    b"C": lambda m: m.push(m.take(m.number(_UINT1))),  # SHORT_BINBYTES
    b"B": lambda m: m.push(m.take(m.number(_UINT4))),  # BINBYTES
    b"\x8e": lambda m: m.push(m.take(m.number(_UINT8))),  # BINBYTES8
    b"\x96": lambda m: m.push(bytearray(m.take(m.number(_UINT8)))),  # BYTEARRAY8
    # containers
    b"]": lambda m: m.push_container([]),  # EMPTY_LIST
    b"}": lambda m: m.push_container({}),  # EMPTY_DICT
    b"\x8f": lambda m: m.push_container(set()),  # EMPTY_SET
    b")": lambda m: m.push(()),  # EMPTY_TUPLE
    b"a": lambda m: m.append(),  # APPEND
    b"e": lambda m: m.append_items(),  # APPENDS
    b"s": lambda m: m.set_item(),  # SETITEM
    b"u": lambda m: m.set_items(m.pop_to_mark()),  # SETITEMS
    b"\x90": lambda m: m.add_items(),  # ADDITEMS
    b"\x91": lambda m: m.push_frozenset(),  # FROZENSET
    b"\x85": lambda m: m.push_tuple(1),  # TUPLE1
    b"\x86": lambda m: m.push_tuple(2),  # TUPLE2
    b"\x87": lambda m: m.push_tuple(3),  # TUPLE3
    b"t": lambda m: m.push_container(tuple(m.pop_to_mark())),  # TUPLE
    # stack and memo
    b"(": lambda m: m.mark(),  # MARK
    b"0": lambda m: m.pop_or_unmark(),  # POP
    b"1": lambda m: m.drop_to_mark(),  # POP_MARK
    b"q": lambda m: m.memoize(m.number(_UINT1)),  # BINPUT
    b"r": lambda m: m.memoize(m.number(_UINT4)),  # LONG_BINPUT
    b"\x94": lambda m: m.memoize(len(m.memo)),  # MEMOIZE
    b"h": lambda m: m.recall(m.number(_UINT1)),  # BINGET
    b"j": lambda m: m.recall(m.number(_UINT4)),  # LONG_BINGET
    # names, calls, what lies outside
    b"c": lambda m: m.look_up(m.line(), m.line()),  # GLOBAL
    b"\x93": lambda m: m.look_up_from_stack(),  # STACK_GLOBAL
    b"R": lambda m: m.reduce(),  # REDUCE
    b"b": lambda m: m.build(),  # BUILD
    b"Q": lambda m: m.load_persistent(),  # BINPERSID
}

NOT_READ = (
    dict.fromkeys([b"i", b"o", b"\x81", b"\x92"], "makes an instance of a class, which is not read")
    | dict.fromkeys([b"\x82", b"\x83", b"\x84"], "is a registered extension, which is not read")
    | dict.fromkeys([b"\x97", b"\x98"], "needs a buffer outside the file, and there is none")
    | dict.fromkeys([b"\x8b"], "is an integer of more than 255 bytes, which is not read")
    | dict.fromkeys([b"2"], "doubles a value, which no writer of plain data does")
    | dict.fromkeys(
        [b"F", b"I", b"L", b"S", b"V", b"d", b"g", b"l", b"p", b"P"],
        "belongs to protocols 0 and 1, which are not read",
    )
)

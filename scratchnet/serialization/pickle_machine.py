"""A machine that reads pickles of plain data, and calls nothing that a file names.

A pickle is a program for a machine with a stack and a memo. Most instructions (opcodes) push a value
or put values into a container; a few look up a function by its module and name and call it, which is
how a pickle runs whatever it likes. Here a name is looked up in a table of functions of ours, and a
name that is not in the table is an error. There is no other way from a file to a call.

    (1, [2.0])   =   PROTO 2   BININT1 1   EMPTY_LIST   BINFLOAT 2.0   APPEND   TUPLE2   STOP

The opcodes are those that Python 2 and 3 write in protocols 2 to 5 for plain data and that PyTorch's
files need. Left out: the text of protocols 0 and 1, instances of classes, registered extensions,
buffers outside the file, integers of more than 255 bytes.

Bounded: the opcodes of one pickle, how deep marks nest, and what hashing can cost (`Limits`). Every
length is compared with the bytes that are left before they are read. The machine is a loop, so deep
nesting cannot exhaust Python's own stack.

Source: `pickletools` of the standard library, which describes every opcode.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from struct import Struct
from typing import Any, BinaryIO

from scratchnet.serialization.errors import printable
from scratchnet.serialization.limits import Limits

__all__ = ["Function", "PickleMachine", "Refused", "Unfinished"]

# Each opcode makes one object at most, of no more than the bytes that it takes and 216, those of an
# empty set: below a gigabyte and a few seconds in all.
_MOST_OPCODES = 1 << 21
_MOST_MARKS = 1000  # open at once, one for each container that is being filled
_LONGEST_NAME = 1024

_UINT1, _UINT2, _UINT4, _UINT8 = Struct("<B"), Struct("<H"), Struct("<I"), Struct("<Q")
_INT4, _FLOAT8 = Struct("<i"), Struct(">d")  # the one number that a pickle holds big-endian


@dataclass(frozen=True, slots=True)
class Function:
    """A function of ours that stands for a name in a file; it takes the tuple of arguments."""

    name: str
    call: Callable[[tuple[Any, ...]], Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """A name that is known and not read, with the reason as the error gives it."""

    reason: str


@dataclass(slots=True)
class Unfinished:
    """An object that a later BUILD finishes from its state; the memo then holds the result."""

    finish: Callable[[Any], Any]
    memo_indices: list[int] = field(default_factory=list)


class PickleMachine:
    """One pickle, read by `run` from a stream that is left behind its last byte.

    n_bytes: how many bytes the pickle can have. names: what (module, name) stands for: a Function, a
    Refused, or a value. persistent: what an identifier for an object outside the pickle stands for.
    A pickle that is not sound, or that names what the table lacks, raises ValueError.
    """

    def __init__(
        self,
        stream: BinaryIO,
        n_bytes: int,
        names: Mapping[tuple[str, str], Any],
        *,
        limits: Limits,
        persistent: Callable[[Any], Any] | None = None,
    ) -> None:
        self.n_left = n_bytes
        self._stream = stream
        self._names = names
        self._limits = limits
        self._persistent = persistent
        self._stack: list[Any] = []  # of the innermost open mark
        self._below: list[list[Any]] = []  # the stacks that MARK has put aside
        self._memo: dict[int, Any] = {}

    def run(self) -> Any:
        """Return the value that the pickle describes."""
        try:
            for _ in range(_MOST_OPCODES):
                opcode = self.take(1)
                if opcode == b".":  # STOP
                    value = self.pop()
                    if self._stack or self._below:
                        raise ValueError("values are left over when the pickle stops")
                    return value
                if opcode not in _ACTIONS:
                    reason = _NOT_READ.get(opcode, "is none of pickle's")
                    raise ValueError(f"opcode 0x{opcode.hex()} {reason}")
                _ACTIONS[opcode](self)
        except ValueError as error:
            key = self._key_at_hand()
            place = "" if key is None else f"at {printable(key)}: "
            raise ValueError(f"{place}{error}") from error
        raise ValueError(f"a pickle of more than {_MOST_OPCODES} opcodes")

    def take(self, n_bytes: int) -> bytes:
        """Return the next bytes of the pickle."""
        if n_bytes > self.n_left:
            raise ValueError(f"the pickle is cut off: {self.n_left} bytes left, {n_bytes} expected")
        data = self._stream.read(n_bytes)
        if len(data) != n_bytes:
            raise ValueError(f"the pickle is cut off: {len(data)} of {n_bytes} bytes")
        self.n_left -= n_bytes
        return data

    def number(self, form: Struct) -> Any:
        """Return the next number of the pickle."""
        return form.unpack(self.take(form.size))[0]

    def text(self, form: Struct) -> str:
        """Return the next text, which follows its length."""
        return str(self.take(self.number(form)), "utf-8")

    def line(self) -> str:
        """Return the text up to the next end of line, without it."""
        data = self._stream.readline(min(_LONGEST_NAME, self.n_left))
        self.n_left -= len(data)
        if not data.endswith(b"\n"):
            raise ValueError("a name in the pickle has no end")
        return str(data[:-1], "utf-8")

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def pop(self) -> Any:
        if not self._stack:
            raise ValueError("an opcode takes a value from an empty stack")
        return self._stack.pop()

    def top(self, kind: type) -> Any:
        """Return the topmost value, which stays there and is exactly of this type."""
        if not self._stack or type(self._stack[-1]) is not kind:
            raise ValueError(f"an opcode fills a {kind.__name__} where there is none")
        return self._stack[-1]

    def mark(self) -> None:
        if len(self._below) == _MOST_MARKS:
            raise ValueError(f"more than {_MOST_MARKS} marks are open")
        self._below.append(self._stack)
        self._stack = []

    def pop_to_mark(self) -> list[Any]:
        """Return the values since the last mark, and take the mark away."""
        if not self._below:
            raise ValueError("an opcode needs a mark, and none is open")
        values, self._stack = self._stack, self._below.pop()
        return values

    def pop_or_unmark(self) -> None:
        """POP takes a value, or the mark if no value stands on it."""
        if self._stack:
            self._stack.pop()
        else:
            self.pop_to_mark()

    def drop_to_mark(self) -> None:
        self.pop_to_mark()

    def push_tuple(self, n_values: int) -> None:
        self.push(tuple([self.pop() for _ in range(n_values)][::-1]))

    def set_items(self, items: list[Any]) -> None:
        """Put keys and values, by turns, into the dictionary on top."""
        if len(items) % 2:
            raise ValueError("a key of a dictionary has no value")
        target, check = self.top(dict), self._limits.key
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[check(key)] = value

    def set_item(self) -> None:
        value, key = self.pop(), self.pop()
        self.set_items([key, value])

    def add_items(self) -> None:
        members = self.pop_to_mark()
        self.top(set).update(map(self._limits.key, members))

    def push_frozenset(self) -> None:
        self.push(frozenset(map(self._limits.key, self.pop_to_mark())))

    def append(self) -> None:
        value = self.pop()
        self.top(list).append(value)

    def append_items(self) -> None:
        values = self.pop_to_mark()
        self.top(list).extend(values)

    def memoize(self, index: int) -> None:
        value = self.pop()
        if isinstance(value, Unfinished):
            value.memo_indices.append(index)
        self._memo[index] = value
        self.push(value)

    def recall(self, index: int) -> None:
        if index not in self._memo:
            raise ValueError(f"the memo has no entry {index}")
        self.push(self._memo[index])

    def look_up(self, module: Any, name: Any) -> None:
        """Push what the table has for a name: the one place where a name means anything."""
        if type(module) is not str or type(name) is not str:
            raise ValueError("a module or a name is no text")
        if (module, name) not in self._names:
            raise ValueError(
                f"it holds {printable(f'{module}.{name}')}, which is no plain data and was not run. "
                "If you trust the file, load it in PyTorch and save its weights alone: "
                'torch.save(checkpoint["state_dict"], path) or torch.save(model.state_dict(), path)'
            )
        found = self._names[module, name]
        if isinstance(found, Refused):
            raise ValueError(f"it holds {module}.{name}: {found.reason}")
        self.push(found)

    def look_up_from_stack(self) -> None:
        name, module = self.pop(), self.pop()
        self.look_up(module, name)

    def reduce(self) -> None:
        """Call a Function with a tuple: the one place where a file makes anything run."""
        arguments, function = self.pop(), self.pop()
        if type(function) is not Function or type(arguments) is not tuple:
            raise ValueError("something is called that is no function")
        self.push(function.call(arguments))

    def build(self) -> None:
        """Finish an Unfinished from its state. A dictionary's attributes are dropped.

        (A state_dict has one, `_metadata`: the version numbers of its modules.)
        """
        state, target = self.pop(), self.pop()
        if isinstance(target, Unfinished):
            value = target.finish(state)
            for index in target.memo_indices:
                if self._memo[index] is target:
                    self._memo[index] = value
            self.push(value)
        elif type(target) is dict and type(state) is dict:
            self.push(target)
        else:
            raise ValueError(f"a value of type {type(target).__name__} is given a state")

    def load_persistent(self) -> None:
        if self._persistent is None:
            raise ValueError("it refers to an object outside, where there is none")
        self.push(self._persistent(self.pop()))

    def _key_at_hand(self) -> str | None:
        """Return the key of the value that is being made, for an error, if there is one at hand.

        It is the text on top of a stack, or under what is made of the values on the next stacks.
        """
        for stack in [self._stack, *reversed(self._below)]:
            if stack and type(stack[0]) is str and stack[0] in ("storage", "module"):
                continue  # an identifier, not keys and values
            is_made = bool(stack) and type(stack[-1]) in (Function, Unfinished)
            key = stack[-2:-1] if is_made else stack[-1:]
            if key and type(key[0]) is str:
                return key[0]
        return None


def _check_protocol(machine: PickleMachine) -> None:
    version = machine.number(_UINT1)
    if not 2 <= version <= 5:
        raise ValueError(f"pickle protocol {version}, read are 2 to 5")


def _check_frame(machine: PickleMachine) -> None:
    # A frame says how much can be read at once, which does not matter to us, if it is there.
    if machine.number(_UINT8) > machine.n_left:
        raise ValueError("the pickle is cut off within a frame")


_ACTIONS: dict[bytes, Callable[[PickleMachine], None]] = {
    b"\x80": _check_protocol,  # PROTO
    b"\x95": _check_frame,  # FRAME
    # values
    b"N": lambda m: m.push(None),  # NONE
    b"\x88": lambda m: m.push(True),  # NEWTRUE
    b"\x89": lambda m: m.push(False),  # NEWFALSE
    b"J": lambda m: m.push(m.number(_INT4)),  # BININT
    b"K": lambda m: m.push(m.number(_UINT1)),  # BININT1
    b"M": lambda m: m.push(m.number(_UINT2)),  # BININT2
    b"\x8a": lambda m: m.push(
        int.from_bytes(m.take(m.number(_UINT1)), "little", signed=True)
    ),  # LONG1
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
    b"]": lambda m: m.push([]),  # EMPTY_LIST
    b"}": lambda m: m.push({}),  # EMPTY_DICT
    b"\x8f": lambda m: m.push(set()),  # EMPTY_SET
    b")": lambda m: m.push(()),  # EMPTY_TUPLE
    b"a": PickleMachine.append,  # APPEND
    b"e": PickleMachine.append_items,  # APPENDS
    b"s": PickleMachine.set_item,  # SETITEM
    b"u": lambda m: m.set_items(m.pop_to_mark()),  # SETITEMS
    b"\x90": PickleMachine.add_items,  # ADDITEMS
    b"\x91": PickleMachine.push_frozenset,  # FROZENSET
    b"\x85": lambda m: m.push_tuple(1),  # TUPLE1
    b"\x86": lambda m: m.push_tuple(2),  # TUPLE2
    b"\x87": lambda m: m.push_tuple(3),  # TUPLE3
    b"t": lambda m: m.push(tuple(m.pop_to_mark())),  # TUPLE
    # stack and memo
    b"(": PickleMachine.mark,  # MARK
    b"0": PickleMachine.pop_or_unmark,  # POP
    b"1": PickleMachine.drop_to_mark,  # POP_MARK
    b"q": lambda m: m.memoize(m.number(_UINT1)),  # BINPUT
    b"r": lambda m: m.memoize(m.number(_UINT4)),  # LONG_BINPUT
    b"\x94": lambda m: m.memoize(len(m._memo)),  # MEMOIZE
    b"h": lambda m: m.recall(m.number(_UINT1)),  # BINGET
    b"j": lambda m: m.recall(m.number(_UINT4)),  # LONG_BINGET
    # names, calls, what lies outside
    b"c": lambda m: m.look_up(m.line(), m.line()),  # GLOBAL
    b"\x93": PickleMachine.look_up_from_stack,  # STACK_GLOBAL
    b"R": PickleMachine.reduce,  # REDUCE
    b"b": PickleMachine.build,  # BUILD
    b"Q": PickleMachine.load_persistent,  # BINPERSID
}

_NOT_READ = (
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

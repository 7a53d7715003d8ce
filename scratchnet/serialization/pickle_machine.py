"""A machine that reads pickles of plain data, and calls nothing that a file names.

A pickle is a program for a machine with a stack and a memo. Most instructions (opcodes) push a value
or put values into a container. The memo keeps values under a number (BINPUT) for a later BINGET, so that
what was one object stays one; writers number every container, and most numbers are never used.

    (1, [2.0])   PROTO 2  BININT1 1  EMPTY_LIST  BINPUT 0  BINFLOAT 2.0  APPEND  TUPLE2  BINPUT 1  STOP
    an attack    PROTO 2  GLOBAL os system  BINUNICODE "a command"  TUPLE1  REDUCE  STOP

A few opcodes look up a function by its module and name and call it, which is how a pickle runs whatever
it likes. Here a name is looked up in a table of ours, and one that is not in the table is an error. From
a file to a call there are three ways, and all three run functions of ours only: REDUCE calls one of the
table, BUILD one that finishes what such a call began, BINPERSID the one that reads storages.

The opcodes (`_opcodes.py`) are those that Python 2 and 3 write in protocols 2 to 5 for plain data and
that PyTorch's files need. Left out: the text of protocols 0 and 1, instances of classes, registered
extensions, buffers outside the file, integers of more than 255 bytes.

Bounded: the memory of containers and what hashing can cost (`Limits`), and how deep marks nest. Every
opcode takes a byte, and every length is compared with the bytes that are left before they are read. The
machine is a loop, so deep nesting cannot exhaust Python's own stack.

Source: `pickletools` of the standard library, which describes every opcode.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from struct import Struct
from typing import Any, BinaryIO

from scratchnet.serialization._opcodes import ACTIONS, NOT_READ
from scratchnet.serialization.errors import printable
from scratchnet.serialization.limits import ADVICE, Limits

__all__ = ["Function", "PickleMachine", "Refused", "Unfinished"]

# Bytes of memory, about: a list or dictionary with what is noted of it when it is checked, an entry of
# the memo; a set.
_CONTAINER, _SET = 128, 256
_MOST_MARKS = 1000  # open at once, one for each container that is being filled
_LONGEST_NAME = 1024


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
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """Return the value that the pickle describes."""
        try:
            while True:
                opcode = self.take(1)
                if opcode == b".":  # STOP
                    value = self.pop()
                    if self._stack or self._below:
                        raise ValueError("values are left over when the pickle stops")
                    return value
                if opcode not in ACTIONS:
                    reason = NOT_READ.get(opcode, "is none of pickle's")
                    raise ValueError(f"opcode 0x{opcode.hex()} {reason}")
                ACTIONS[opcode](self)
        except ValueError as error:
            key = self._key_at_hand()
            place = "" if key is None else f"at {printable(key)}: "
            raise ValueError(f"{place}{error}") from error

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

    def integer(self, form: Struct) -> int:
        """Return the next integer, which follows its length in bytes."""
        return int.from_bytes(self.take(self.number(form)), "little", signed=True)

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

    def push_container(self, value: Any) -> None:
        self._limits.hold(_SET if type(value) in (set, frozenset) else _CONTAINER)
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
        self.push_container(tuple([self.pop() for _ in range(n_values)][::-1]))

    def set_items(self, items: list[Any]) -> None:
        """Put keys and values, by turns, into the dictionary on top."""
        if len(items) % 2:
            raise ValueError("a key of a dictionary has no value")
        target, check = self.top(dict), self._limits.key
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[check(key, len(target))] = value

    def set_item(self) -> None:
        value, key = self.pop(), self.pop()
        self.set_items([key, value])

    def add_items(self) -> None:
        members = self.pop_to_mark()
        target = self.top(set)
        for member in members:
            target.add(self._limits.key(member, len(target)))

    def push_frozenset(self) -> None:
        members: set[Any] = set()
        for member in self.pop_to_mark():
            members.add(self._limits.key(member, len(members)))
        self.push_container(frozenset(members))

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
        self._limits.hold(_CONTAINER)
        self.memo[index] = value
        self.push(value)

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise ValueError(f"the memo has no entry {index}")
        self.push(self.memo[index])

    def look_up(self, module: Any, name: Any) -> None:
        """Push what the table has for a name: the one place where a name means anything."""
        if type(module) is not str or type(name) is not str:
            raise ValueError("a module or a name is no text")
        if (module, name) not in self._names:
            raise ValueError(
                f"it holds {printable(f'{module}.{name}')}, which is no plain data and was not run. "
                f"{ADVICE}"
            )
        found = self._names[module, name]
        if isinstance(found, Refused):
            raise ValueError(f"it holds {module}.{name}: {found.reason}")
        self.push(found)

    def look_up_from_stack(self) -> None:
        name, module = self.pop(), self.pop()
        self.look_up(module, name)

    def reduce(self) -> None:
        """Call a Function with a tuple: the first of three places where a file makes anything run."""
        arguments, function = self.pop(), self.pop()
        if type(function) is not Function or type(arguments) is not tuple:
            raise ValueError("something is called that is no function")
        self._limits.hold(_CONTAINER + 8 * len(arguments))  # a function walks through them
        self.push(function.call(arguments))

    def build(self) -> None:
        """Finish an Unfinished from its state: the second place. Attributes of a dictionary are dropped.

        (A state_dict has one, `_metadata`: the version numbers of its modules.)
        """
        state, target = self.pop(), self.pop()
        if isinstance(target, Unfinished):
            value = target.finish(state)
            for index in target.memo_indices:
                if self.memo[index] is target:
                    self.memo[index] = value
            target.memo_indices.clear()  # a file may finish it again, and must not walk them again
            self.push(value)
        elif type(target) is dict and type(state) is dict:
            self.push(target)
        else:
            raise ValueError(f"a value of type {type(target).__name__} is given a state")

    def load_persistent(self) -> None:
        """Push what lies outside the pickle, which `persistent` reads: the third place."""
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

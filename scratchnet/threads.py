"""Work spread over threads, with BLAS on one thread in each: products, copies and sums run side by side.

NumPy gives up the interpreter's lock inside products, copies and ufuncs, so Python threads do run at
the same time. Left to itself, BLAS splits only its products and leaves all copies between them to one
thread. Here the work is cut into blocks instead, each a chain of copies, products and sums that stays
in one core's cache, and BLAS is told to use one thread for as long as that lasts.

The number of BLAS's threads is set through threadpoolctl (extra `fast`). Without it, and where threads
cannot be started (WebAssembly), blocks run one after another and BLAS does as it likes.

OpenBLAS takes its number of threads from the main thread alone. So in any other thread of the program
blocks run one after another as well, and BLAS splits the products.

What is computed does not depend on the number of threads: the caller cuts the blocks, each writes to
its own part of the result, and which thread takes which is all that varies. (Where BLAS cannot be told,
it may sum its products in another order.)

While blocks run, the calling thread is held on the core where it is, and each worker to cores of its own
(Linux). Left to itself, the scheduler of a virtual machine lets them take turns on one core for up to
0.2 s after a pause, though the other one idles: a convolution then takes 10 ms instead of 5.5.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import numpy as np

__all__ = ["get_num_threads", "run_blocks", "set_num_threads"]

Block = TypeVar("Block")

_num_threads: int | None = None  # until it is set or first asked for
_workers: list[tuple[threading.Thread, SimpleQueue[Any]]] = []  # threads that wait for work
_sharing = False  # whether the main thread's blocks run on several threads
_before: list[int] = []  # BLAS's numbers of threads, while they do and it has one
_free: set[int] = set()  # the cores that the main thread may run on, while it is held on one
_libraries: list[Any] | None = None  # threadpoolctl's controllers of BLAS, found once
_cores: dict[int, set[int]] = {}  # what each worker is held to, by its thread's number


def get_num_threads() -> int:
    """Return how many threads share the work: at first OMP_NUM_THREADS, else the cores there are."""
    global _num_threads
    if _num_threads is None:
        wanted = os.environ.get("OMP_NUM_THREADS", "")
        _num_threads = int(wanted) if wanted.isdecimal() and int(wanted) else _count_cores()
    return _num_threads


def set_num_threads(num_threads: int) -> None:
    """Let this many threads share the work, those of BLAS included.

    Needs threadpoolctl (extra `fast`); without it an ImportError names the environment variable that
    does the same when it is set before Python starts. RuntimeError while blocks run on several threads,
    and in another thread than the main one, which BLAS does not listen to.
    """
    global _num_threads
    if not isinstance(num_threads, int | np.integer) or num_threads < 1:
        raise ValueError(f"num_threads is a whole number, at least 1, got {num_threads!r}")
    if not _blas():
        raise ImportError(
            "threadpoolctl is needed to set the number of threads: pip install 'scratchnet[fast]', "
            "or set OMP_NUM_THREADS before Python starts"
        )
    if not _is_main():
        raise RuntimeError("set_num_threads takes effect in the main thread only")
    if _sharing:  # whose end would put BLAS's number back
        raise RuntimeError("set_num_threads was called while blocks run on several threads")
    _set_blas([int(num_threads)] * len(_blas()))
    _num_threads = int(num_threads)


def run_blocks(function: Callable[[Block], None], blocks: Sequence[Block]) -> None:
    """Call the function with every block, on several threads if there are several blocks.

    The function writes its results where no other block does. The first error is raised here when
    all threads have stopped. Called inside a block, or while another thread's blocks run, it runs its
    blocks one after another: threads do not multiply. A block must not fork the process.

    BLAS has one thread even if there is only one block: a single product on several would leave BLAS's
    own threads spinning for up to 100 ms, in the way of the blocks that follow.
    """
    global _sharing
    alone = get_num_threads() == 1 or sys.is_finalizing()  # at exit no other thread runs any more
    if alone or _sharing or not _is_main() or not _blas():
        for block in blocks:
            function(block)
        return
    try:
        _sharing = True
        _before[:] = [library.num_threads for library in _blas()]
        _set_blas([1] * len(_before))
        if all(library.num_threads == 1 for library in _blas()):
            _share_blocks(function, blocks)
        else:  # it does not listen to this thread
            for block in blocks:
                function(block)
    finally:
        interrupt = None
        while _sharing:
            try:
                _end_sharing()
            except BaseException as error:  # Ctrl-C at this very moment: once more
                interrupt = error
        if interrupt is not None:
            raise interrupt


def _end_sharing() -> None:
    """Put back what `run_blocks` has set; it may be called again if it was interrupted."""
    global _sharing
    if _free and _current_core is not None:
        os.sched_setaffinity(0, _free)
    _free.clear()
    _set_blas(_before)
    _before.clear()
    _sharing = False


def _share_blocks(function: Callable[[Block], None], blocks: Sequence[Block]) -> None:
    """Call the function with every block, on this thread and on others."""
    left = iter(list(blocks))  # hands out each entry once, to whichever thread asks
    errors: list[BaseException] = []
    settings = np.geterr()  # NumPy's reactions to overflow and the like are each thread's own
    queues = _workers_for(min(get_num_threads(), len(blocks)) - 1)
    finished: set[int] = set()
    done: SimpleQueue[None] = SimpleQueue()  # wakes the caller

    def work() -> None:
        try:
            with np.errstate(**settings):
                for block in left:
                    if errors:
                        return
                    function(block)
        except BaseException as error:
            errors.append(error)

    def serve(number: int) -> None:
        work()
        finished.add(number)
        done.put(None)

    if queues:
        _hold_apart(len(queues))
    waiting, begun = list(enumerate(queues)), False
    # Also when one has failed, or Ctrl-C was pressed wherever that was: the others still write.
    while not begun or len(finished) < len(queues):
        try:
            while waiting:
                number, queue = waiting[-1]
                queue.put(partial(serve, number))
                waiting.pop()  # who was told twice finds no block the second time
            begun = True
            work()
            if len(finished) < len(queues):
                done.get(timeout=0.1)
        except Empty:
            pass
        except BaseException as error:
            errors.append(error)
    if errors:
        raise errors[0]


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


def _count_cores() -> int:
    """Return how many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _blas() -> list[Any]:
    """Return threadpoolctl's controllers of BLAS; none if it is absent or does not know this BLAS."""
    global _libraries
    if _libraries is None:
        try:
            from threadpoolctl import ThreadpoolController
        except ImportError:
            _libraries = []
        else:
            _libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    return _libraries


def _set_blas(numbers: list[int]) -> None:
    for library, number in zip(_blas(), numbers, strict=False):
        library.set_num_threads(number)


def _workers_for(n: int) -> list[SimpleQueue[Any]]:
    """Return the queues of n threads that wait for work; fewer where no more can be started."""
    _workers[:] = [(thread, queue) for thread, queue in _workers if thread.is_alive()]
    with contextlib.suppress(RuntimeError):
        while len(_workers) < n:
            queue: SimpleQueue[Any] = SimpleQueue()
            thread = threading.Thread(target=_serve, args=(queue,), daemon=True, name="scratchnet")
            thread.start()
            _workers.append((thread, queue))
    return [queue for _, queue in _workers[:n]]


def _hold_apart(n: int) -> None:
    """Hold this thread on its core and n workers to parts of the others, disjoint if these are enough."""
    global _current_core
    if _current_core is None:
        return
    try:
        cores, here = os.sched_getaffinity(0), _current_core()
        others = sorted(cores - {here})
        if here not in cores or not others:
            return
        for i, (thread, _) in enumerate(_workers[:n]):
            part, number = set(others[i % len(others) :: n]), thread.native_id
            if number is not None and _cores.get(number) != part:
                os.sched_setaffinity(number, part)
                _cores[number] = part
        _free.update(cores)
        os.sched_setaffinity(0, {here})
    except OSError:
        _current_core = None  # not allowed here


def _find_current_core() -> Callable[[], int] | None:
    """Return the C library's function that tells the core of the calling thread, None if there is none."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    try:
        function: Callable[[], int] = ctypes.CDLL(None).sched_getcpu
    except (OSError, AttributeError):
        return None
    return function


_current_core = _find_current_core()


def _serve(queue: SimpleQueue[Any]) -> None:
    while True:
        queue.get()()  # not kept under a name, or its arrays would stay alive until the next one


def _after_fork() -> None:
    """Forget the threads, which a forked process does not have, and what they were in the middle of."""
    global _sharing
    _workers.clear()
    _cores.clear()
    _free.clear()
    _sharing = False
    _set_blas(_before)
    _before.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

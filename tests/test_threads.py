"""Blocks on threads: every block once, errors raised, threads not multiplied, BLAS put back."""

import os
import signal
import subprocess
import sys
import threading
import time
import weakref

import numpy as np
import pytest

from scratchnet import threads
from scratchnet.threads import get_num_threads, run_blocks, set_num_threads

threadpoolctl = pytest.importorskip("threadpoolctl")


@pytest.fixture
def three_threads():
    before = get_num_threads()
    set_num_threads(3)
    yield
    set_num_threads(before)


def blas_threads():
    return {
        lib["num_threads"] for lib in threadpoolctl.threadpool_info() if lib["user_api"] == "blas"
    }


@pytest.mark.parametrize("n", [0, 1, 2, 7, 1000])
def test_every_block_runs_once(three_threads, n):
    counts = np.zeros(n, int)

    def work(i):
        counts[i] += 1

    run_blocks(work, range(n))
    assert (counts == 1).all()


def test_several_threads_run_at_once(three_threads):
    met = threading.Barrier(3, timeout=30)
    run_blocks(lambda _: met.wait(), range(3))  # breaks unless three wait at the same time


def test_blas_has_one_thread_inside_and_its_own_number_after(three_threads):
    inside = []
    run_blocks(lambda _: inside.append(blas_threads()), range(4))
    assert inside == [{1}] * 4
    assert blas_threads() == {3}


def test_an_error_in_a_block_is_raised_and_the_others_stop(three_threads):
    started = []

    def work(i):
        started.append(i)
        if i == 0:
            raise ZeroDivisionError("block 0")
        time.sleep(0.01)

    with pytest.raises(ZeroDivisionError, match="block 0"):
        run_blocks(work, range(1000))
    assert len(started) < 1000
    assert blas_threads() == {3}
    test_every_block_runs_once(None, 7)  # and nothing is left locked


def test_blocks_inside_a_block_do_not_start_more_threads(three_threads):
    names = set()

    def inner(_):
        names.add(threading.current_thread().name)

    run_blocks(lambda _: run_blocks(inner, range(5)), range(6))
    assert len(names) <= 3


def test_two_callers_at_once_both_get_all_their_blocks(three_threads):
    counts = np.zeros((2, 500), int)

    def call(caller):
        def work(i):
            counts[caller, i] += 1

        run_blocks(work, range(500))

    callers = [threading.Thread(target=call, args=(caller,)) for caller in range(2)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert (counts == 1).all()


def test_the_callers_floating_point_settings_hold_in_every_block(three_threads):
    met = threading.Barrier(3, timeout=30)

    def divide(_):
        met.wait()  # so that each thread takes one
        np.ones(3) / np.zeros(3)

    with np.errstate(divide="ignore"):
        run_blocks(divide, range(3))
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        run_blocks(divide, range(3))


def test_arrays_are_not_kept_after_the_call(three_threads):
    class Result(np.ndarray):
        pass

    def call():
        y = np.zeros(1000).view(Result)

        def work(i):
            y[i] = i

        run_blocks(work, range(1000))
        return weakref.ref(y)

    gone = call()
    for _ in range(200):  # a worker lets go of it a moment after it has said that it is done
        if gone() is None:
            break
        time.sleep(0.01)
    assert gone() is None


def test_without_threadpoolctl_blocks_run_one_after_another(three_threads, monkeypatch):
    monkeypatch.setattr(threads, "_libraries", [])
    order = []
    run_blocks(lambda i: order.append((i, threading.current_thread().name)), range(5))
    assert order == [(i, threading.current_thread().name) for i in range(5)]
    with pytest.raises(ImportError, match=r"scratchnet\[fast\].*OMP_NUM_THREADS"):
        set_num_threads(2)


def test_where_threads_cannot_be_started_the_caller_does_all(three_threads, monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threads, "_workers", [])
    monkeypatch.setattr(threading.Thread, "start", refuse)
    test_every_block_runs_once(None, 7)


@pytest.mark.parametrize("number", [0, -1, 1.5, None, "2"])
def test_a_number_of_threads_is_a_whole_number_above_zero(number):
    with pytest.raises(ValueError, match=str(number)):
        set_num_threads(number)


def test_the_number_cannot_be_set_while_blocks_run(three_threads):
    with pytest.raises(RuntimeError, match="while blocks run"):
        run_blocks(lambda _: set_num_threads(2), range(3))


def test_the_default_is_omp_num_threads_else_the_cores(monkeypatch):
    for value, expected in (("5", 5), ("0", None), ("many", None), ("", None)):
        monkeypatch.setattr(threads, "_num_threads", None)
        monkeypatch.setenv("OMP_NUM_THREADS", value)
        assert get_num_threads() == (expected or threads._count_cores())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_has_died_is_replaced(three_threads):
    test_every_block_runs_once(None, 7)
    for thread, queue in list(threads._workers):
        queue.put(sys.exit)
        thread.join()
    test_several_threads_run_at_once(None)


def test_blocks_run_at_the_very_end_of_a_program():
    program = """
import numpy as np
from scratchnet import threads
threads.set_num_threads(2)
class Late:
    def __del__(self):
        threads.run_blocks(counts.append, range(5))
        print(counts)
threads.run_blocks(lambda i: None, range(5))
counts = []
late = Late()
late.self = late
"""
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert found.stdout == "[0, 1, 2, 3, 4]\n"


def test_an_interrupt_is_raised_after_all_threads_have_stopped(three_threads, monkeypatch):
    writing = []

    class Interrupted(threads.SimpleQueue):
        def get(self, *args, **kwargs):
            if not writing:
                writing.append(True)
                raise KeyboardInterrupt
            return super().get(*args, **kwargs)

    finished = []

    def work(i):
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.05)
        finished.append(i)

    test_every_block_runs_once(None, 7)  # the workers have their queues
    monkeypatch.setattr(threads, "SimpleQueue", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_blocks(work, range(3))
    n = len(finished)
    time.sleep(0.1)
    assert len(finished) == n
    assert blas_threads() == {3}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is not available")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # fork with threads: it is what is tested
def test_a_forked_process_starts_threads_of_its_own(three_threads):
    test_every_block_runs_once(None, 7)  # the workers are there
    threads._before[:] = [3] * len(threads._blas())  # as in the middle of another thread's blocks
    threads._set_blas([1] * len(threads._blas()))
    child = os.fork()
    threads._after_fork()
    if child == 0:
        try:
            assert blas_threads() == {3}
            test_several_threads_run_at_once(None)
            os._exit(0)
        except BaseException as error:
            print(error, file=sys.stderr)
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


# ---------------------------------------------------------------- where the threads run

linux = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="threads are held to cores on Linux, where there are several",
)


SHARING_AND_INTERRUPTED = """
import signal, time
import numpy as np
from scratchnet import threads

def interrupt(*_):
    raise KeyboardInterrupt

threads.set_num_threads(2)
signal.signal(signal.SIGALRM, interrupt)
a, rng, n = np.ones(20_000), np.random.default_rng(0), 0
end = time.monotonic() + 2
while time.monotonic() < end:
    try:
        signal.setitimer(signal.ITIMER_REAL, rng.uniform(2e-5, 3e-4))
        for _ in range(20):
            threads.run_blocks(lambda _: np.add(a, 1), range(4))
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        n += 1
    try:
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        pass
    assert not threads._sharing
    assert [library.num_threads for library in threads._blas()] == [2] * len(threads._blas())
assert n
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers")
def test_interrupts_at_any_moment_leave_nothing_set():
    subprocess.run([sys.executable, "-c", SHARING_AND_INTERRUPTED], check=True, timeout=60)


def test_in_another_thread_than_the_main_one_blocks_run_one_after_another(three_threads):
    ran_in = set()
    caller = threading.Thread(
        target=lambda: run_blocks(lambda _: ran_in.add(threading.current_thread()), range(9))
    )
    caller.start()
    caller.join()
    assert ran_in == {caller}  # BLAS listens to the main thread only


def test_the_number_is_set_in_the_main_thread():
    errors = []

    def in_thread():
        try:
            set_num_threads(2)
        except RuntimeError as error:
            errors.append(str(error))

    caller = threading.Thread(target=in_thread)
    caller.start()
    caller.join()
    assert errors == ["set_num_threads takes effect in the main thread only"]


@linux
def test_the_caller_may_run_anywhere_again_after_blocks_and_after_an_error(three_threads):
    before = os.sched_getaffinity(0)
    run_blocks(lambda _: time.sleep(0.001), range(4))
    assert os.sched_getaffinity(0) == before
    with pytest.raises(ZeroDivisionError):
        run_blocks(lambda _: 1 / 0, range(4))
    assert os.sched_getaffinity(0) == before


@linux
def test_a_worker_does_not_share_the_core_of_the_caller(three_threads):
    allowed = {}

    def note(_):
        allowed[threading.get_ident()] = os.sched_getaffinity(0)
        time.sleep(0.005)  # so that each thread has a block

    run_blocks(note, range(9))
    here = allowed.pop(threading.get_ident())
    assert len(here) == 1
    assert all(not here & there for there in allowed.values())


@linux
def test_where_the_system_forbids_it_blocks_run_all_the_same(three_threads, monkeypatch):
    def forbidden(*_):
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", forbidden)
    monkeypatch.setattr(threads, "_cores", {})
    monkeypatch.setattr(threads, "_current_core", lambda: min(os.sched_getaffinity(0)))
    done = []
    run_blocks(done.append, range(4))
    assert sorted(done) == [0, 1, 2, 3]
    assert threads._current_core is None  # not tried again

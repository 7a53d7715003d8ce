"""What scratchnet costs beside the frameworks: time, memory, start-up.

    python -m benchmarks                                everything
    python -m benchmarks conv tape --threads 1          some groups, each side on one thread
    python -m benchmarks --list                         the groups and their cases
    python -m benchmarks.lenet_mnist FOLDER             a LeNet trained on MNIST, by itself
    python -m benchmarks.resnet_fashion_mnist FOLDER    a residual network on Fashion-MNIST
    python -m benchmarks.text_lines                     a reader of lines of digits, trained with CTC
    python -m benchmarks.char_lstm TEXT                 an LSTM that writes like Shakespeare, by the letter
    python -m benchmarks.char_gpt TEXT                  a small GPT that does the same
    python -m benchmarks.depth [FOLDER]                 depth against accuracy and time, as tables

Run it from a checkout. Peers (torch, …) are optional: what is installed is compared.

How a case is measured
    1. Each side gets a process of its own, new for every case, told by OMP_NUM_THREADS and its
       relatives, and by the library's `set_num_threads` if it has one, how many threads to use.
       In one process, the idle threads of two frameworks spin and rob each other of the cores:
       a torch convolution of 8.5 ms then takes 40.
    2. Each side prepares the same seeded inputs and runs once. That run gives the peak of resident
       memory above what the imports took, inputs and results included (Linux only: the kernel's
       mark is set back before it). The results are compared; where they differ by more than the
       case's tolerance, or in shape or dtype, the row says so and nothing is timed.
    3. The sides take turns, A B A B …, since a machine's speed drifts by tens of percent within
       minutes, and a turn is divided by the turn beside it. Before each turn all wait for 60 ms, so
       that the other's threads go to sleep. A turn runs the case once to wake its own threads and
       fill the caches, then repeats it for 50 ms (at least three times, unless it takes more than a
       second) and gives the median.
    4. The row shows the medians of both sides' turns, then the median and the quartiles of the
       ratios of neighbouring turns (ours / theirs: below 1 we are faster). The ratio is the result;
       the times alone depend on what else the machine does. Geometric means of ratios close a group.
    5. `others` is the part of the cores that neither side used during the turns, but somebody did
       (Linux only). Ratios do not survive a shared core, however narrow their spread looks: a BLAS
       thread whose partner has been put aside waits a whole slice of the scheduler for it, and a
       call of 1 ms takes 24. Rows above 5 % are counted in a warning below the group.

How to add a case
    A case is one plain function per side. It takes the case's arguments, makes its inputs, and
    returns a function without arguments, which is what is timed and whose result (an array or a
    tuple of arrays) is compared:

        def scratchnet_relu(n):
            x = inputs(n)
            return lambda: scratchnet.functional.relu(x)

        def torch_relu(n):
            import torch  # here, so that the other side's process never loads it

            x = torch.from_numpy(inputs(n))
            return lambda: torch.relu(x)

        CASES = [
            Case(
                "relu, 10⁶ numbers",
                {"scratchnet": scratchnet_relu, "torch": torch_relu},
                (10**6,),
                tolerance=0.0,  # a maximum does not round
                mean="relu",
            )
        ]

    The sides are named by the module that their process imports before memory is counted (so
    "sklearn.metrics", not "sklearn", for what imports that); ours comes first, any number of peers
    follow. A case that times its own parts returns `Timed` (see `tape.py`). A new group is a module
    with `CASES`, entered in `GROUPS` in `__main__.py`; its docstring's first line is its title. If
    it has a function `remarks(rows)`, the figures that this returns by name are shown below.

`harness.py` has the processes, the pairing and the comparison; `worker.py` is what runs in them;
`machine.py` says where it was measured; `table.py` prints.
"""

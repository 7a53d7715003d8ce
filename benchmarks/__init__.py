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

    python -m benchmarks --json NEW.json --compare OLD.json --plot NEW.png
                                                        figures, what changed since, a picture
    python -m benchmarks --from-json NEW.json --readme README.md
                                                        the closing table, without measuring again

Run it from a checkout. Peers (torch, …) are optional: what is installed is compared.

How a case is measured
    1. Each side gets a process of its own, told by OMP_NUM_THREADS and its relatives, and by the
       library's `set_num_threads` if it has one, how many threads to use. In one process, the idle
       threads of two frameworks spin and rob each other of the cores: a torch convolution of 8.5 ms
       then takes 40. The process is new for every case, though importing torch costs more than most
       measurements: one that has run other cases already holds what they have freed, and a case whose
       peak is 21 MB in a new process shows 0.0 in a used one. To save time, the processes of as many
       cases as there are cores start together; they sleep until it is their turn.
    2. All sides prepare the same seeded inputs and run once, side by side. That run gives the peak of
       resident memory above what the imports took, inputs and results included (Linux only: the
       kernel's mark is set back before it). The results are compared; where they differ by more than
       the case's tolerance, or in shape or dtype, the row says so and nothing is timed.
    3. The sides take turns, A B B A A B …, since a machine's speed drifts by tens of percent within
       minutes, and a turn is divided by the turn beside it. Before a side follows another, all wait
       until no thread of either runs (0.2 s where the kernel does not tell): OpenBLAS's threads spin
       for a tenth of a second after their last product, in the way of whoever comes next. A turn
       runs the case once to wake its own threads and fill the caches, then repeats it for 20 ms and
       gives the median; a first run of more than 0.2 s counts itself. Where turns are long there are
       fewer rounds, at least three.
    4. The row shows the medians of both sides' turns, then the median and the quartiles of the
       ratios of neighbouring turns (ours / theirs: below 1 we are faster). The ratio is the result;
       the times alone depend on what else the machine does. Geometric means of ratios close a group.
    5. `roof` is the rate of additions and multiplications of the plain algorithm, where products of
       matrices bound it, as a part of the rate that NumPy's products reach in the same run
       (`roof.py`). Who needs fewer multiplications passes 100 %.
    6. `others` is the part of the cores that neither side used during the turns, but somebody did
       (Linux only). Ratios do not survive a shared core, however narrow their spread looks: a BLAS
       thread whose partner has been put aside waits a whole slice of the scheduler for it, and a
       call of 1 ms takes 24. Rows above 5 % are counted in a warning below the group.
    7. Cases that share the name of what grows, and the part, are a sweep: below the group stands the
       exponent of cost, fitted to their times for each side (`growth.py`).

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
                sweep=("numbers", 10**6),  # beside the same case at 10⁴ and 10⁵
            )
        ]

    The sides are named by the module that their process imports before memory is counted (so
    "sklearn.metrics", not "sklearn", for what imports that); ours comes first, any number of peers
    follow. A case that times its own parts returns `Timed` (see `tape.py`). A case that products of
    matrices bound has `flops`. A new group is a module with `CASES`, entered in `GROUPS` in
    `__main__.py`; its docstring's first line is its title. If it has a function `remarks(rows)`, the
    figures that this returns by name are shown below.

`harness.py` has the turns, the pairing and the comparison; `side.py` the processes, `worker.py` what
runs in them; `machine.py` and `roof.py` say where it was measured, `growth.py` fits the exponents;
`report.py` holds it all, and `table.py`, `plot.py`, `compare.py` and `readme.py` show it.
"""

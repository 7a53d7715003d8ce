"""The guided tour: `scratchnet tour` computes, draws, and writes one page.

    command.py      arguments, progress in the terminal, the file
    section.py      what a section consists of
    sections/       one file each: the words, and what is shown; the list of all stands in __init__
    experiments/    what they compute
    figures/        how it is drawn
    drawing.py      from a painted figure, or an array, to an address that stands in the page
    page.py         from text, tables and pictures to HTML

matplotlib is imported only when something is drawn.
"""

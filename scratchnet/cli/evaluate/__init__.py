"""`scratchnet evaluate`: from a CSV of truths and predictions to every metric that applies.

command.py         arguments, the file, the picture, what is printed
evaluation.py      from the columns to a report: the task, the classes, the scores
table.py           the CSV, read once, with errors that name line and column
columns.py         which column is what, as told or by its name
classes.py         from labels to numbered classes; which of two is the positive one
classification.py  what is measured of classes and scores
counts.py          metrics of a confusion matrix, and their bootstrap
regression.py      what is measured of values
measure.py         one figure: value and interval, or the reason why there is none
report.py          text and JSON
picture.py         on matplotlib, which is imported only when something is drawn
"""

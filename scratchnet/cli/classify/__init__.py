"""`scratchnet classify`: from photographs and a file of weights to classes with probabilities.

command.py   arguments, what is printed, which errors end it
networks.py  the networks that there are, and where their weights come from
states.py    from what is in a file to a network's own names, or to an error that says what does not fit
images.py    reading, preprocessing, probabilities, where the network looked
report.py    text and JSON
picture.py   on matplotlib, which is imported only when something is drawn
"""

"""How the sections are drawn: functions that paint on matplotlib's Axes and compute nothing new."""

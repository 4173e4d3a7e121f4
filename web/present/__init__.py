"""Turns what the APIs say into rows, words and numbers for the screen. Pure: no clock, no I/O.

One module per noun. Times come in as milliseconds since the epoch; what "now" is, the view says.
"""

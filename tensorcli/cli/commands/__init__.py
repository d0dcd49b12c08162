"""One file for each command: it holds a function with the name of the file, whose parameters are the flags and whose
docstring is the help.
"""

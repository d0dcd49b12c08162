"""One command a file: a function named as the file, whose parameters are the flags and whose docstring is the help."""

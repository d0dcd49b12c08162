"""Turns results into what a person or a program reads: pages of styled lines, `name.field: value` lines, JSON.

Every form takes `explorer.results` and nothing else, runs no operator and prints nothing: the command line
and the prompt write.
"""

"""The parts of Python's standard library that a script has (standard.py), those with objects of their own a file each."""

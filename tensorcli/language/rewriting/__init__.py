"""What the language lacks, written in what it has: classes as functions that make the same objects (classes.py), and imports
of what a script cannot have (imports.py, star_imports.py). Trees in, the text that replaces them out; nothing runs here.
"""

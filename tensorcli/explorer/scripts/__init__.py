"""The journal as the text of a script: in the language itself, or in Python for PyTorch."""

"""tensorcli, gdb for tensors: see which storage, version counter and graph each PyTorch statement touched.

Holds the version and nothing else, so that importing it costs nothing: the engine is `tensorcli.engine`.
"""

__version__ = "0.1.0"

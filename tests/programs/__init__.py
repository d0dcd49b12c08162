"""Random statement programs, run on the engine and on PyTorch and compared after each statement."""

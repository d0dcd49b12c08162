"""`torch.vmap`: functions of one example, run on a batch of them at once.

`layer.py` says what a batched tensor is, `dispatch.py` what an operator does that gets one, `kinds.py`, `shapes.py` and
`rules/` how the operators run on the whole batch, `refused.py` which do not, `drawing.py` what becomes of random numbers;
`vmap.py` is what users call.
"""

"""Rules for operators on batches: single ones, and groups that differ from element-wise operators in one thing.

A rule gets the layer, the operator and the arguments, where tensors are Batches. It returns the result and its
mapped dimension, or None where the operator has to run example by example.
"""

from tensorcli.engine.batch.rules import dimensions, indices, layers, matrices  # noqa: F401 (they fill the table)
from tensorcli.engine.batch.rules.table import ELEMENTWISE, RULES

__all__ = ["ELEMENTWISE", "RULES"]

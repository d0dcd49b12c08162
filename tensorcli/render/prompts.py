"""What stands before a statement: where it begins, and where it goes on."""

PROMPT, CONTINUATION = "tensor> ", "    ... "

"""Hazards: traps that PyTorch does not report, found at the statement in which they happen.

One file a question: `catalogue` says what each is, `watch` listens, `beginning` reads the statement that is about to run,
`operators` says which operator may fall into which, `keeper` holds the bytes that nodes saved and `shadow` computes the right
gradient; each other file looks at one kind of trap, and gives what is `told` of it. Looking changes nothing: no operator runs
on a tensor of the session.
"""

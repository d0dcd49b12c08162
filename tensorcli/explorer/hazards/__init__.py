"""Hazards: traps that PyTorch does not report, found at the statement in which they happen.

One file a question: `catalogue` says what each is, `keep` holds the bytes that nodes saved, `watch` listens,
`numbers` looks at wrap-around, `places` at overlaps and indices, `shadow` computes the right gradient. Looking
changes nothing: no operator runs on a tensor of the session.
"""

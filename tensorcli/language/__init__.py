"""The language of scripts and of the prompt: text to nodes, nodes to effects over a namespace.

`parse` turns text in either form into a Program; `evaluate` runs its statements under an allow-list and within limits.
`library` is the part of Python's library that a script can use, `rewriting` writes a text without what the language refuses.
The layer is handed its tables (verbs, namespaces, allow-lists) and knows no engine, no session and no terminal. Import its
modules directly.
"""

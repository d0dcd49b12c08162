"""The prompt, and what it shares with the command line: the screen and interrupts.

This package imports nothing heavy by itself: prompt_toolkit belongs to `terminal` alone, Rich to a screen
with colour.
"""

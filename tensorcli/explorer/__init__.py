"""The explorer: runs statements in a session and says what each one did, as frozen results that hold finished text.

It prints nothing. `session.Session` is the way in; `results` is what comes out.
"""

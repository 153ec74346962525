"""The command line: `watch`, `serve`, `doctor` and others. Needs the extra `cli`; nothing else imports it.

`app.py` reads arguments and turns errors into lines and exit codes; each command has a module of its own. What is
known of a stream is a `Board`, how it is shown a `Screen`: a live table on a terminal, plain lines anywhere else.
"""

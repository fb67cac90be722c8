"""The commands for people: `export` and `inspect` before serving, `predict`, `verify` and `bench` after.

cli.py imports the one that is asked for and calls its `main(argv)`, which returns the exit code. A fault is a
StartError: one sentence, printed by cli.py.
"""

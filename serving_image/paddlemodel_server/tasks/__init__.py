"""The members of `spec.task`: what each takes and answers at `POST /predict`, in a file or folder of its own.

`registry` lists them; `protocol.served.Task` says what each of them does.
"""

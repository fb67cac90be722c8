"""The memory that processes of one server share: anonymous files, which need no /dev/shm and no name.

Who makes one hands its descriptor on: to children, which inherit it, or over a unix socket.
"""

import os


def create(name: str, size: int, *, inherited: bool = True) -> int:
    """Make a file of `size` bytes, all zero, and return its descriptor.

    Args:
        name: what /proc shows.
        size: bytes; only those that are touched cost memory.
        inherited: whether programs that this process starts get the descriptor, too.
    """
    fd = os.memfd_create(f"paddlemodel-{name}", os.MFD_CLOEXEC)
    os.ftruncate(fd, size)
    os.set_inheritable(fd, inherited)
    return fd

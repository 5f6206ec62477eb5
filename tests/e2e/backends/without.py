"""Runs a program under a seccomp filter: without.py io_uring|udp PROGRAM ARGUMENT …

io_uring: io_uring_setup is forbidden, as container runtimes do by default. udp: sockets for it are.
"""

import ctypes
import os
import platform
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
IO_URING_SETUP = 425  # the same on all architectures
SOCKET = 41 if platform.machine() == "x86_64" else 198
AF_INET, SOCK_DGRAM, TYPE_MASK = 2, 2, 0xF
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | 1  # EPERM
LOAD, EQUAL, AND, RETURN = 0x20, 0x15, 0x54, 0x06
NUMBER, FIRST, SECOND = 0, 16, 24  # struct seccomp_data, the lower halves of the arguments

STEPS = {
    "io_uring": (
        (LOAD, 0, 0, NUMBER),
        (EQUAL, 0, 1, IO_URING_SETUP),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
    ),
    "udp": (
        (LOAD, 0, 0, NUMBER),
        (EQUAL, 0, 6, SOCKET),
        (LOAD, 0, 0, FIRST),
        (EQUAL, 0, 4, AF_INET),
        (LOAD, 0, 0, SECOND),
        (AND, 0, 0, TYPE_MASK),
        (EQUAL, 0, 1, SOCK_DGRAM),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
    ),
}

program = b"".join(struct.pack("HBBI", *step) for step in STEPS[sys.argv[1]])


class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_void_p)]


steps = ctypes.create_string_buffer(program, len(program))
filter_ = Filter(len(program) // 8, ctypes.addressof(steps))
prctl = ctypes.CDLL(None, use_errno=True).prctl
for arguments in (
    (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
    (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(filter_), 0, 0),
):
    if prctl(*arguments) != 0:
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())} on {platform.machine()}")
os.execv(sys.argv[2], sys.argv[2:])

"""Runs a program under a seccomp filter that forbids one system call: without.py CALL PROGRAM [ARGUMENT...]

Container runtimes do that with io_uring_setup by default."""

import ctypes
import os
import platform
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
NUMBERS = {
    "io_uring_setup": {"x86_64": 425, "aarch64": 425},
    "sched_getaffinity": {"x86_64": 204, "aarch64": 123},
}
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | 1  # EPERM
LOAD_NUMBER, EQUAL, RETURN = 0x20, 0x15, 0x06

program = b"".join(
    struct.pack("HBBI", *step)
    for step in (
        (LOAD_NUMBER, 0, 0, 0),
        (EQUAL, 0, 1, NUMBERS[sys.argv[1]][platform.machine()]),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
    )
)


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

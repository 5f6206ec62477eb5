"""Runs a program under a seccomp filter that forbids one system call: without.py CALL PROGRAM [ARGUMENT...]

Container runtimes do that with io_uring_setup by default. `udp` and `ipv6` forbid sockets for them."""

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
SOCKET = {"x86_64": 41, "aarch64": 198}
AF_INET, AF_INET6, SOCK_DGRAM, TYPE_MASK = 2, 10, 2, 0xF
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | 1  # EPERM
LOAD, EQUAL, AND, RETURN = 0x20, 0x15, 0x54, 0x06
NUMBER, FIRST, SECOND = 0, 16, 24  # in struct seccomp_data: the call, and the lower halves of its arguments


def steps_without(call):
    """What is loaded, compared and returned; numbers after EQUAL are steps to jump over."""
    if call == "udp":
        test = [
            (EQUAL, 0, 6, SOCKET[platform.machine()]),
            (LOAD, 0, 0, FIRST),
            (EQUAL, 0, 4, AF_INET),
            (LOAD, 0, 0, SECOND),
            (AND, 0, 0, TYPE_MASK),
            (EQUAL, 0, 1, SOCK_DGRAM),
        ]
    elif call == "ipv6":
        test = [(EQUAL, 0, 3, SOCKET[platform.machine()]), (LOAD, 0, 0, FIRST), (EQUAL, 0, 1, AF_INET6)]
    else:
        test = [(EQUAL, 0, 1, NUMBERS[call][platform.machine()])]
    return [(LOAD, 0, 0, NUMBER), *test, (RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW)]


program = b"".join(struct.pack("HBBI", *step) for step in steps_without(sys.argv[1]))


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

"""slowhttptest against HALB: what becomes of 2,000 slow connections, of all other clients, and of memory."""

import json
import pathlib
import re
import sys
import time

from stage import PATIENCE
from stage import Stage
from stage import options
from stage import percentile
from stage import said

# The slow ones come to another address than the others, so that they can be told apart.
SLOW_HOST = "127.0.0.2"
# They are looked at once a second, and HALB's deadlines are good to a part of one.
GONE_WITHIN = 4
# What noise may do to a p99, besides the milliseconds of the option.
UNCHANGED = 1.5
# For a slow connection and the one to the output behind it: far below what the kernel lets a queue grow to (4 MB).
KERNEL_KB = 1024

# nginx itself never loses patience. It reads a whole body before it passes it to where it is answered.
LOCATIONS = """
        client_body_timeout 3600;
        send_timeout 3600;
        location = / { return 200 "good\\n"; }
        location = /upload { proxy_pass http://127.0.0.1:$server_port/; }
        location /files/ { root %s; }
"""


def main():
    given = options(
        __doc__,
        {
            "connections": (2000, 300, "slow connections at a time"),
            "rate": (500, 300, "how many of them are made in a second"),
            "timeout": (60, 3, "client_timeout"),
            "noise": (1.0, 50.0, "milliseconds that the machine itself may add to a p99"),
            "mode": ("all", "all", "only headers, body or read"),
        },
    )
    modes = {
        "headers": ["-H", "-i", "10", "-x", "24"],
        "body": ["-B", "-i", "10" if given.timeout > 10 else "100", "-s", "8192", "-x", "10", "-t", "POST"],
        "read": ["-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "3"],
    }
    with Stage("slow") as stage:
        (stage.folder / "files").mkdir()
        # More than all buffers between nginx and a client hold.
        (stage.folder / "files" / "large").write_bytes(bytes(32_000_000))
        # The kernel has one limit for all sockets; nginx, whose sends all wait in the end, is not to use it up.
        port = stage.nginx(LOCATIONS % stage.folder, listen="sndbuf=128k")
        for mode, how in modes.items():
            if given.mode in ("all", mode):
                trial(stage, given, port, mode, how)
    return stage.verdict()


def trial(stage, given, port, mode, how):
    """Measures in quiet, beside an attack elsewhere, and in an attack, each as long as the slow ones last.

    The tool itself, the 2,000 connections of nginx and this trial all cost time on the same cores. So the measure
    is what others find while another HALB, in front of the same nginx, is attacked.
    """
    attacked, other = (stage.halb([port], **{"in": '"0.0.0.0:0"', "client_timeout": given.timeout}) for _ in range(2))
    quiet = answered(stage, attacked.port, given.timeout)
    elsewhere, _ = attack(stage, given, other, mode, how, attacked.port, port)
    before = attacked.memory_kb("VmRSS")
    here, seen = attack(stage, given, attacked, mode, how, attacked.port, port)
    for kind in ("kept", "new"):
        values = [percentile(took[kind], 99) for took in (here, elsewhere, quiet)]
        good = values[0] <= values[1] * UNCHANGED + given.noise
        figures = "p99 %.2f ms, while another is attacked %.2f ms, in quiet %.2f ms; " % tuple(values)
        figures += f"ratios {values[0] / values[1]:.2f} and {values[0] / values[2]:.2f}; {len(here[kind])} answers"
        stage.check(f"{mode}: others on {'kept' if kind == 'kept' else 'new'} connections", good, figures)
    good = seen.most >= given.connections * 0.99 and seen.gone
    good = good and seen.longest <= given.timeout + GONE_WITHIN and seen.longest_orphan <= GONE_WITHIN
    figures = f"{seen.most} at a time, the longest for {seen.longest:.1f} s with client_timeout {given.timeout}"
    figures += f"; the kernel kept one for {seen.longest_orphan:.1f} s after that"
    stage.check(f"{mode}: slow ones are gone after their timeout", good, figures)
    peak, each = attacked.memory_kb("VmHWM"), seen.kernel_kb / given.connections
    figures = f"VmRSS {before} kB before, VmHWM {peak} kB"
    stage.check(f"{mode}: memory stays below 96 MB", peak * 1024 < 96e6, figures)
    figures = f"at most {seen.kernel_kb} kB, {each:.1f} kB for each slow connection"
    stage.check(f"{mode}: what the kernel holds in its sockets is bounded", each <= KERNEL_KB, figures)
    attacked.stop()
    other.stop()


def answered(stage, port, seconds):
    """How long the other clients wait; they are a program of their own, so that nothing here delays them."""
    others = start_others(stage, port, seconds)
    others.wait(seconds + PATIENCE)
    return json.loads(others.log.read_text())


def start_others(stage, port, seconds):
    script = pathlib.Path(__file__).with_name("others.py")
    return stage.start(f"others{len(stage.processes)}", [sys.executable, "-B", script, port, seconds])


def attack(stage, given, halb, mode, how, port, output):
    """Attacks `halb` while others ask `port`: what they found, and what became of the slow ones."""
    path = {"headers": "/", "body": "/upload", "read": "/files/large"}[mode]
    length = given.timeout + PATIENCE / 2
    command = ["slowhttptest", *how, "-c", given.connections, "-r", given.rate, "-l", int(length), "-p", "5"]
    command += ["-u", f"http://{SLOW_HOST}:{halb.port}{path}"]
    tool = stage.start(f"slowhttptest{len(stage.processes)}", command, cwd=stage.folder)
    others = start_others(stage, port, given.timeout)
    seen = Seen(halb.port, output)
    deadline = time.monotonic() + length
    while time.monotonic() < deadline and not seen.gone:
        time.sleep(1)
        seen.look()
    tool.wait(PATIENCE)
    others.wait(PATIENCE)
    if not seen.gone:
        print(re.sub(r"\x1b\[[0-9;]*m", "", tool.log.read_text())[-1500:], file=sys.stderr)
    return json.loads(others.log.read_text()), seen


class Seen:
    """What the kernel's list of sockets says of those between the slow ones, HALB and nginx."""

    # The states in which HALB has the socket; in the others only the kernel still does.
    HELD = {"ESTAB", "CLOSE-WAIT"}

    def __init__(self, halb, output):
        self.halb = f"{SLOW_HOST}:{halb}"
        self.output = f":{output}"
        self.first = {}
        self.orphaned = {}
        self.most = 0
        self.longest = 0
        self.longest_orphan = 0
        self.kernel_kb = 0
        self.gone = False

    def look(self):
        now, held, orphaned, size = time.monotonic(), 0, 0, 0
        lines = said(["ss", "-tanmHO"]).splitlines()
        for line in lines:
            state, _, _, local, remote, *memory = line.split()
            if local == self.halb and state != "TIME-WAIT":
                began = self.first.setdefault(remote, now)
                if state in self.HELD:
                    held += 1
                    self.longest = max(self.longest, now - began)
                else:
                    orphaned += 1
                    closed = self.orphaned.setdefault(remote, now)
                    self.longest_orphan = max(self.longest_orphan, now - closed)
            elif not remote.endswith(self.output):
                continue
            size += in_use(memory)
        self.most = max(self.most, held)
        self.gone = bool(self.first) and held + orphaned == 0
        self.kernel_kb = max(self.kernel_kb, size // 1024)


def in_use(memory):
    """What a socket has in its queues: bytes received, to send, set aside, and not yet taken in."""
    found = re.search(r"skmem:\(r(\d+),rb\d+,t\d+,tb\d+,f(\d+),w(\d+),o\d+,bl(\d+)", " ".join(memory))
    return sum(map(int, found.groups())) if found else 0


sys.exit(main())

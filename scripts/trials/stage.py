"""What all trials share: a folder, the programs under way, HALB in front of them, and lines of figures."""

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

# A trial fails rather than waits longer than this for a program to start or to end.
PATIENCE = 60


class Stage:
    """Use it in a `with` statement: what was started ends there, and so does the folder."""

    def __init__(self, name):
        self.name = name
        self.failures = 0
        self.processes = []
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"trial-{name}-"))

    def __enter__(self):
        # So that whoever ends a trial ends its programs, too.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return self

    def __exit__(self, kind, *_):
        for process in reversed(self.processes):
            end(process)
        if kind not in (None, SystemExit):
            self.failures += 1
            for log in sorted(self.folder.glob("*.log")):
                print(f"-- {log.name}, its end\n{log.read_text(errors='replace')[-2000:]}", file=sys.stderr)
        shutil.rmtree(self.folder, ignore_errors=True)

    def check(self, what, good, figures=""):
        """One line: what was looked at, whether it is good, and the figures."""
        self.failures += not good
        print(f"{self.name:10} {'ok ' if good else 'BAD'} {what}{': ' if figures else ''}{figures}", flush=True)

    def verdict(self):
        return 1 if self.failures else 0

    def start(self, name, command, listener=None, **others):
        """Starts a program; what it says goes to NAME.log in the folder."""
        with open(self.folder / f"{name}.log", "wb") as log:
            process = subprocess.Popen(
                [str(word) for word in command],
                stdin=listener or subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **others,
            )
        process.log = self.folder / f"{name}.log"
        self.processes.append(process)
        return process

    def announced(self, process, pattern):
        """Waits until the program's log has a line that matches; the match."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = re.search(pattern, process.log.read_text(errors="replace"))
            if found:
                return found
            if process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"no {pattern!r} from {process.args}:\n{process.log.read_text(errors='replace')}")

    def nginx(self, locations, listen="", address="127.0.0.1"):
        """nginx with these locations and options of `listen`; its port. It takes over a socket that listens already."""
        listener = socket.create_server((address, 0), backlog=4096)
        port = listener.getsockname()[1]
        (self.folder / "nginx").mkdir()
        file = self.folder / "nginx" / "nginx.conf"
        file.write_text(NGINX % {"port": port, "locations": locations, "listen": listen, "address": address})
        command = ["nginx", "-p", file.parent, "-c", file, "-e", "stderr"]
        self.start("nginx", command, listener, env={**os.environ, "NGINX": "0;"})
        listener.close()
        return port

    def lighttpd(self, configuration):
        """lighttpd with this configuration; its port. It takes over a socket that listens already."""
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        file = self.folder / "lighttpd.conf"
        file.write_text(f'server.systemd-socket-activation = "enable"\n{configuration}')
        # The socket has to be descriptor 3, and the variable has to name the process that uses it.
        activate = 'exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec lighttpd -D -f "$1"'
        self.start("lighttpd", ["sh", "-c", activate, "sh", file], listener)
        listener.close()
        return port

    def halb(self, ports, **properties):
        """HALB in front of these ports of 127.0.0.1, with these properties besides."""
        name = f"halb{len(self.processes)}"
        # Its ctl and ui are nobody else's, whatever runs here besides.
        high, low = divmod(os.getpid(), 1 << 16)
        own = f'"127.{64 + high}.{low >> 8}.{low & 255}"'
        apart = {
            "ctl": own,
            "ctl_port": 10_000 + len(self.processes),
            "ui": own,
            "ui_port": 20_000 + len(self.processes),
            "state_dir": f'"{self.folder / name}.state"',
        }
        lines = {"in": '"127.0.0.1:0"', "resources": '{ memory = "96MB" }', **apart, **properties}
        lines |= {f"out{number}": f'"127.0.0.1:{port}"' for number, port in enumerate(ports, 1)}
        file = self.folder / f"{name}.toml"
        write_properties(file, lines)
        # A HALB_… variable of the person who runs this would count more than the file.
        clean = {key: value for key, value in os.environ.items() if not key.startswith("HALB")}
        process = self.start(name, [os.environ["HALB"], "run", "-f", file], env=clean)
        port = self.announced(process, r"event=listening in=\S+:(\d+)")[1]
        return Halb(self, process, int(port), file, lines)


def write_properties(file, lines):
    file.write_text("".join(f"{key} = {value}\n" for key, value in lines.items()))


class Halb:
    def __init__(self, stage, process, port, file, lines):
        self.stage = stage
        # The file of its configuration, and what was in it at the start.
        self.file = file
        self.lines = lines
        self.ctl = (lines["ctl"].strip('"'), lines["ctl_port"])
        self.process = process
        self.port = port
        self.address = ("127.0.0.1", port)
        self.url = f"http://127.0.0.1:{port}"

    def memory_kb(self, name):
        """VmRSS, what it has now, or VmHWM, the most it had."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{name}:\s*(\d+) kB", status, re.M)[1])

    def cpu_seconds(self):
        words = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        """A graceful stop, after which nothing may be left; the figures of memory at that moment."""
        memory = f"VmRSS {self.memory_kb('VmRSS')} kB, VmHWM {self.memory_kb('VmHWM')} kB"
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(PATIENCE)
        last = self.process.log.read_text(errors="replace").strip().rpartition("\n")[2]
        good = self.process.returncode == 0 and last.endswith("event=stopped left=nothing")
        self.stage.check("halb stops and leaves nothing", good, memory if good else f"{memory}; {last}")


def end(process):
    """Ends a program and what it started; each has a process group of its own."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, kind)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
            return


def options(description, table):
    """The command line: each option with its value in a full run and in a short one."""
    parser = argparse.ArgumentParser(prog="scripts/trial", description=description)
    parser.add_argument("--short", action="store_true", help="seconds instead of minutes")
    for name, (full, short, text) in table.items():
        text = f"{text} ({full}; {short} when short)"
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(full), help=text)
    given = parser.parse_args()
    for name, (full, short, _) in table.items():
        if getattr(given, name) is None:
            setattr(given, name, short if given.short else full)
    return given


def said(command, **others):
    """Runs a program to its end, which has to be a good one; what it wrote."""
    command = [str(word) for word in command]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, **others)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))]


# Everything it writes goes below its own folder. Started by root, its worker stays root, so that it can
# read its files wherever those are; started by anybody else, it ignores the line.
NGINX = """
daemon off;
user root root;
worker_processes 1;
worker_rlimit_nofile 16384;
pid nginx.pid;
error_log stderr warn;
events { worker_connections 8192; }
http {
    access_log off;
    sendfile on;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_requests 100000000;
    server {
        listen %(address)s:%(port)d %(listen)s;
        %(locations)s
    }
}
"""

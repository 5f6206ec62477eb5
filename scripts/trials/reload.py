"""Reloads under full load, each with other outputs: no request fails, no counter falls, memory stays."""

import http.client
import json
import os
import pathlib
import re
import signal
import sys
import time

from stage import Stage
from stage import options
from stage import percentile
from stage import write_properties

# So many addresses of one nginx stand for as many servers.
SERVERS = 200
# Figures of memory before this many reloads are those of a start.
WARM = 100

POST = """
wrk.method = "POST"
wrk.body = string.rep("x", 100)
"""


def main():
    given = options(
        __doc__,
        {
            "reloads": (1000, 60, "reloads"),
            "connections": (64, 16, "kept-alive connections that ask without a pause"),
            "pause": (0.03, 0.03, "seconds between two reloads"),
        },
    )
    with Stage("reload") as stage:
        port = stage.nginx('location / { return 200 "0123456789"; }', address="0.0.0.0")
        halb = stage.halb([port, port], workers=2)
        clients = load(stage, halb, given)
        reload_many(stage, halb, port, given)
        for name, client in clients.items():
            judge(stage, name, client)
        halb.stop()
    return stage.verdict()


def load(stage, halb, given):
    """Clients that ask until they are told to stop."""
    script = stage.folder / "post.lua"
    script.write_text(POST)
    kept = ["wrk", "-t", 1, "-d", 3600, "-c", given.connections, halb.url]
    new = ["wrk", "-t", 1, "-d", 3600, "-c", 8, "-H", "Connection: close", halb.url]
    post = ["wrk", "-t", 1, "-d", 3600, "-c", 8, "-s", script, halb.url]
    commands = {"GET, kept connections": kept, "GET, new connections": new, "POST": post}
    return {name: stage.start(f"wrk{number}", command) for number, (name, command) in enumerate(commands.items())}


def reload_many(stage, halb, port, given):
    took, fallen, wrong, resident = [], set(), [], []
    before = counters(halb)
    for number in range(given.reloads):
        write_properties(halb.file, properties(halb, port, number))
        began = time.monotonic()
        answer = ask(halb, "/api/reload")
        took.append((time.monotonic() - began) * 1000)
        if answer["code"] != 0 or "added" not in answer["message"]:
            wrong.append(answer["message"])
        if number % 10 == 0:
            now = counters(halb)
            fallen |= {name for name in now if now[name] < before.get(name, 0)}
            before |= now
            resident.append((number, halb.memory_kb("VmRSS"), descriptors(halb)))
        time.sleep(given.pause)
    figures = f"median {percentile(took, 50):.1f} ms, p99 {percentile(took, 99):.1f} ms; {before['sessions_total']} sessions"
    stage.check(f"{given.reloads} reloads are done, each with other outputs", not wrong, "; ".join([figures, *wrong[:3]]))
    stage.check("no counter falls", not fallen, ", ".join(sorted(fallen)[:5]))
    warm = [entry for entry in resident if entry[0] >= min(WARM, given.reloads // 2)]
    (first, early, open_early), (last, late, open_late) = warm[0], warm[-1]
    growth = late - early
    text = f"VmRSS {early} kB after {first + 1}, {late} kB after {last + 1}; descriptors {open_early}, {open_late}"
    stage.check("memory stays", growth < 1024 and open_late <= open_early + 2, text)


def properties(halb, port, number):
    """out1 stays. out2 is another server each time, one is added, one goes, and the rest takes turns."""
    lines = {name: value for name, value in halb.lines.items() if not re.fullmatch(r"out\d+", name)}
    lines["out1"] = f'"127.0.0.1:{port}"'
    lines["out2"] = server(port, number)
    for output in range(number % 50, number % 50 + 4):
        lines[f"out{output + 3}"] = server(port, output)
    lines["client_timeout"] = 30 + number % 30
    return lines


def server(port, index):
    return f'"127.0.1.{index % SERVERS + 1}:{port}"'


def counters(halb):
    """Those that only grow."""
    answer = ask(halb, "/api/counters")
    return {name: value for name, value in answer.items() if name.endswith(("_total", "_max", "errors"))}


def ask(halb, target):
    connection = http.client.HTTPConnection(*halb.ctl, timeout=30)
    connection.request("GET", target)
    answer = json.load(connection.getresponse())["status"]
    connection.close()
    return answer


def descriptors(halb):
    """Of control; each worker has a table of its own, full of connections."""
    return len(os.listdir(f"/proc/{halb.process.pid}/fd"))


def judge(stage, name, client):
    client.send_signal(signal.SIGINT)
    client.wait(60)
    said = pathlib.Path(client.log).read_text()
    count = int(re.search(r"(\d+) requests in", said)[1])
    errors = re.findall(r"(?:Non-2xx or 3xx responses: \d+|Socket errors: .*)", said)
    stage.check(f"{name}: no request fails", count > 0 and not errors, f"{count} requests; {'; '.join(errors)}")


sys.exit(main())

"""git over smart HTTP through HALB: clone, shallow clone, fetch and push, and what arrives is the same."""

import os
import random
import subprocess
import sys
import time

from stage import Stage
from stage import options
from stage import said

LIGHTTPD = """
server.modules = ("mod_alias", "mod_setenv", "mod_cgi")
server.document-root = "%(folder)s"
server.upload-dirs = ("%(folder)s")
alias.url = ("/git" => "%(program)s")
setenv.set-environment = (
    "GIT_PROJECT_ROOT" => "%(folder)s/served",
    "GIT_HTTP_EXPORT_ALL" => "1",
    "REMOTE_USER" => "trial"
)
cgi.assign = ("" => "")
"""


def main():
    given = options(
        __doc__,
        {
            "commits": (500, 30, "commits of the repository"),
            "megabytes": (200, 5, "what its files have altogether"),
        },
    )
    with Stage("git") as stage:
        # Nothing of the person who runs this decides how git works here.
        os.environ |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_TERMINAL_PROMPT": "0"}
        os.environ |= {f"GIT_{who}_{what}": "trial@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        served = stage.folder / "served" / "repository.git"
        said(["git", "init", "-q", "--bare", "-b", "main", served])
        fill(served, given.commits, given.megabytes * 1_000_000)
        program = said(["git", "--exec-path"]).strip() + "/git-http-backend"
        port = stage.lighttpd(LIGHTTPD % {"folder": stage.folder, "program": program})
        halb = stage.halb([port])
        url = halb.url + "/git/repository.git"
        clone = clones(stage, served, url, f"http://127.0.0.1:{port}/git/repository.git")
        pushes(stage, served, url, clone, given.megabytes * 1_000_000)
        halb.stop()
    return stage.verdict()


def fill(served, commits, size):
    """Writes a history into a bare repository: files of noise and of text, changed and removed again."""
    chance = random.Random(1)
    importing = subprocess.Popen(["git", "-C", served, "fast-import", "--quiet"], stdin=subprocess.PIPE)
    say = importing.stdin.write
    for number in range(commits):
        say(b"commit refs/heads/main\ncommitter trial <trial@localhost> %d +0000\n" % (1_700_000_000 + number))
        say(b"data <<E\ncommit %d\nE\n" % number)
        text = b"".join(b"line %d of %d\n" % (line, number % 7) for line in range(1000))
        for name, content in ((b"noise", chance.randbytes(size // commits)), (b"text", text)):
            say(b"M 100644 inline folder%d/%s%d\ndata %d\n" % (number % 20, name, number, len(content)))
            say(content + b"\n")
        if number % 10 == 9:
            say(b"D folder%d/text%d\n" % ((number - 5) % 20, number - 5))
    importing.stdin.close()
    if importing.wait():
        raise RuntimeError("git fast-import failed")


def clones(stage, served, url, direct):
    """Whole and shallow clones, in both versions of the protocol; the first of them."""
    wanted = objects(served)
    for version in (2, 0):
        clone, beside = stage.folder / f"clone{version}", stage.folder / f"direct{version}"
        began = time.monotonic()
        said(["git", "-c", f"protocol.version={version}", "clone", "-q", url, clone])
        seconds = time.monotonic() - began
        said(["git", "-c", f"protocol.version={version}", "clone", "-q", direct, beside])
        good = sound(clone, served) and objects(clone) == wanted and same_files(clone, beside)
        size = sum(path.stat().st_size for path in clone.glob(".git/objects/pack/*.pack"))
        figures = f"{len(wanted)} objects, {size} bytes packed, {seconds:.1f} s"
        stage.check(f"clone, protocol {version}", good, figures)
    shallow = stage.folder / "shallow"
    said(["git", "clone", "-q", "--depth", "1", url, shallow])
    few = len(objects(shallow))
    said(["git", "-C", shallow, "fetch", "-q", "--unshallow"])
    good = few < len(wanted) and sound(shallow, served) and objects(shallow) == wanted
    stage.check("shallow clone, then the rest", good, f"{few} objects, then {len(wanted)}")
    return stage.folder / "clone2"


def pushes(stage, served, url, clone, size):
    """A push that has a length, and one so large that git sends it in chunks."""
    for what, count in (("small", 1000), ("large", max(size, 2_000_000))):
        (clone / what).write_bytes(random.Random(count).randbytes(count))
        said(["git", "-C", clone, "add", what])
        said(["git", "-C", clone, "commit", "-q", "-m", what])
        began = time.monotonic()
        trace = {**os.environ, "GIT_CURL_VERBOSE": "1", "GIT_TRACE_CURL_NO_DATA": "1"}
        command = ["git", "-C", clone, "push", "-q", "origin", "main"]
        done = subprocess.run(command, env=trace, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        seconds = time.monotonic() - began
        chunked = "transfer-encoding: chunked" in done.stderr.lower()
        good = done.returncode == 0 and sound(clone, served) and objects(clone) == objects(served)
        good = good and chunked == (what == "large")
        figures = f"{count} bytes, {'chunked' if chunked else 'with a length'}, {seconds:.1f} s"
        stage.check(f"{what} push", good, figures if good else figures + done.stderr[-1000:])
    again = stage.folder / "again"
    said(["git", "clone", "-q", url, again])
    stage.check("a clone of what was pushed", sound(again, served) and same_files(again, clone))


def sound(clone, served):
    """Nothing is broken in either, and both have the same commit."""
    for repository in (clone, served):
        said(["git", "-C", repository, "fsck", "--full", "--strict"])
    return said(["git", "-C", clone, "rev-parse", "main"]) == said(["git", "-C", served, "rev-parse", "main"])


def objects(repository):
    """Name, kind and size of every object."""
    return set(said(["git", "-C", repository, "cat-file", "--batch-all-objects", "--batch-check"]).splitlines())


def same_files(one, other):
    return said(["diff", "-r", "--exclude=.git", one, other]) == ""


sys.exit(main())

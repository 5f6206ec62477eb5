"""Three PHP servers, each with sessions of its own, behind mode passive on PHPSESSID."""

import os
import sys

from sessions import try_sessions
from stage import Stage
from stage import options

SERVERS = 3
PAGE = """<?php
session_start();
$_SESSION['count'] = ($_SESSION['count'] ?? 0) + 1;
echo $_SESSION['count'];
"""


def main():
    given = options(
        __doc__,
        {
            "requests": (1000, 200, "requests of the client whose counter is looked at"),
            "restart": (1, 1, "1: HALB is stopped and started again in the middle, with state_dir"),
        },
    )
    with Stage("php") as stage:
        ports = [php(stage, number) for number in range(SERVERS)]
        properties = {"mode": '"passive"', "cookie_name": '"PHPSESSID"', "workers": 2}
        if given.restart:
            properties["state_dir"] = f'"{stage.folder / "state"}"'
        try_sessions(stage, lambda: stage.halb(ports, **properties), "/", given)
    return stage.verdict()


def php(stage, number):
    """PHP's own server with four processes; its port."""
    folder = stage.folder / f"php{number}"
    (folder / "sessions").mkdir(parents=True)
    (folder / "index.php").write_text(PAGE)
    command = ["php", "-d", f"session.save_path={folder / 'sessions'}", "-S", "127.0.0.1:0", "-t", folder]
    process = stage.start(f"php{number}", command, env={**os.environ, "PHP_CLI_SERVER_WORKERS": "4"})
    return int(stage.announced(process, r"http://127\.0\.0\.1:(\d+)\) started")[1])


sys.exit(main())

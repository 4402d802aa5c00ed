"""`python -m tests.chaos.forking PORT WORKERS DIARY SEED`: the relay's server, in processes forked from one that has it
all imported, so that one that is killed is replaced in a tenth of a second. They share a socket: who asks meanwhile
waits.

In the file DIARY a line says who was born and who has died of what. With a SEED each is to die at a place of its own.
"""

import os
import random
import signal
import socket
import sys
from pathlib import Path

import uvicorn

import relay.app
from tests.chaos.points import die_at

PLACES = 600
COMMITS = 40


def main(port: int, workers: int, diary: Path, seed: str) -> None:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen(1024)
    alive, born = set[int](), 0
    with diary.open("a", buffering=1) as told:
        while True:
            while len(alive) < workers:
                born += 1
                alive.add(child := _fork(sock, f"{seed} {born}" if seed else ""))
                told.write(f"born {child}\n")
            died, status = os.wait()
            alive.discard(died)
            told.write(f"died {died} {os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}\n")


def _fork(sock: socket.socket, seed: str) -> int:
    if (child := os.fork()) != 0:
        return child
    # PostgreSQL's library reads it: so whoever sees a connection knows whose it is.
    os.environ["PGAPPNAME"] = str(os.getpid())
    if seed:
        _choose_a_place(random.Random(seed))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    config = uvicorn.Config(relay.app.app, loop="uvloop", http="httptools", access_log=False, log_config=None)
    uvicorn.Server(config).run([sock])
    os._exit(0)


def _choose_a_place(rng: random.Random) -> None:
    commits_only = rng.random() < 0.5
    die_at(rng.randint(1, COMMITS if commits_only else PLACES), commits_only=commits_only)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else "")

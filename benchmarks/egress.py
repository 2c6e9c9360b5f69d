"""Does anything try to leave this machine? A command runs where the only way out leads nowhere and is counted.

    python -m benchmarks.egress [--json] [COMMAND ...]        default: the demo, then the whole test suite

The command gets a network namespace of its own with loopback and an interface that leads nowhere and that every
other address is routed to; each packet sent there, by any process and in any language, name look-ups too, is counted
by the kernel. Loopback works, so that embedded servers and the local relay do. Needs root and iproute2.
`benchmarks/results/egress.json`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.results import record

ROOT = Path(__file__).parents[1]
SET_UP = """
set -e
for name in all default; do echo 1 > /proc/sys/net/ipv6/conf/$name/disable_ipv6 || true; done
ip link set lo up
ip link add out type veth peer name gone
ip link set out up
ip link set gone up
ip address add 192.0.2.1/24 dev out
ip route add default via 192.0.2.2
mount --bind "$RESOLVER" /etc/resolv.conf
left() { ip -s link show out | awk 'at { print $2; exit } /TX:/ { at = 1 }'; }
before=$(left)
code=0
"$@" || code=$?
echo "$code $before $(left)" > "$ANSWER"
"""
"""192.0.2.0/24 is TEST-NET-1 (RFC 5737): addresses of nobody. The resolver is there, too."""


AS_MAKE_TEST = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")


def watched(command: list[str]) -> tuple[int, int]:
    """The command's exit code, and how many packets tried to leave."""
    with tempfile.TemporaryDirectory() as name:
        answer, resolver = Path(name) / "answer", Path(name) / "resolv.conf"
        resolver.write_text("nameserver 192.0.2.53\noptions timeout:1 attempts:1\n")
        environment = {**os.environ, "ANSWER": str(answer), "RESOLVER": str(resolver)}
        subprocess.run(
            ["unshare", "--net", "--mount", "--fork", "sh", "-c", SET_UP, "sh", *command],
            cwd=ROOT, env=environment, check=True,
        )  # fmt: skip
        code, before, after = map(int, answer.read_text().split())
    return code, after - before


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="write the committed result")
    parser.add_argument("command", nargs="*")
    given = parser.parse_args()
    demo = [sys.executable, "-m", "flows", "demo", "--workspace", "{folder}/ws"]
    commands = (
        [given.command]
        if given.command
        else [demo, [sys.executable, "-m", "pytest", "-q", *AS_MAKE_TEST]]
    )
    result: dict[str, Any] = {"commands": []}
    for command in commands:
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            code, packets = watched([part.format(folder=folder) for part in command])
        shown = ["python", *command[1:]] if command[0] == sys.executable else command
        told = {"command": " ".join(shown), "exit_code": code, "packets_out": packets, "seconds": round(time.perf_counter() - began)}  # fmt: skip
        print(told, flush=True)
        result["commands"].append(told)
    if given.json:
        record("egress", result)
    return int(any(one["exit_code"] or one["packets_out"] for one in result["commands"]))


if __name__ == "__main__":
    sys.exit(main())

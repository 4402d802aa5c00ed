"""Gives the tests of disk faults a strace: there already, else apt's when root."""

import os
import shutil
import sys

from browser import APT_GET, succeeds


def main() -> None:
    if not (shutil.which("strace") or install()):
        # Not fatal: the tests that need it say that they were skipped, and why.
        print("No strace: disk faults are not tested. On Debian or Ubuntu: sudo apt install strace.", file=sys.stderr)


def install() -> bool:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    print("Installing strace for the tests of disk faults (apt) …", flush=True)
    succeeds([*APT_GET, "update", "-qq"])
    return succeeds([*APT_GET, "install", "-y", "-qq", "--no-install-recommends", "strace"])


if __name__ == "__main__":
    main()

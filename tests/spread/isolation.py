"""A network and a process table of one's own: Ray listens on all interfaces, whatever address it is given.

`command` puts a program into new namespaces: no interface but loopback, and processes that all end with the first
one, whatever happens to it. As another user than root it takes a user namespace too.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess

_SIOCSIFFLAGS = 0x8914
_SIOCSIFADDR = 0x8916
_IFF_UP = 0x1


def command(*argv: str) -> list[str]:
    """The command line of a program that is to run by itself."""
    own = ["--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return ["unshare", *([] if os.getuid() == 0 else ["--map-root-user"]), *own, *argv]


def is_allowed() -> bool:
    """Whether the kernel lets this user have such namespaces."""
    return subprocess.run(command("true"), capture_output=True, check=False).returncode == 0


def raise_loopback() -> None:
    """Bring `lo` up; an outward interface is an error, since what is started here would listen on it."""
    names = [name for _, name in socket.if_nameindex()]
    if names != ["lo"]:
        raise RuntimeError(f"not isolated, there are the interfaces {', '.join(names)}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", _IFF_UP))


def give_address(address: str) -> None:
    """Give loopback another address, that of a machine which a page names."""
    raise_loopback()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH2x4s8x", b"lo:1", socket.AF_INET, socket.inet_aton(address))
        fcntl.ioctl(any_socket, _SIOCSIFADDR, request)

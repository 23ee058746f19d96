"""A line between two network namespaces: carries each packet after a delay, or drops all while it is cut.

    wan.py CONTROL DELAY_MS PID PID

It makes a tun device named wan in the namespace of each process; packets that are routed into one come out of the other.
CONTROL is the path of a socket that takes one command a line and answers ok: cut, heal, delay MS (one way). A cut also
loses what is under way. Devices and line end with this process. Order is kept, also when the delay shrinks.

Python, since Node cannot make a tun device without native code.
"""

import collections
import ctypes
import fcntl
import os
import select
import socket
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
CLONE_NEWNET = 0x40000000
PACKET = 65536
# As a router's buffer: what does not fit is lost, and TCP slows down.
QUEUE = 10000


def enter(namespace):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def tun_in(pid):
    """The device belongs to the namespace that it was made in, whoever reads it."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    enter(there)
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH14x", b"wan", IFF_TUN | IFF_NO_PI))
    enter(home)
    return device


class Line:
    def __init__(self, source, target):
        self.source = source
        self.target = target
        self.waiting = collections.deque()

    def take(self, delay, cut):
        """Reads what there is."""
        while True:
            try:
                packet = os.read(self.source, PACKET)
            except BlockingIOError:
                return
            except OSError:
                # The device is down for the moment.
                return
            if not cut and len(self.waiting) < QUEUE:
                due = time.monotonic() + delay
                if self.waiting:
                    due = max(due, self.waiting[-1][0])
                self.waiting.append((due, packet))

    def give(self, now):
        """Writes what is due; returns when the next is."""
        while self.waiting and self.waiting[0][0] <= now:
            try:
                os.write(self.target, self.waiting.popleft()[1])
            except OSError:
                # As a line does: what nobody takes is lost.
                pass
        return self.waiting[0][0] if self.waiting else None


def main(control, delay_ms, one, other):
    tuns = [tun_in(pid) for pid in (one, other)]
    lines = [Line(tuns[0], tuns[1]), Line(tuns[1], tuns[0])]
    delay = float(delay_ms) / 1000
    cut = False
    commands = socket.socket(socket.AF_UNIX)
    commands.bind(control)
    commands.listen()
    talks = []
    while True:
        now = time.monotonic()
        due = [moment for moment in (line.give(now) for line in lines) if moment is not None]
        timeout = max(0, min(due) - time.monotonic()) if due else None
        ready = select.select([commands, *talks, *tuns], [], [], timeout)[0]
        for line in lines:
            if line.source in ready:
                line.take(delay, cut)
        if commands in ready:
            talks.append(commands.accept()[0])
        for talk in [talk for talk in talks if talk in ready]:
            words = talk.recv(1000).decode().split()
            if words == ["cut"]:
                cut = True
                for line in lines:
                    line.waiting.clear()
            elif words == ["heal"]:
                cut = False
            elif len(words) == 2 and words[0] == "delay":
                delay = float(words[1]) / 1000
            talk.sendall(b"ok\n")
            talk.close()
            talks.remove(talk)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""On which file system a path lies, from the text of `/proc/self/mountinfo`. Pure: text in, words out.

Format: https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
"""

from __future__ import annotations

import re

NETWORK = frozenset(
    {
        "9p", "acfs", "afp", "afs", "beegfs", "ceph", "cephfs", "cifs", "coda", "cvmfs", "davfs", "fhgfs",
        "gfs", "gfs2", "glusterfs", "gpfs", "ibrix", "juicefs", "lustre", "lustre_lite", "mmfs", "ncp", "ncpfs",
        "ocfs2", "orangefs", "panfs", "prl_fs", "pvfs2", "s3fs", "shfs", "smb", "smb2", "smb3", "smbfs", "snfs",
        "sshfs", "vboxsf", "virtiofs", "vmhgfs", "wekafs",
    }
)  # fmt: skip
"""File systems that other machines (or the host) change without an event here, or that do not hold SQLite's locks."""
LOCAL_FUSE = frozenset({"fuseblk", "fusectl"})
"""`fuseblk` is a local disk (NTFS, exFAT) behind FUSE; `fusectl` a control directory."""

_ESCAPE = re.compile(rb"\\([0-7]{3})")


def filesystem_of(path: bytes, mountinfo: str) -> str:
    """Return the type of the file system an absolute real path lies on; empty when no mount holds it.

    The longest mount point wins, of equal ones the last: it covers those mounted before it.
    """
    best, kind = -1, ""
    for line in mountinfo.split("\n"):
        left, separator, right = line.partition(" - ")
        fields, tail = left.split(" "), right.split(" ")
        if not separator or len(fields) < 6 or not tail[0]:
            continue
        point = _unescaped(fields[4])
        if len(point) >= best and _holds(point, path):
            best, kind = len(point), _unescaped(tail[0]).decode("utf-8", "replace")
    return kind


def is_network(filesystem: str) -> bool:
    """Tell whether changes on this file system type can arrive without an event, and locks cannot be trusted."""
    if filesystem in LOCAL_FUSE:
        return False
    return filesystem in NETWORK or filesystem.startswith(("nfs", "fuse"))


def _holds(point: bytes, path: bytes) -> bool:
    return point in {b"/", path} or path.startswith(point + b"/")


def _unescaped(field: str) -> bytes:
    r"""Return the bytes of a field; the kernel writes space, tab, newline and backslash as `\ooo`."""
    raw = field.encode("utf-8", "surrogateescape")
    return _ESCAPE.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), raw)

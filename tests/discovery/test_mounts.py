"""File systems from the text of mountinfo."""

from __future__ import annotations

import pytest

from ckpt_indexer.discovery.mounts import filesystem_of, is_network

MOUNTINFO = r"""22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:5 / /proc rw - proc proc rw
36 22 0:41 / /mnt/team\040data rw,relatime shared:7 master:1 - nfs4 server:/export rw,vers=4.2
37 22 0:42 / /mnt/team rw - tmpfs tmpfs rw
38 22 0:43 / /home/u/remote rw - fuse.sshfs u@h:/ rw
39 22 0:44 / /over rw - tmpfs lower rw
40 22 0:45 / /over rw - cifs //srv/share rw
41 22 0:46 / /back\134slash rw - 9p host rw
garbage line
42 22
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (b"/", "ext4"),
        (b"/data/outputs", "ext4"),
        (b"/mnt/team data/outputs", "nfs4"),
        (b"/mnt/team/outputs", "tmpfs"),
        (b"/mnt/teamwork", "ext4"),
        (b"/home/u/remote", "fuse.sshfs"),
        (b"/over/x", "cifs"),
        (b"/back\\slash/x", "9p"),
    ],
)
def test_the_longest_and_last_mount_holds_a_path(path: bytes, kind: str) -> None:
    assert filesystem_of(path, MOUNTINFO) == kind


def test_no_mount_means_no_answer() -> None:
    assert filesystem_of(b"/x", "") == ""


@pytest.mark.parametrize(
    "kind", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "fuse", "9p", "lustre", "ceph", "beegfs"]
)
def test_network_file_systems_are_known(kind: str) -> None:
    assert is_network(kind)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs", "fuseblk", ""])
def test_local_file_systems_are_not(kind: str) -> None:
    assert not is_network(kind)

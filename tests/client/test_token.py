from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.api.token import ensure_token, token_path
from ckpt_indexer.client.token import listens_as_this_user, read_token

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def test_the_token_of_the_daemon_is_found(tmp_path: Path) -> None:
    assert read_token(tmp_path / "catalog.db") is None
    assert read_token(tmp_path / "catalog.db") is None
    assert ensure_token(tmp_path / "catalog.db") == read_token(tmp_path / "catalog.db")


def test_what_others_may_have_read_or_written_is_no_token(tmp_path: Path) -> None:
    database = tmp_path / "catalog.db"
    ensure_token(database)
    path = token_path(database)
    path.chmod(0o640)
    assert read_token(database) is None
    path.chmod(0o600)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to("elsewhere")
    assert read_token(database) is None
    path.unlink()
    path.mkdir()
    assert read_token(database) is None
    path.rmdir()
    path.write_text("not a token\n")
    path.chmod(0o600)
    assert read_token(database) is None


def test_what_this_process_listens_on_belongs_to_this_user() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert listens_as_this_user(listener.getsockname()[1])
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        assert listens_as_this_user(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("lines", "answer"),
    [
        (["0: 0100007F:223D 00000000:0000 0A 0:0 00:0 0 {me} 0 1"], True),
        (["0: 0100007F:223D 00000000:0000 0A 0:0 00:0 0 {other} 0 1"], False),
        (["0: 0100007F:223D 00000000:0000 0A 0:0 00:0 0 {me} 0 1",
          "1: 00000000:223D 00000000:0000 0A 0:0 00:0 0 {other} 0 1"], False),
        (["0: 0100007F:223D 0100007F:9999 01 0:0 00:0 0 {me} 0 1"], False),
        (["0: 0100007F:1111 00000000:0000 0A 0:0 00:0 0 {me} 0 1"], False),
        ([], False),
    ],
)  # fmt: skip
def test_every_listener_on_a_port_must_be_this_user(lines: list[str], answer: bool, tmp_path: Path) -> None:
    me = os.geteuid()
    table = tmp_path / "tcp"
    table.write_text(HEAD + "".join(line.format(me=me, other=me + 1) + "\n" for line in lines))
    assert listens_as_this_user(0x223D, (str(table), str(tmp_path / "none"))) is answer

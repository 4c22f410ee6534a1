"""An open page without a browser: its websocket, as NiceGUI's script speaks it."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.journeys.harness import eventually
from tests.web.drawing import Drawing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api.interface import Interface


class Tab:
    """One open page: it shakes hands as NiceGUI's script does, and keeps what it is told."""

    def __init__(self, socket: ClientConnection, drawing: Drawing, client_id: str) -> None:
        self.drawing = drawing
        self.told: list[tuple[str, Any]] = []
        self._client_id = client_id
        self._socket = socket
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        """Speak Engine.IO 4: `0` opens, `2` is answered with `3`, `42` carries an event of Socket.IO."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                text = str(self._socket.recv())
                if text.startswith("0"):
                    self._socket.send("40")
                elif text == "2":
                    self._socket.send("3")
                elif text.startswith("42"):
                    event, *data = json.loads(text[2:])
                    self.told.append((event, data[0] if data else None))

    def emit(self, kind: str, *args: Any) -> None:
        """Have something happen to the one element of the first drawing that listens to it."""
        element, listener = self.drawing.listener(kind)
        said = {"id": element, "client_id": self._client_id, "listener_id": listener, "args": [*map(json.dumps, args)]}
        self._socket.send("42" + json.dumps(["event", said]))

    def scripts(self) -> str:
        """Everything the page was told to run."""
        return "\n".join(str(data["code"]) for event, data in list(self.told) if event == "run_javascript")

    def drawn(self) -> str:
        """Everything that was drawn anew."""
        return json.dumps([data for event, data in list(self.told) if event == "update"])


@contextlib.contextmanager
def tab(page: Interface, address: str = "") -> Iterator[Tab]:
    """Open a page, and wait until it was greeted."""
    answer = page.get("/ui/" + address)
    query = re.search(r"'client_id': '([0-9a-f-]+)'", answer.text)
    assert query is not None
    hands = {
        "EIO": 4, "transport": "websocket", "client_id": query[1], "implicit_handshake": "true", "tab_id": "t",
        "document_id": "d", "next_message_id": 0,
    }  # fmt: skip
    where = page.url.replace("http://", "ws://") + "/ui/_nicegui_ws/socket.io/?" + urlencode(hands)
    with connect(where, additional_headers={"Origin": page.url}) as socket:
        one = Tab(socket, Drawing(answer), query[1])
        eventually(lambda: "ckpt.hear('hello'" in one.scripts(), what="the greeting")
        yield one

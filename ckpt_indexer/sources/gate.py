"""Where the quick way ends: only a document that is proved to be its file's spares reading the file itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.errors import NeedsChild
from ckpt_indexer.metadata.record import SidecarState
from ckpt_indexer.sources.base import Cost

if TYPE_CHECKING:
    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.sources.base import Said


class Gate:
    """A source that knows nothing and lets pass only what needs no reader."""

    name = "header"
    cost = Cost.INLINE

    def find(self, candidate: Candidate, said: Said) -> None:  # noqa: ARG002  # what was said decides
        """Return None when the document is verified.

        Raises:
            NeedsChild: the file must be read.
        """
        if not any(finding.sidecar_state is SidecarState.VERIFIED for finding in said.findings):
            raise NeedsChild("only a limited child may read the file itself")

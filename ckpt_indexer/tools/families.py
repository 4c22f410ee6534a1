"""Which checkpoints an inference program can load, by its `compatibility.yaml`: a family and issues for each.

    compatibility.yaml -> Families
    row or record of a checkpoint -> encoder and channels -> Match

The rules are in `metadata.families`; this module reads the document and the checkpoints' side.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ckpt_indexer.errors import SidecarUnreadable
from ckpt_indexer.metadata.families import channels_of, match_family, read_families
from ckpt_indexer.metadata.naming import display
from ckpt_indexer.sidecar.opening import read_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckpt_indexer.metadata.families import Families, Match
    from ckpt_indexer.metadata.record import Record
    from ckpt_indexer.tools.existing import Parse


def load_families(path: str | os.PathLike[str], parse: Parse) -> Families:
    """Return the families of a document that a person named, of at most 256 KiB. `parse` turns bytes into a value.

    Raises:
        SidecarUnreadable: absent, no regular file, too large, or no YAML.
        MetadataError: it holds no list of families.
    """
    real = os.path.realpath(os.fsencode(path))  # a person may name a link; bytes, which pathlib refuses
    try:
        return read_families(parse(read_whole(real).data))
    except FileNotFoundError as error:
        message = f"there is no {display(real)}; name a document that lists model_families"
        raise SidecarUnreadable(message, path=display(real), reason="absent") from error


def match_row(row: Mapping[str, Any], families: Families) -> Match:  # JSON values
    """Return the family and the issues of a row of the catalog."""
    return match_family(row["backbone"], channels_of(row["components"]), families.families)


def match_record(record: Record, families: Families) -> Match:
    """Return the family and the issues of a checkpoint that was just described."""
    return match_family(record.facts.get("backbone"), channels_of(record.components), families.families)

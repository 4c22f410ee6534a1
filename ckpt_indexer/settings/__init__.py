"""Settings: frozen values, where each came from, and the order flag > environment > project file > user file > default.

`app` turns these values into the options of the rooms; nothing is built here. An unknown key or a wrong type is an
error that names the file and the nearest known key.
"""

from __future__ import annotations

from ckpt_indexer.settings.load import PROJECT_FILE, load, settings_files, user_file, working_directory
from ckpt_indexer.settings.values import (
    CatalogSettings,
    IndexSettings,
    LogSettings,
    MetricSettings,
    ReaderSettings,
    RootSettings,
    ServerSettings,
    Settings,
    WandbSettings,
    WatchSettings,
)

__all__ = [
    "PROJECT_FILE",
    "CatalogSettings",
    "IndexSettings",
    "LogSettings",
    "MetricSettings",
    "ReaderSettings",
    "RootSettings",
    "ServerSettings",
    "Settings",
    "WandbSettings",
    "WatchSettings",
    "load",
    "settings_files",
    "user_file",
    "working_directory",
]

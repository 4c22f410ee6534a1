"""The document beside a checkpoint: its names, reading it safely, writing it whole."""

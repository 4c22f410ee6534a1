"""The ckpt-indexer command: parse, one library call, print."""

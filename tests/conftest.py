"""What holds for the whole suite."""

from __future__ import annotations

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background jobs ignore interrupts, and what they start does, too: tests that interrupt would wait.
    signal.signal(signal.SIGINT, signal.default_int_handler)

from __future__ import annotations

import logging
import warnings

import pytest

from ckpt_indexer.integrations.guard import Guard, SidecarWarning


def fails(_: object = None) -> None:
    raise OSError("no space")


def test_the_answer_comes_through() -> None:
    assert Guard().run("adding", int.__add__, 1, 2) == 3


def test_the_first_failure_is_loud_and_later_ones_are_not(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="ckpt_indexer")
    guard = Guard()
    with pytest.warns(SidecarWarning, match=r"writing x \(OSError: no space\)"):
        assert guard.run("writing x", fails) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert guard.run("writing y", fails) is None
    guard.summarise()
    guard.summarise()
    assert [record.levelname for record in caplog.records] == ["WARNING", "DEBUG", "WARNING"]
    assert "2 steps" in caplog.records[-1].getMessage()


def test_one_failure_needs_no_summary(caplog: pytest.LogCaptureFixture) -> None:
    guard = Guard()
    with pytest.warns(SidecarWarning):
        guard.run("writing", fails)
    guard.summarise()
    assert len(caplog.records) == 1


def test_a_warning_that_is_an_error_stays_behind_the_border() -> None:
    guard = Guard()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert guard.run("writing", fails) is None
    assert guard.failures == 1


@pytest.mark.parametrize("signal", [KeyboardInterrupt, SystemExit])
def test_the_wish_to_stop_passes(signal: type[BaseException]) -> None:
    def stops() -> None:
        raise signal

    with pytest.raises(signal):
        Guard().run("writing", stops)

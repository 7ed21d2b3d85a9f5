"""Streams cut at arbitrary bytes: nothing is lost or repeated. `make chaos` is the long run."""

from __future__ import annotations

from typing import Any

import pytest

import chaos
import turn_chaos


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_g01_any_cut_loses_nothing_and_repeats_nothing(kind: str) -> None:
    clean, figures = chaos.run(kind, 3_000, 150, workers=6, seed=7)
    assert clean, figures


@pytest.mark.parametrize("mode", turn_chaos.MODES, ids=lambda mode: mode["name"])
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_g01_any_cut_of_a_turn_loses_nothing_and_repeats_nothing(
    kind: str, mode: dict[str, Any]
) -> None:
    figures = turn_chaos.run(kind, mode, 20)
    assert figures.cuts >= 20
    assert figures.clean, str(figures)

"""Streams cut at arbitrary bytes: nothing is lost or repeated. `make chaos` is the long run."""

from __future__ import annotations

import pytest

import chaos


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_g01_any_cut_loses_nothing_and_repeats_nothing(kind: str) -> None:
    clean, figures = chaos.run(kind, 3_000, 150, workers=6, seed=7)
    assert clean, figures

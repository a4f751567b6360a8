"""How to ask for an audit again."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from anamorph.app.audit.command import Asked, versions


@pytest.fixture
def asked() -> Asked:
    return Asked(
        originals=Path("my photos"),
        protected=Path("out"),
        authorized="portraits:identity-vgg",
        panel=["a.toml", Path("b; rm -rf.toml")],
        labels=None,
        out=None,
        transforms=["quick"],
        purify=[],
        adaptive=[],
        distill=[],
        detect=False,
        learn_seconds=None,
        analyses=False,
        lpips=None,
        controls=True,
        seed=3,
        allow_surrogates=False,
        formats=["json"],
    )


def test_names_are_quoted_for_the_shell(asked: Asked) -> None:
    assert "--originals 'my photos'" in asked.command
    assert shlex.split(asked.command).count("--panel") == 2
    assert "b; rm -rf.toml" in shlex.split(asked.command)


def test_only_what_was_asked_for_is_said(asked: Asked) -> None:
    options = ("--labels", "--purify", "--adaptive", "--analyses", "--no-controls", "--distill")
    for option in (*options, "--allow-surrogates", "--detect", "--learn-seconds", "--lpips"):
        assert option not in asked.command
    more = replace(
        asked, labels={"a": 1}, purify=["tv"], adaptive=[5], controls=False, allow_surrogates=True
    )
    for words in ("--labels LABELS", "--purify tv", "--adaptive 5", "--no-controls"):
        assert words in more.command
    assert "--allow-surrogates" in more.command
    apart = replace(asked, lpips=("alex.toml", Path("my weights.pth")))
    assert "--lpips alex.toml 'my weights.pth'" in apart.command


def test_versions_name_what_takes_part() -> None:
    assert {"anamorph", "torch", "pillow", "python"} == set(versions())

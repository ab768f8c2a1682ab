"""The help of every command says all that its options and its docstring say."""

from __future__ import annotations

import re

import pytest
import typer.main
from typer.testing import CliRunner

from site_typology.cli import app

COMMANDS = typer.main.get_command(app).commands
BRACKETED = re.compile(r"\[[^\]]+\]")


def words(text: str) -> str:
    return " ".join(text.split())


def shown(*arguments: str) -> str:
    answer = CliRunner().invoke(app, [*arguments, "--help"])
    assert answer.exit_code == 0
    return words(answer.output)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_loses_no_word(name: str) -> None:
    command, text = COMMANDS[name], shown(name)
    for paragraph in (command.help or "").split("\n\n"):
        assert words(paragraph) in text
    for param in command.params:
        assert words(param.help or "") in text, param.name


def test_there_is_bracketed_text_to_lose() -> None:
    for name, said in (("plan", "[as now, or 12]"), ("share", "[study.disclosure]")):
        command = COMMANDS[name]
        told = [command.help or "", *(param.help or "" for param in command.params)]
        assert said in BRACKETED.findall(" ".join(told))
        assert said in shown(name)


def test_the_overview_has_the_first_paragraph_of_every_command() -> None:
    text = shown()
    for name, command in COMMANDS.items():
        assert f"{name} {words(command.help.partition(chr(10) * 2)[0])}" in text

"""The flags of the command line are a promise: adding or changing one is a change of this table."""

import argparse
from collections.abc import Iterator
from typing import Any

import pytest

from diffgfx.cli import COMMANDS, make_parser

REQUIRED = object()

FIT: tuple[tuple[str | None, ...], dict[str, tuple[Any, tuple[str, ...] | None]]] = (
    (None,),
    {
        "-o": (REQUIRED, None),
        "--holdout": ("auto", None),
        "--lights": ("keep", ("keep", "refine")),
        "--texels": (128, None),
        "--steps": (None, None),
        "--seed": (0, None),
        "--device": ("cpu", ("cpu", "cuda")),
        "--overwrite": (False, None),
        "--json": (False, None),
    },
)

# command: (nargs of each positional, {flag: (default, choices)})
FROZEN: dict[str, tuple[tuple[str | None, ...], dict[str, tuple[Any, tuple[str, ...] | None]]]] = {
    "sheet": (
        (),
        {
            "-o": (REQUIRED, None),
            "--paper": ("a4", ("a4", "letter")),
            "--window": ("100", None),
            "--grey": (0.18, None),
        },
    ),
    "calibrate": (
        ("+",),
        {
            "--sheet": (REQUIRED, None),
            "-o": (REQUIRED, None),
            "--thickness": (0.0, None),
            "--overwrite": (False, None),
            "--json": (False, None),
        },
    ),
    "capture": (
        (None,),
        {
            "-o": (REQUIRED, None),
            "--resolution": (1024, None),
            "--holdout": ("auto", None),
            "--final": ("split", ("split", "all")),
            "--prior": ("smooth", ("smooth", "dip", "none")),
            "--calibration": ("keep", ("keep", "refine", "solve")),
            "--seed": (0, None),
            "--device": ("cpu", ("cpu", "cuda")),
            "--overwrite": (False, None),
            "--json": (False, None),
        },
    ),
    "material info": ((None,), {"--json": (False, None)}),
    "material render": (
        (None,),
        {
            "-o": (REQUIRED, None),
            "--light": (None, None),
            "--camera": (None, None),
            "--size": (512, None),
        },
    ),
    "material convert": (
        (None,),
        {
            "-o": (REQUIRED, None),
            "--to": (
                REQUIRED,
                ("specular", "metallic", "deschaintre", "gao", "materialgan", "unreal", "maps",
                 "gltf", "materialx"),
            ),
            "--from": (
                None,
                ("specular", "metallic", "deschaintre", "gao", "materialgan", "unreal"),
            ),
            "--normal": (None, ("gl", "dx")),
            "--overwrite": (False, None),
        },
    ),
    "render": (
        (None,),
        {
            "-o": (REQUIRED, None),
            "--camera": (None, None),
            "--light": ([], None),
            "--size": (512, None),
            "--aspect": (1.0, None),
            "--samples": (4, None),
            "--material": (None, None),
            "--repeat": (None, None),
            "--background": (None, None),
            "--exposure": (0.0, None),
            "--json": (False, None),
        },
    ),
    "fluid simulate": (
        (None,),
        {
            "-o": (REQUIRED, None),
            "--frames": (None, None),
            "--resume": (False, None),
            "--preview": ("mp4", ("mp4", "png", "none")),
            "--format": ("npz", ("npz", "uni")),
            "--device": ("cpu", ("cpu", "cuda")),
            "--json": (False, None),
        },
    ),
    "fluid render": (
        (None,),
        {
            "-o": (REQUIRED, None),
            "--size": (512, None),
            "--fps": (None, None),
            "--overwrite": (False, None),
            "--json": (False, None),
        },
    ),
    "fluid control": (
        (None,),
        {
            "-o": (REQUIRED, None),
            "--scene": (REQUIRED, None),
            "--unknown": (REQUIRED, ("buoyancy", "inflow", "velocity")),
            "--steps": (8, None),
            "--seed": (0, None),
            "--device": ("cpu", ("cpu", "cuda")),
            "--overwrite": (False, None),
            "--json": (False, None),
        },
    ),
    **{f"fit {unknown}": FIT for unknown in ("pose", "shape", "texture", "material")},
    "validate material": (("*",), {"--full": (False, None), "--json": (False, None)}),
    "validate fluid": (("*",), {"--full": (False, None), "--json": (False, None)}),
    "validate render": (("*",), {"--full": (False, None), "--json": (False, None)}),
    "doctor": ((), {"--json": (False, None)}),
}


def _leaves(
    parser: argparse.ArgumentParser, name: str = ""
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield each command that takes no further command, by its words."""
    groups = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not groups:
        yield name, parser
    for group in groups:
        for word, inner in group.choices.items():
            yield from _leaves(inner, f"{name} {word}".strip())


Leaves = dict[str, argparse.ArgumentParser]


@pytest.fixture(scope="module")
def leaves() -> Leaves:
    return dict(_leaves(make_parser()))


def test_commands(leaves: Leaves) -> None:
    assert set(leaves) == set(FROZEN)
    assert {name.split()[0] for name in FROZEN} == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(FROZEN))
def test_flags(leaves: Leaves, name: str) -> None:
    positionals, flags = FROZEN[name]
    actions = [a for a in leaves[name]._actions if not isinstance(a, argparse._HelpAction)]
    assert tuple(a.nargs for a in actions if not a.option_strings) == positionals
    found = {
        flag: (
            REQUIRED if action.required else action.default,
            tuple(action.choices) if action.choices else None,
        )
        for action in actions
        for flag in action.option_strings
    }
    assert found == flags


@pytest.mark.parametrize("name", sorted(FROZEN))
def test_every_flag_says_what_it_does(leaves: Leaves, name: str) -> None:
    silent = [a.dest for a in leaves[name]._actions if not a.help or a.help == argparse.SUPPRESS]
    assert silent == []
    assert leaves[name].description


def test_no_flag_may_be_shortened(leaves: Leaves) -> None:
    assert not any(parser.allow_abbrev for parser in leaves.values())

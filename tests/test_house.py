"""The map in CONTRIBUTING.md, the floors in pyproject.toml and the folders are one house."""

import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import steepest
from steepest import inspection

ROOT = Path(__file__).resolve().parents[1]
HOUSE = ROOT / "src" / "steepest"
MOST_FILES = 15


def floors():
    """Return the rooms of each floor by the contract on imports, the highest first."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract.get("containers") == ["steepest"])
    return [{room.strip(" ()") for room in layer.split("|")} for layer in layers]


def rooms(folder):
    """Return the names of the folders and files in a folder that hold code."""
    return {path.stem for path in folder.iterdir() if path.suffix == ".py" and path.stem != "__init__"} | {
        path.name for path in folder.iterdir() if (path / "__init__.py").exists()
    }


def test_the_map_shows_the_floors_in_their_order():
    drawn = re.search(r"```text\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL).group(1)
    named = [name for line in drawn.splitlines() for name in re.findall(r"(?:^|\s{3,})(\w+)(?=\s{3,}\S)", line)]
    assert sorted(named) == sorted(rooms(HOUSE))
    levels = {room: level for level, floor in enumerate(floors()) for room in floor}
    assert [levels[name] for name in named] == sorted(levels[name] for name in named)


def test_the_map_shows_the_rooms_inside():
    drawn = (ROOT / "CONTRIBUTING.md").read_text()
    inside = {path.parent.name for path in HOUSE.glob("*/**/__init__.py")} - {room.name for room in HOUSE.iterdir()}
    assert all(f"{room}/" in drawn for room in inside), inside


def test_places_named_are_there():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = {name for name in re.findall(r"`([\w/]+(?:/|\.py))`", text) if "/" in name and not name.startswith("docs")}
    assert len(named) > 20
    assert not [name for name in named if not (HOUSE / name).exists()]


@pytest.mark.parametrize("folder", sorted({path.parent for path in HOUSE.rglob("*.py")}), ids=lambda path: path.name)
def test_no_folder_is_too_full(folder):
    assert len(list(folder.glob("*.py"))) <= MOST_FILES


@pytest.mark.parametrize("package", [steepest, inspection], ids=lambda package: package.__name__)
def test_no_public_function_has_the_name_of_a_file_beside_it(package):
    # Importing such a file would put the module in the place of the function, which is loaded at its first use.
    files = rooms(Path(package.__file__).parent)
    assert not [name for name in set(package.__all__) & files if not isinstance(getattr(package, name), ModuleType)]


def test_tests_have_the_rooms_of_the_code():
    folders = {path.name for path in (ROOT / "tests").iterdir() if any(path.glob("test_*.py"))}
    # The tests in a real browser are of several rooms, and what they need is installed apart.
    assert folders <= rooms(HOUSE) | {"browser"}

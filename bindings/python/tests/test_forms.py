"""What a ledger becomes in other forms is the same wherever it is made: `tests/data/ledger` is held against the program and the
page too.
"""

import json
from pathlib import Path

import pytest
from pixelbank import analyzer
from pixelbank._ledger import Ledger

DATA = Path(__file__).resolve().parents[3] / "tests" / "data" / "ledger"


def text_of(name):
    return (DATA / name).read_bytes().decode()


@pytest.fixture
def ledger():
    return Ledger(json.loads(text_of("ledger.json")))


def test_a_ledger_of_the_program_makes_its_snapshot(ledger):
    snapshot = analyzer.Snapshot.of(ledger)
    assert json.loads(snapshot.to_json()) == json.loads(text_of("snapshot.json"))
    read = analyzer.Snapshot.from_json(text_of("snapshot.json"))
    assert (read.time_s, read.types) == (snapshot.time_s, snapshot.types)


def test_a_ledger_of_the_program_makes_its_lines(ledger):
    assert ledger.to_csv() == text_of("ledger.csv")


def test_a_bank_here_gives_what_the_program_gives(bank, ledger):
    def names(value):
        return set(value.to_dict()) - {"events"}

    assert names(bank.ledger()) == names(ledger)
    assert bank.ledger().to_csv().splitlines()[0] == ledger.to_csv().splitlines()[0]


@pytest.mark.parametrize("text", json.loads(text_of("refused.json")))
def test_what_is_no_snapshot_elsewhere_is_none_here(text):
    with pytest.raises(ValueError, match="snapshot"):
        analyzer.Snapshot.from_json(text)

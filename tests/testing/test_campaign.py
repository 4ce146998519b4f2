"""The campaign: numbered programs, sittings that go on, disagreements that are kept and made small."""

import json

import pytest
from campaign import examine, main, numbered, smallest
from naive import Node, path_sums, second_order_rounding
from walks import second_order

from autograd_mini.testing.recipes import Recipe, grow
from autograd_mini.transforms import dual
from autograd_mini.transforms import functions as transforms


@pytest.fixture
def forgetful(monkeypatch):
    """A forward mode that knows the first operand only."""
    record = dual.Dual.record_primitive

    def first_only(self, op, operands):
        return record(self, op, (*operands[:1], *[dual.split(x, self.level)[0] for x in operands[1:]]))

    monkeypatch.setattr(dual.Dual, "record_primitive", first_only)


def test_a_seed_and_a_number_make_a_program():
    assert grow(*numbered(3, 5)) == grow(*numbered(3, 5))
    assert len({repr(grow(*numbered(3, k))) for k in range(50)}) > 45
    assert grow(*numbered(3, 5)) != grow(*numbered(4, 5))


def test_programs_are_large_and_of_every_kind():
    recipes = [grow(*numbered(0, k)) for k in range(300)]
    assert sum(map(len, recipes)) / len(recipes) > 10
    assert len({word for recipe in recipes for word, _ in recipe.steps}) > 50


def test_a_campaign_stops_and_goes_on(tmp_path, capsys):
    file = str(tmp_path / "campaign.json")
    assert main(["--programs", "20", "--seed", "1", "--resume", file]) == 0
    assert json.loads((tmp_path / "campaign.json").read_text())["done"] == 20
    assert main(["--programs", "30", "--seed", "1", "--resume", file]) == 0
    straight_through = capsys.readouterr().out.splitlines()[-1]
    main(["--programs", "30", "--seed", "1"])
    assert capsys.readouterr().out.splitlines() == [straight_through]
    with pytest.raises(SystemExit, match="of a campaign with seed 1: give that, or another file"):
        main(["--programs", "30", "--seed", "2", "--resume", file])


def test_an_interrupted_campaign_keeps_what_it_has(tmp_path, monkeypatch):
    file = tmp_path / "campaign.json"
    seen = []

    def interrupted(recipe, *, exactly):
        seen.append(recipe)
        if len(seen) == 5:
            raise KeyboardInterrupt
        return iter(())

    monkeypatch.setattr("campaign.examine", interrupted)
    main(["--programs", "20", "--resume", str(file)])
    assert json.loads(file.read_text())["done"] == 4


def test_a_disagreement_is_made_small_and_told(forgetful, tmp_path, capsys):
    assert main(["--programs", "10", "--resume", str(tmp_path / "c.json")]) == 1
    captured = capsys.readouterr()
    assert "disagreements" in captured.out
    assert "forward" in captured.err
    material = next(m for m in (numbered(0, k) for k in range(10)) if any(examine(grow(*m))))
    assert len(smallest(*material, exactly=False)) <= 4


def test_the_naive_engine_counts_every_path():
    x = Node(3.0)
    y = (x * x) * x
    found = path_sums(y)[x]
    assert (found.total, found.count, found.longest) == (27.0, 3, 2)
    y.backward()
    y.backward()
    assert (x.grad, y.grad) == (54.0, 1.0)
    y.zero_grad()
    assert x.grad == 0.0


CANCELLING = [  # the second derivative is the little that is left of terms as large as 1 / x ** 2
    Recipe((-3.4687977410273514e-05,), (), (("atanh", (0,)), ("/", (1, 0)))),
    Recipe((-1.5382991361742744e-05,), (), (("atan", (0,)), ("tanh", (0,)), ("/", (1, 2)))),
]


@pytest.mark.parametrize("recipe", CANCELLING, ids=["atanh(x) / x", "atan(x) / tanh(x)"])
def test_nestings_may_differ_by_the_rounding_of_terms_that_cancel(recipe, monkeypatch):
    (x,) = recipe.inputs
    node = Node(x)
    rounding = second_order_rounding(recipe(node), node, node)
    assert 1e-8 < rounding < 1e-3
    assert list(second_order(recipe)) == []
    right = transforms.hvp
    monkeypatch.setattr(
        transforms, "hvp", lambda f: lambda x, e: [g + 2 * rounding for g in right(f)(x, e)]
    )
    assert len(list(second_order(recipe))) == 1

"""microgpt's published text, where MICROGPT says it is, on our Value in place of its own."""

from pathlib import Path

import pytest
from microgpt import PATH, training

from autograd_mini import Value


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # the text leaves its data open
@pytest.mark.skipif(not PATH, reason="MICROGPT does not say where microgpt's text is")
def test_only_the_value_replaced_the_losses_are_the_same():
    text = Path(PATH).read_text(encoding="utf-8")
    own, ours = training(text), training(text, Value)
    for step in range(8):
        expected = own(step)
        assert ours(step) == pytest.approx(expected, rel=1e-12)  # it divides by multiplying with a power

import gc
import sys

import pytest

from penstock.jobs.process.interpreter import COLLECT_AFTER, SWITCH_S, answering_pace


def test_the_process_has_its_own_settings_back_whatever_ends_the_block() -> None:
    before = (gc.get_threshold(), sys.getswitchinterval(), gc.get_freeze_count())
    with pytest.raises(ValueError), answering_pace():
        assert gc.get_threshold()[0] == COLLECT_AFTER
        assert sys.getswitchinterval() == pytest.approx(SWITCH_S)
        assert gc.get_freeze_count() > 0
        raise ValueError
    assert (gc.get_threshold(), sys.getswitchinterval(), gc.get_freeze_count()) == before

"""A model in ONNX that fails for some rows."""

from __future__ import annotations

import numpy as np

from penstock.jobs.models.onnx_model import OnnxModel
from tests.jobs.exchange.notebook import looked_up


def test_a_row_for_which_it_fails_has_no_answer_and_the_others_have_theirs() -> None:
    model = OnnxModel(looked_up([0.5, 1.5, 2.5], 2), 2, 1, "here")
    answers = model.predict(np.array([[1.0, 0.0], [7.0, 0.0], [2.0, 0.0]]))
    assert answers.tolist()[::2] == [1.5, 2.5] and np.isnan(answers[1])

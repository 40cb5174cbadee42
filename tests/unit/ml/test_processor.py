"""Weights do not depend on the processor's instructions: training adds in one order everywhere."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ml.processor import ARITHMETIC, same_on_every_processor

_LEARN = """
import hashlib
import numpy as np
import torch
from ml.vision.fit import fit, repeatable
from ml.vision.settings import VisionSettings

random = np.random.default_rng(1)
photos = torch.from_numpy(random.integers(0, 255, (48, 1, 64, 64), dtype=np.uint8))
settings = VisionSettings(threads=1, max_steps=6, min_steps=1, check_steps=3)
rows = np.arange(48)
with repeatable(settings):
    network, _ = fit(photos, rows % 2 == 0, rows, rows[:32], rows[32:], settings)
print(torch.backends.cpu.get_cpu_capability())
print(hashlib.sha256(b"".join(weights.numpy().tobytes() for weights in network.state_dict().values())).hexdigest())
"""


def learned(**given: str) -> list[str]:
    """Instructions used and a hash of the weights, learned in a process of its own with only these variables for the libraries."""
    plain = {name: value for name, value in os.environ.items() if name not in ARITHMETIC}
    run = subprocess.run([sys.executable, "-c", _LEARN], env=plain | given, capture_output=True, text=True, check=True)
    return run.stdout.split()


def test_wider_instructions_at_hand_do_not_change_what_is_learned() -> None:
    instructions, weights = learned()
    assert instructions != "AVX512"
    # as on a processor that has no wider ones
    assert learned(**ARITHMETIC, GLIBC_TUNABLES="glibc.cpu.hwcaps=-AVX512F,-AVX512VL")[1] == weights


def test_what_a_person_set_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ARITHMETIC:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "SSE41")
    same_on_every_processor()
    assert os.environ["ONEDNN_MAX_CPU_ISA"] == "SSE41"
    assert os.environ["ATEN_CPU_CAPABILITY"] == "avx2"

"""Profiles of hypothesis: the same few examples at each run, or new ones: `--hypothesis-profile=long`."""

import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.configuration import set_hypothesis_home_dir

set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "captioner-hypothesis")  # else in the checkout
CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
settings.register_profile(
    "default",
    max_examples=20,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=CHECKS,
)
settings.register_profile(
    "long", settings.get_profile("default"), max_examples=300, derandomize=False, print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

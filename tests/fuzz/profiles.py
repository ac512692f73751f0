"""How long hypothesis looks for inputs that break a reader: seconds in `make test`, minutes in `make fuzz`.

Imported by each test file here, for its effect.
"""

import os

from hypothesis import HealthCheck, Phase, settings

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "40"))
"""Of each test. With the default, they are always the same ones."""

settings.register_profile(
    "fuzz",
    max_examples=EXAMPLES,
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
settings.load_profile("fuzz")

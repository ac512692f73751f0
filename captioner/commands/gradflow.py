"""See how far gradients reach back through time: vanishing, exploding, and what gates do about it.

  python scripts/gradflow.py --cells elman lstm
  python scripts/gradflow.py --cells elman lstm gru --singular-value 1.5 --clip 1
  python scripts/gradflow.py --model runs/char_lm/20250101-120000/model --cells lstm

Cells as they start, by name, or a trained character model (default: the last one) beside them; all read the
same passages. Writes a picture and, beside it, every number as JSON.
"""

import argparse
from pathlib import Path

from captioner.commands.options.numbers import in_range
from captioner.errors import UserError
from captioner.paths import last_model
from captioner.ranges import Count, Dimension, Positive, Seed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    add = parser.add_argument
    add("--model", type=Path, metavar="DIR", help="model folder of the task char-lm (default: the last)")
    add("--cells", nargs="+", default=[], metavar="NAME", help="cells as they start; alone, no model is read")
    add("--hidden", type=in_range(Dimension), default=128, metavar="N", help="units of these cells")
    add(
        "--singular-value",
        type=in_range(Positive),
        metavar="X",
        help="scale their recurrent matrices to this largest singular value",
    )
    add("--steps", type=in_range(Count), default=100, metavar="T", help="characters of a passage")
    add("--passages", type=in_range(Count), default=32, metavar="N", help="passages to read")
    add(
        "--clip",
        type=in_range(Positive),
        default=5.0,
        metavar="X",
        help="norm that clipping leaves of an update",
    )
    add("--text", type=Path, metavar="FILE", help="what is read (default: what the model learnt from)")
    add("--seed", type=in_range(Seed), default=0, metavar="N", help="other passages, other new cells")
    add("--output", type=Path, default=Path("gradflow.png"), metavar="PNG", help="the picture")


def run(arguments: argparse.Namespace) -> None:
    """Measure, draw, print."""
    if arguments.output.suffix.lower() != ".png":
        raise UserError(f"--output must end in .png, not be {arguments.output}.")
    model: Path | None = arguments.model
    if model is None and not arguments.cells:
        model = last_model("char_lm")
    from captioner.insight.gradient_measurement import (
        GradientFlowSetup,
        measure_gradient_flow,
        write_gradient_flow,
    )
    from captioner.insight.gradient_picture import draw_gradient_flow

    options = (arguments.steps, arguments.passages, arguments.clip, arguments.hidden)
    setup = GradientFlowSetup(*options, arguments.singular_value, arguments.seed)
    flows = measure_gradient_flow(model, arguments.cells, arguments.text, setup)
    about = f"{setup.passages} passages of {setup.steps} characters"
    about += f"; model {model}" if model else ""
    about += f"; new cells of {setup.hidden_dim} units" if arguments.cells else ""
    about += f", largest singular value {setup.spectral_norm:g}" if setup.spectral_norm is not None else ""
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    draw_gradient_flow(arguments.output, flows, setup.clip, about)
    numbers: Path = arguments.output.with_suffix(".json")
    write_gradient_flow(numbers, flows, setup)
    for name, flow in flows.items():
        for state, norms in flow.gradient_norms.items():
            print(f"{name:12} d/d{state:8} now {norms[0]:.2e}   {setup.steps} back {norms[-1]:.2e}")
    print(f"picture {arguments.output}\nnumbers {numbers}")

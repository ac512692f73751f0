"""See how far gradients reach back through time: vanishing, exploding, and what gates do about it.

  python scripts/gradflow.py --cells elman lstm
  python scripts/gradflow.py --cells elman lstm gru --singular-value 1.5 --clip 1
  python scripts/gradflow.py --model runs/char_lm/20250101-120000/model --cells lstm

Cells as they start, by name, or a trained character model (default: the last one) beside them; all read the
same passages. Writes a picture and, beside it, every number as JSON.
"""

import argparse
from pathlib import Path

from captioner.commands.options.attention_files import check_drawing
from captioner.commands.options.numbers import in_range
from captioner.files.outputs import check_file
from captioner.paths import LAST, model_folder
from captioner.ranges import Count, Dimension, Positive, Seed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    add = parser.add_argument
    add("--model", metavar="MODEL", help="a model of the task char-lm (default: the last one trained)")
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
    check_drawing(arguments.output, (".png",), "--output")
    numbers: Path = arguments.output.with_suffix(".json")
    check_file(numbers, "--output")
    read = arguments.model or ("" if arguments.cells else LAST)
    model = model_folder(read, "char_lm") if read else None
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
    draw_gradient_flow(arguments.output, flows, setup.clip, about)
    write_gradient_flow(numbers, flows, setup)
    for name, flow in flows.items():
        for state, norms in flow.gradient_norms.items():
            print(f"{name:12} d/d{state:8} now {norms[0]:.2e}   {setup.steps} back {norms[-1]:.2e}")
    print(f"picture {arguments.output}\nnumbers {numbers}")

"""Define the model of a memory problem: a cell and an output layer.

N sequences, T time, E input, H hidden, O output.
"""

from torch import Tensor, nn

from captioner.cells.base import CELLS, CellConfig
from captioner.config import Config
from captioner.data.memory.base import MEMORY_PROBLEMS
from captioner.models.base import MODELS, Model, check_unused_options
from captioner.vocabulary import SPECIAL, Vocabulary

UNUSED = (
    *("encoder", "text_encoder", "decoder", "head", "objective", "search", "vocabulary"),
    *("training.captions_per_image", "training.max_words", "training.augment", "training.flip"),
    "training.views",
)


@MODELS.register("memory")
class MemoryModel(Model):
    """Outputs W_o h_t + b of a cell that reads a sequence from a zero state.

    Args:
        config: `data` is the problem, whose sizes the layers have.
        vocabulary: not used: sequences are vectors.
        cell: config of the cell; None: `lstm`.
    """

    sources = MEMORY_PROBLEMS

    def __init__(self, config: Config, vocabulary: Vocabulary, cell: CellConfig = None) -> None:
        super().__init__(config, vocabulary)
        self.problem = MEMORY_PROBLEMS.build(config.data)
        self.cell = CELLS.build(cell or {"name": "lstm"}, input_dim=self.problem.input_dim)
        self.output = nn.Linear(self.cell.hidden_dim, self.problem.output_dim)

    @classmethod
    def check(cls, config: Config) -> None:
        """Refuse a mistake in the cell, and options of other tasks."""
        CELLS.check(config.task.get("cell") or {"name": "lstm"}, facts=("input_dim",))
        check_unused_options(config, UNUSED)

    def forward(self, inputs_NTE: Tensor, scored_steps: int) -> Tensor:
        """Compute the last outputs.

        Args:
            inputs_NTE: the sequences.
            scored_steps: how many outputs are wanted.

        Returns:
            outputs_NTO, T the number wanted.
        """
        outputs_NTH = self.cell(inputs_NTE, self.cell.zero_state(inputs_NTE[:, 0])).outputs_NTH
        outputs_NTO: Tensor = self.output(outputs_NTH[:, -scored_steps:])
        return outputs_NTO


def no_words() -> Vocabulary:
    """Return the vocabulary of a model without words."""
    return Vocabulary(list(SPECIAL))

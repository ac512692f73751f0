"""Evaluate chosen boxes: accuracy by type of question, and the official results file."""

from captioner.evaluation.base import EVALUATIONS
from captioner.evaluation.visual7w import evaluate

EVALUATIONS.register("visual7w_pointing")(evaluate)

"""Choose one of a question's boxes with a trained model of Visual7W."""

from captioner.inference.base import PREDICTORS
from captioner.inference.visual7w import Chooser

PREDICTORS.register("visual7w_pointing")(Chooser)

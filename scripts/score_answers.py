"""`captioner score_answers`, run from a checkout."""

from captioner.commands import main

if __name__ == "__main__":
    main("score_answers")

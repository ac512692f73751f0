"""`captioner serve`, run from a checkout."""

from captioner.commands import main

if __name__ == "__main__":
    main("serve")

"""Synthetic pictures of coloured shapes, with captions, questions, and a judge of what is true."""

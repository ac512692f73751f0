"""Drawn pictures of coloured shapes, whose every true caption is known."""

"""Asks an exchange the questions that its documents leave open, and writes down what it answered.

The report is what `Answers.from_file` reads. Nothing is ordered and no limit is tried: each question is a handshake or
two and a few requests, further apart than the limits ask for.
"""

from .report import Report, probe

__all__ = ["Report", "probe"]

"""Every BMC and host looked at closely: what is wrong with it, and what to do about it."""

from metal.doctor.examine import examine
from metal.doctor.view import CHECKS, Examination, Finding, Report, Word

__all__ = ["CHECKS", "Examination", "Finding", "Report", "Word", "examine"]

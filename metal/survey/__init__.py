"""The living system, asked at this moment: every host, layer by layer."""

from metal.survey.survey import survey
from metal.survey.view import FleetSurvey, HostSurvey, Word

__all__ = ["FleetSurvey", "HostSurvey", "Word", "survey"]

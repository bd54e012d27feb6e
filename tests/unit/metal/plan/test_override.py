from metal.plan.quorum import Rule
from metal.settings.overrides import OVERRIDES


def test_what_settings_can_waive_is_what_the_plan_judges_by() -> None:
    assert tuple(sorted(rule.value for rule in Rule)) == OVERRIDES

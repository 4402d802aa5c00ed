"""When an alert is due. No database here: figures in, alerts out.

**The spend cap.** 50, 80 and 100 % of the cap, measured by this period's overage; each once per period and cap, so a
new period begins anew. Whoever changes the cap sees on the page how far it is used: what is reached at that moment
counts as told, and what is reached later under the new cap is mailed again. An earlier cap, set anew, repeats nothing.

**Credit.** 20 % and 5 % of what the account was last given, and nothing left; each once per grant, so new credit begins
anew. A month's credit that runs out at the period's end is no news while the plan goes on: the next month's follows.

Where one look finds several steps passed, only the furthest is mailed; the others count as told with it.
"""

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

CAP_STEPS = (0, 50, 80, 100)
"""Percent of the cap that is used. 0 is never mailed: it says that overage was seen under this cap."""

CREDIT_STEPS = (20, 5, 0)
"""Percent of the last grant that is left."""

CAP_KINDS = tuple(f"cap_{step}" for step in CAP_STEPS)
ALWAYS = ("payment_failed", "receipt", "plan_ended", "storage_unpaid", "storage_ends")
"""What nobody can choose not to be told: it is about a payment that was made, or is asked for."""


class Given(NamedTuple):
    """The account's last grant."""

    grant_id: int
    kind: str
    granted_pico: int
    has_expired: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """An account at one moment. `overage_pico` is this period's; the wishes are those of `alert_choices`."""

    account_id: str
    credit_pico: int
    overage_pico: int
    cap_pico: int
    has_plan: bool
    period_start: datetime | None
    period_end: datetime | None
    given: Given | None
    wants_cap: bool = True
    wants_low_credit: bool = True

    @property
    def period(self) -> str:
        return self.period_start.date().isoformat() if self.period_start else "no period"


class Due(NamedTuple):
    """An alert to be. `outcome` is empty when it is to be mailed, else why it is not."""

    account_id: str
    kind: str
    about: str
    detail: dict[str, str | int]
    outcome: str = ""


def cap_alerts(standing: Standing, told: Set[tuple[str, str]]) -> list[Due]:
    """`told` holds (kind, about) of what this account was told about its cap in this period."""
    if not standing.has_plan or standing.cap_pico <= 0 or standing.overage_pico <= 0:
        return []
    about = f"{standing.period} {standing.cap_pico}"
    reached = [step for step in CAP_STEPS if standing.overage_pico * 100 >= step * standing.cap_pico]
    new = [step for step in reached if (f"cap_{step}", about) not in told]
    others = [one for kind, one in told if kind == "cap_0" and one.startswith(standing.period) and one != about]
    # The first look under another cap of the same period: whoever changed it knows.
    loudest = None if 0 in new and others else max(new, default=0)
    detail: dict[str, str | int] = {"used": standing.overage_pico, "cap": standing.cap_pico}
    if standing.period_end:
        detail["until"] = standing.period_end.date().isoformat()
    outcome = "" if standing.wants_cap else "unwanted"
    return [
        Due(standing.account_id, f"cap_{step}", about, detail, outcome if step and step == loudest else "covered")
        for step in new
    ]


def credit_alerts(standing: Standing) -> list[Due]:
    given = standing.given
    if given is None or (standing.has_plan and given.kind == "monthly" and given.has_expired):
        return []
    reached = [step for step in CREDIT_STEPS if standing.credit_pico * 100 <= step * given.granted_pico]
    detail: dict[str, str | int] = {"left": standing.credit_pico, "given": given.granted_pico}
    detail["goes_on"] = int(standing.has_plan and standing.cap_pico > standing.overage_pico)
    outcome = "" if standing.wants_low_credit else "unwanted"
    lowest = min(reached, default=None)
    return [
        Due(
            standing.account_id,
            f"credit_{step}",
            f"grant {given.grant_id}",
            detail,
            outcome if step == lowest else "covered",
        )
        for step in reached
    ]

"""The costs of hosting follow from stated prices and a stated load, and can be checked by hand."""

from decimal import Decimal

from relay.hosting import Load, above, lines, mail


def month(users: int, way: str) -> dict[str, Decimal]:
    return {line.service: line.usd for line in lines(users, Load()) if line.way == way}


def test_the_plan_of_a_thousand_people_is_what_its_prices_say() -> None:
    # 260,000 requests are within 10 million; 4,000 mails are more than 3,000; 50 payments of $10.
    assert month(1000, "workers") == {
        "Pages": 0, "Workers": 5, "D1": 0, "KV": 0, "Resend": 20, "R2": 0, "Stripe": Decimal("29.5"),
    }  # fmt: skip
    ours = month(1000, "this product")
    assert (ours["machine"], ours["backups"], ours["Resend"]) == (8, 1, 20)


def test_beyond_what_is_included_each_unit_costs() -> None:
    assert above(10_000_000, 10_000_000, "0.30") == 0
    assert above(12_000_000, 10_000_000, "0.30") == Decimal("0.6")
    # Resend's own example: 51,415 mails are $21.80.
    assert [mail(count) for count in (3_000, 3_001, 50_000, 51_415)] == [0, 20, 20, Decimal("21.80")]
    assert month(100_000, "workers")["Workers"] == Decimal("9.8")
    assert month(100_000, "workers")["R2"] == Decimal("7.35")

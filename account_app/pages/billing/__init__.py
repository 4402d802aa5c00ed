"""Billing: the plan, the next invoice, credit and its sources, the limit of spending, alerts, invoices, the card."""

from account_app.pages.billing.state import Billing
from account_app.pages.billing.view import ROUTE, TITLE, page

__all__ = ["ROUTE", "TITLE", "Billing", "page"]

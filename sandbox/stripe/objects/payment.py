"""Payments: how they are made, the intents, the charges, and which invoice they are for."""

from __future__ import annotations

from typing import Any

from stripe.params import (
    BalanceTransactionRetrieveParams,
    ChargeListParams,
    ChargeRetrieveParams,
    CustomerListPaymentMethodsParams,
    InvoicePaymentListParams,
    InvoicePaymentRetrieveParams,
    PaymentIntentListParams,
    PaymentIntentRetrieveParams,
    PaymentMethodAttachParams,
    PaymentMethodCreateParams,
    PaymentMethodDetachParams,
    PaymentMethodListParams,
    PaymentMethodRetrieveParams,
)

from sandbox.stripe.door.errors import Refused
from sandbox.stripe.door.lists import listed, within
from sandbox.stripe.door.operation import Operation
from sandbox.stripe.life.cards import BY_NUMBER, BY_TOKEN, card_of, method
from sandbox.stripe.store import Json, Store
from sandbox.stripe.webhooks.events import emit

KIND = ""


def create_method(store: Store, params: dict[str, Any]) -> Json:
    """One of Stripe's test cards, by its number."""
    number = (params.get("card") or params.get("us_bank_account") or {}).get("number") or params.get(
        "us_bank_account", {}
    ).get("account_number")
    if number not in BY_NUMBER:
        raise Refused(402, "Your card number is incorrect.", code="incorrect_number", kind="card_error", param="number")
    return method(store, BY_NUMBER[number])


def attach(store: Store, params: dict[str, Any], id: str) -> Json:
    """Gives a customer a way to pay. Stripe's own names for test cards, such as `pm_card_visa`, make a new one."""
    customer = store.get("customer", params.get("customer", ""), "customer")["id"]
    found = method(store, BY_TOKEN[id]) if id in BY_TOKEN else store.get("payment_method", id)
    if not card_of(found).attaches:
        raise Refused(
            402,
            "Your card was declined.",
            code="card_declined",
            kind="card_error",
            decline_code=card_of(found).declines,
        )
    if found["customer"] not in (None, customer):
        raise Refused(400, "The payment method you provided has already been attached to a customer.")
    found["customer"] = customer
    emit(store, "payment_method.attached", found)
    return found


def detach(store: Store, params: dict[str, Any], id: str) -> Json:
    found = store.get("payment_method", id)
    if found["customer"] is None:
        raise Refused(400, "The payment method you provided is not attached to a customer so detachment is impossible.")
    settings = store.get("customer", found["customer"])["invoice_settings"]
    if settings["default_payment_method"] == id:
        settings["default_payment_method"] = None
    found["customer"] = None
    emit(store, "payment_method.detached", found)
    return found


def methods_of(store: Store, params: dict[str, Any], customer: str) -> Json:
    store.get("customer", customer)
    return methods(store, {**params, "customer": customer})


def methods(store: Store, params: dict[str, Any]) -> Json:
    found = [
        one
        for one in store.all("payment_method")
        if one["customer"] is not None
        and params.get("customer") in (None, one["customer"])
        and params.get("type") in (None, one["type"])
    ]
    return listed(found, params, "/v1/payment_methods", "payment_method")


def a_method(store: Store, params: dict[str, Any], id: str) -> Json:
    return store.get("payment_method", id)


def an_intent(store: Store, params: dict[str, Any], id: str) -> Json:
    return store.get("payment_intent", id)


def intents(store: Store, params: dict[str, Any]) -> Json:
    return _of_customer(store, params, "payment_intent", "/v1/payment_intents")


def a_charge(store: Store, params: dict[str, Any], id: str) -> Json:
    return store.get("charge", id)


def charges(store: Store, params: dict[str, Any]) -> Json:
    return _of_customer(store, params, "charge", "/v1/charges")


def _of_customer(store: Store, params: dict[str, Any], kind: str, url: str) -> Json:
    found = [
        one
        for one in store.all(kind)
        if params.get("customer") in (None, one["customer"])
        and params.get("payment_intent") in (None, one.get("payment_intent"))
        and within(one["created"], params.get("created"))
    ]
    return listed(found, params, url, kind)


def an_invoice_payment(store: Store, params: dict[str, Any], id: str) -> Json:
    return store.get("invoice_payment", id)


def invoice_payments(store: Store, params: dict[str, Any]) -> Json:
    asked = params.get("payment", {})
    found = [
        one
        for one in store.all("invoice_payment")
        if params.get("invoice") in (None, one["invoice"])
        and params.get("status") in (None, one["status"])
        and asked.get("payment_intent") in (None, one["payment"]["payment_intent"])
        and within(one["created"], params.get("created"))
    ]
    return listed(found, params, "/v1/invoice_payments", "invoice_payment")


def a_booking(store: Store, params: dict[str, Any], id: str) -> Json:
    return store.get("balance_transaction", id)


OPERATIONS = (
    Operation("POST", "/v1/payment_methods", PaymentMethodCreateParams, create_method, gives="payment_method"),
    Operation("GET", "/v1/payment_methods", PaymentMethodListParams, methods, gives="payment_method"),
    Operation("GET", "/v1/payment_methods/{id}", PaymentMethodRetrieveParams, a_method, gives="payment_method"),
    Operation("POST", "/v1/payment_methods/{id}/attach", PaymentMethodAttachParams, attach, gives="payment_method"),
    Operation("POST", "/v1/payment_methods/{id}/detach", PaymentMethodDetachParams, detach, gives="payment_method"),
    Operation(
        "GET",
        "/v1/customers/{customer}/payment_methods",
        CustomerListPaymentMethodsParams,
        methods_of,
        gives="payment_method",
    ),
    Operation("GET", "/v1/payment_intents", PaymentIntentListParams, intents, gives="payment_intent"),
    Operation("GET", "/v1/payment_intents/{id}", PaymentIntentRetrieveParams, an_intent, gives="payment_intent"),
    Operation("GET", "/v1/charges", ChargeListParams, charges, gives="charge"),
    Operation("GET", "/v1/charges/{id}", ChargeRetrieveParams, a_charge, gives="charge"),
    Operation("GET", "/v1/invoice_payments", InvoicePaymentListParams, invoice_payments, gives="invoice_payment"),
    Operation(
        "GET", "/v1/invoice_payments/{id}", InvoicePaymentRetrieveParams, an_invoice_payment, gives="invoice_payment"
    ),
    Operation(
        "GET",
        "/v1/balance_transactions/{id}",
        BalanceTransactionRetrieveParams,
        a_booking,
        gives="balance_transaction",
    ),
)

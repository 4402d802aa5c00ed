"""JSON Schemas of what the routes answer, for `/api/openapi.json`."""

from typing import Any

Schema = dict[str, Any]


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def _optional(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def list_of(item: Schema) -> Schema:
    return {"type": "array", "items": item}


TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
MORE_OR_LESS: Schema = {"type": "integer", "description": "signed: a correction may take tokens back"}
PICO: Schema = {"type": "integer", "description": "pico-dollars (1e-12 USD)"}
USD: Schema = {
    "type": "string",
    "pattern": r"^-?\d+(\.\d{1,12})?$",
    "description": "an exact amount in USD",
    "examples": ["12.5"],
}
TIME: Schema = {"type": "string", "format": "date-time", "description": "RFC 3339, UTC"}
REQUEST_ID: Schema = {"type": "string", "description": "the `request-id` header of the relayed answer"}
ENDED: Schema = {"type": "string", "enum": ["complete", "client_gone", "upstream_error", "process_died"]}

_ACCOUNT = _object(account=_object(id=TEXT, email=TEXT))
_GRANT = _object(
    kind={"type": "string", "enum": ["monthly", "topup", "promo"]},
    granted_usd=USD,
    remaining_usd=USD,
    expires_at=_optional(TIME),
)
_USAGE_ROW = _object(
    bucket={"type": "string", "description": "an hour, a day, a model or a service; `total` for the sum"},
    requests=COUNT,
    input_tokens=MORE_OR_LESS,
    output_tokens=MORE_OR_LESS,
    cache_read_tokens=MORE_OR_LESS,
    cache_write_tokens=MORE_OR_LESS,
    input_usd=USD,
    output_usd=USD,
    cache_read_usd=USD,
    cache_write_usd=USD,
    other_usd={**USD, "description": "what is not the price of tokens: searches, storage, prices put right"},
    price_usd=USD,
)
_REQUEST = _object(
    request_id=REQUEST_ID,
    at=TIME,
    started_at=TIME,
    model=TEXT,
    ended=ENDED,
    estimated=FLAG,
    status={"type": "integer", "description": "the HTTP status; 0 when the process died before it was known"},
    input_tokens=COUNT,
    output_tokens=COUNT,
    cache_read_tokens=COUNT,
    cache_write_tokens=COUNT,
    price_usd=USD,
    total_usd={**USD, "description": "the price with its corrections"},
    first_token_ms=_optional(COUNT),
    duration_ms=COUNT,
)
_LINE = _object(
    kind={
        "type": "string",
        "enum": [
            "input",
            "output",
            "cache_read",
            "cache_write_5m",
            "cache_write_1h",
            "web_search",
            "storage_gb_month",
            "not_paid",
        ],
    },
    tokens={
        "type": "integer",
        "minimum": 1,
        "description": "searches, for `web_search`; byte-seconds, for `storage_gb_month`, whose unit is a GB-month",
    },
    unit_price_pico=PICO,
    amount_pico=PICO,
)

_CORRECTION = _object(
    id=TEXT,
    at=TIME,
    reason=TEXT,
    input_tokens=MORE_OR_LESS,
    output_tokens=MORE_OR_LESS,
    cache_read_tokens=MORE_OR_LESS,
    cache_write_tokens=MORE_OR_LESS,
    price_usd=USD,
)
_KEY = {
    "id": TEXT,
    "name": TEXT,
    "hint": {"type": "string", "description": "the key's last four characters"},
    "created_at": TIME,
    "last_used_at": _optional(TIME),
    "cap_usd": _optional(USD),
    "spent_usd": USD,
}

_INVOICE = _object(
    id=TEXT,
    number=TEXT,
    status={"type": "string", "enum": ["open", "paid", "uncollectible", "void"]},
    amount_usd=USD,
    created=TIME,
    period_start=TIME,
    period_end=TIME,
    pdf_url=_optional(TEXT),
    hosted_url=_optional(TEXT),
)
_PREVIEW = _object(
    amount_usd=USD,
    lines=list_of(_object(description=TEXT, amount_usd=USD)),
    period_start=_optional(TIME),
    period_end=_optional(TIME),
)
_ASSET = _object(
    name=TEXT,
    size_bytes=COUNT,
    type={"type": "string", "description": "by its first bytes, or as it was declared"},
    sha256=TEXT,
    stored_at=TIME,
    url={"type": "string", "description": "where it can be downloaded, below the API's origin"},
    price_month_usd={**USD, "description": "of thirty days"},
)
_DELETED = _object(name=TEXT, size_bytes=COUNT, type=TEXT, deleted_at=TIME, restorable_until=TIME)

SCHEMAS: dict[str, Schema] = {
    "Address": _object(url=TEXT),
    "Cap": _object(spend_cap_usd=USD),
    "Invoices": _object(invoices=list_of(_INVOICE)),
    "Preview": _PREVIEW,
    "Account": _ACCOUNT,
    "Balance": _object(
        available_usd=USD,
        held_usd=USD,
        credit_usd=USD,
        grants=list_of(_GRANT),
        overage_usd={**USD, "description": "this period's overage"},
        spend_cap_usd=USD,
        period_start=_optional(TIME),
        period_end=_optional(TIME),
        as_of=TIME,
    ),
    "Usage": _object(rows=list_of(_USAGE_ROW), total=_USAGE_ROW),
    "Requests": _object(
        requests=list_of(_REQUEST),
        next=_optional({"type": "string", "description": "pass it as `before` for the next page"}),
    ),
    "Receipt": _object(
        request_id=REQUEST_ID,
        at=TIME,
        model=TEXT,
        tier=TEXT,
        ended=ENDED,
        estimated={"type": "boolean", "description": "upstream's last word never came"},
        unsplit_cache_writes={"type": "boolean", "description": "cache writes priced as 5-minute ones"},
        price_version=TEXT,
        held_usd=USD,
        price_usd={**USD, "description": "the sum of the lines"},
        lines=list_of(_LINE),
        corrections=list_of(_CORRECTION),
        total_usd={**USD, "description": "the price with its corrections"},
    ),
    "Asset": _ASSET,
    "DeletedAsset": _DELETED,
    "Assets": _object(
        assets=list_of(ref("Asset")),
        next=_optional({"type": "string", "description": "pass it as `after` for the next page"}),
        deleted=list_of(ref("DeletedAsset")),
        used_bytes=COUNT,
        quota_bytes=COUNT,
        asset_bytes_max=COUNT,
        price_month_usd={**USD, "description": "of all that is kept, for thirty days"},
    ),
    "Keys": _object(keys=list_of(ref("Key")), most=COUNT),
    "Key": _object(**_KEY),
    "NewKey": _object(key=TEXT, **_KEY),
    "Token": _object(token=TEXT, expires_at=TIME),
    "Alerts": _object(
        cap=FLAG,
        low_credit=FLAG,
        mail_stopped={
            "type": ["object", "null"],
            "required": ["reason", "at"],
            "properties": {"reason": {"type": "string", "enum": ["bounced", "complained"]}, "at": TIME},
            "description": "why no mail goes to the account's address; null when it does",
        },
    ),
    "Message": _object(message=TEXT),
    "Status": _object(status={"const": "ok"}),
    "Problem": _object(
        type=TEXT,
        title={"type": "string", "description": "what is wrong, in plain words"},
        status={"type": "integer"},
        code={"type": "string", "description": "stable, for programs"},
    ),
    "ClaudeError": _object(type={"const": "error"}, error=_object(type=TEXT, message=TEXT), request_id=_optional(TEXT)),
}

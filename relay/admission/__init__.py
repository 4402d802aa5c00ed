"""May this request be sent, and what can it cost at most? Answered without the network."""

from collections.abc import Mapping

import orjson

from relay.admission import allowed
from relay.admission.bounds import Admission, input_bound, input_kind
from relay.admission.contents import Measure, read_cache_control, read_content, read_messages, read_tools
from relay.admission.reading import Body, Object, a_count, a_flag, an_object, one_of, only, parse, shown, wrong
from relay.errors import BadInput
from relay.pricing import MODELS, Model, model_of

__all__ = ["Admission", "Body", "admit", "check_betas"]


def admit(body: Body, headers: Mapping[str, str]) -> Admission:
    """Reads a messages request (at most 32 MB: the caller's rule); `headers` by lower-case name.

    BadInput names the field, beta, tool or block that is wrong or not priced, and says what to do.
    """
    check_betas(headers)
    fields, compact = parse(body)
    only(fields, allowed.FIELDS, "")
    model = _model(fields)
    max_tokens = a_count(fields.get("max_tokens"), "max_tokens", 1, allowed.MAX_TOKENS_MAX)
    # Its digits are left out of the bound, so that a retry with the affordable figure is bounded alike.
    measure = Measure(payload_bytes=len(str(max_tokens)))
    _read_contents(fields, measure)
    _read_small_fields(fields, measure)
    return Admission(
        model=model.name,
        stream=a_flag(fields.get("stream", False), "stream"),
        max_tokens=max_tokens,
        input_bound_tokens=input_bound(measure, compact, model.name),
        input_kind=input_kind(measure),
        max_searches=measure.searches,
        geo=_geo(fields, model),
        speed=_speed(fields, model),
        body=body,
    )


def check_betas(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The betas that `anthropic-beta` asks for. BadInput names one that might change the bill."""
    names = [name for part in headers.get("anthropic-beta", "").split(",") if (name := part.strip())]
    if len(names) > allowed.MAX_BETAS:
        raise wrong("anthropic-beta", f"names {len(names)} betas; the most is {allowed.MAX_BETAS}.")
    for name in names:
        if name not in allowed.BETAS:
            raise wrong("anthropic-beta", f"the beta {shown(name)} is not offered here. Leave it out.")
    return tuple(names)


def _model(fields: Object) -> Model:
    model = model_of(fields.get("model"))
    if model is None:
        names = ", ".join(sold.name for sold in MODELS)
        raise wrong("model", f"{shown(fields.get('model'))} is not a model that is offered here. Use one of: {names}.")
    return model


def _read_contents(fields: Object, measure: Measure) -> None:
    read_messages(fields.get("messages"), measure)
    if fields.get("system") is not None:
        read_content(fields["system"], "system", allowed.IN_SYSTEM, measure)
    if fields.get("tools") is not None:
        read_tools(fields["tools"], measure)
    read_cache_control(fields.get("cache_control"), "cache_control", measure)


def _read_small_fields(fields: Object, measure: Measure) -> None:
    """What changes no price by itself, but must hold nothing that does."""
    for name, known in (
        ("thinking", allowed.THINKING_FIELDS),
        ("tool_choice", allowed.TOOL_CHOICE_FIELDS),
        ("output_config", allowed.OUTPUT_FIELDS),
        ("metadata", frozenset({"user_id"})),
        ("diagnostics", frozenset({"previous_message_id"})),
    ):
        if fields.get(name) is not None:
            only(an_object(fields[name], name), known, name)
    if fields.get("service_tier") is not None:
        one_of(fields["service_tier"], allowed.SERVICE_TIERS, "service_tier")
    if fields.get("output_config") is not None:
        _read_format(an_object(fields["output_config"], "output_config").get("format"), measure)


def _read_format(value: object, measure: Measure) -> None:
    if value is None:
        return
    only(an_object(value, "output_config.format"), allowed.FORMAT_FIELDS, "output_config.format")
    measure.has_format = True
    measure.rendered_bytes += len(orjson.dumps(value))


def _geo(fields: Object, model: Model) -> str:
    geo = fields.get("inference_geo")
    if geo is None:
        return ""
    geo = one_of(geo, frozenset({"global", "us"}), "inference_geo")
    if geo == "us" and not model.us:
        raise wrong("inference_geo", f"{model.name} has no price for the region 'us'. Leave it out.")
    return geo


def _speed(fields: Object, model: Model) -> str:
    speed = fields.get("speed")
    if speed is None:
        return ""
    speed = one_of(speed, frozenset({"standard", "fast"}), "speed")
    if speed == "fast" and not model.fast:
        sold = ", ".join(other.name for other in MODELS if other.fast)
        raise BadInput(f"speed: {model.name} has no price for 'fast'. Leave it out, or use one of: {sold}.")
    return speed

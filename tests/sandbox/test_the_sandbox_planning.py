"""Which tool the sandbox's Claude uses, and with what, when a designer asks for something in the demo editor."""

import json

import pytest

from sandbox.claude.planning import plan
from sandbox.claude.request import MessageRequest

LETTER = {"type": "string", "maxLength": 1}
TOOLS = [
    {
        "name": "read_selected_glyph",
        "description": "Reads the glyph that is selected in the editor: name, metrics, side bearings.",
        "input_schema": {"type": "object", "properties": {}},
    },
    {
        "name": "list_kerning_pairs",
        "description": "Lists kerning pairs of the open font with their values in font units, the strongest first.",
        "input_schema": {"type": "object", "properties": {"left": LETTER, "right": LETTER}},
    },
    {
        "name": "set_kerning",
        "description": "Sets the kerning of one pair, in font units: less is tighter.",
        "input_schema": {
            "type": "object",
            "properties": {
                "left": LETTER,
                "right": LETTER,
                "value": {"type": "integer", "minimum": -1000, "maximum": 1000},
            },
            "required": ["left", "right", "value"],
        },
    },
    {
        "name": "undo_last_change",
        "description": "Undoes the last change of kerning in the editor, whoever made it.",
        "input_schema": {"type": "object", "properties": {}},
    },
]
AV = {"pairs": [{"left": "A", "right": "V", "value": -150}]}


def planned(asked: str, *results: object, **fields: object) -> tuple[str, dict[str, object]] | None:
    """The tool and its input; `results`: what `list_kerning_pairs` answered before."""
    turns: list[dict[str, object]] = [{"role": "user", "content": asked}]
    for result in results:
        use = {"type": "tool_use", "id": "toolu_1", "name": "list_kerning_pairs", "input": {}}
        answer = {"type": "tool_result", "tool_use_id": "toolu_1", "content": json.dumps(result)}
        turns += [{"role": "assistant", "content": [use]}, {"role": "user", "content": [answer]}]
    body = {"model": "claude-sonnet-5-5", "max_tokens": 500, "messages": turns, "tools": TOOLS, **fields}
    use = plan(MessageRequest.model_validate(body), asked)
    return (use.tool.name, use.value) if use else None


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("List the kerning pairs", ("list_kerning_pairs", {})),
        ("List the kerning pairs that begin with T", ("list_kerning_pairs", {"left": "T"})),
        ("How is my kerning of A and V?", ("list_kerning_pairs", {"left": "A", "right": "V"})),
        ("What are the side bearings of this glyph?", ("read_selected_glyph", {})),
        ("Set the kerning of A and V to -60", ("set_kerning", {"left": "A", "right": "V", "value": -60})),
        ("Set the kerning of To to 15", ("set_kerning", {"left": "T", "right": "o", "value": 15})),
        ("Show my kerning of it", ("list_kerning_pairs", {})),
        ("Undo the last change", ("undo_last_change", {})),
    ],
)
def test_a_request_leads_to_the_tool_that_suits_it(asked: str, expected: tuple[str, dict[str, object]]) -> None:
    assert planned(asked) == expected


@pytest.mark.parametrize("asked", ["Tighten A and V a little", "Make AV looser", "Reduce the kerning of AV by 30"])
def test_a_change_of_what_is_there_looks_it_up_first(asked: str) -> None:
    assert planned(asked) == ("list_kerning_pairs", {"left": "A", "right": "V"})


@pytest.mark.parametrize(
    ("asked", "value"),
    [
        ("Tighten A and V a little", -170),
        ("Make AV looser", -130),
        ("Tighten AV by 30", -180),
        ("Loosen AV by 5", -145),
        ("Reduce the kerning of AV by 30", -180),
        ("Increase the kerning of AV by 30", -120),
    ],
)
def test_a_change_starts_from_the_value_that_was_found(asked: str, value: int) -> None:
    assert planned(asked, AV) == ("set_kerning", {"left": "A", "right": "V", "value": value})


@pytest.mark.parametrize(
    "found", [{"pairs": []}, {"pairs": [{"left": "T", "right": "o", "value": -90}]}, "no JSON", []]
)
def test_a_pair_that_was_not_found_starts_from_nothing(found: object) -> None:
    assert planned("Tighten A and V a little", found) == ("set_kerning", {"left": "A", "right": "V", "value": -20})


@pytest.mark.parametrize("asked", ["What is kerning?", "How do I kern a font?", "Explain ink traps", "Good morning"])
def test_a_general_question_is_answered_without_a_tool(asked: str) -> None:
    assert planned(asked) is None


def test_what_was_only_asked_about_is_not_changed() -> None:
    assert planned("List the kerning pairs that begin with A", AV) is None


def test_a_change_that_was_made_is_not_made_again() -> None:
    turns = [
        {"role": "user", "content": "Set the kerning of A and V to -60"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "set_kerning", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "set"}]},
    ]
    assert planned("Set the kerning of A and V to -60", messages=turns) is None


def test_a_tool_that_is_forced_is_used_and_one_that_is_forbidden_is_not() -> None:
    forced = planned("Good morning", tool_choice={"type": "tool", "name": "undo_last_change"})
    assert forced == ("undo_last_change", {})
    assert planned("Set the kerning of A and V to -60", tool_choice={"type": "none"}) is None


def test_a_number_stays_within_what_the_tool_takes() -> None:
    assert planned("Set the kerning of A and V to -6000") == (
        "set_kerning",
        {"left": "A", "right": "V", "value": -1000},
    )

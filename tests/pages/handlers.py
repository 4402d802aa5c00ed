"""The names of Reflex's that a browser calls handlers by, and those that it may call."""

ROOT = "reflex___state____state"
_SESSION = f"{ROOT}.account_app___session____session"
_PAGES = f"{_SESSION}.account_app___pages___"

OVERVIEW = f"{_PAGES}overview____overview"
USAGE = f"{_PAGES}usage____usage"
REQUESTS = f"{_PAGES}requests____requests"
BILLING = f"{_PAGES}billing___state____billing"
ASSISTANT = f"{_PAGES}assistant____assistant"
KEYS = f"{_PAGES}keys____keys"
STORAGE = f"{_PAGES}storage____storage"
OPERATOR = f"{_SESSION}.account_app___operating____operator"
ACCOUNT = f"{_SESSION}.account_app___owning____account"

_NAMES = {
    ROOT: ("hydrate", "hydrate_and_load", "set_is_hydrated"),
    f"{ROOT}.reflex___state____on_load_internal_state": ("set_is_hydrated", "on_load_internal"),
    f"{ROOT}.reflex___state____frontend_event_exception_state": ("handle_frontend_exception",),
    f"{ROOT}.reflex___state____update_vars_internal_state": ("update_vars_internal",),
    OVERVIEW: ("load", "follow"),
    USAGE: ("load", "follow"),
    REQUESTS: ("load", "follow"),
    BILLING: ("load", "follow", "start_plan", "top_up", "top_up_by", "open_portal", "set_cap", "set_alert"),
    STORAGE: ("load", "follow", "delete", "put_back", "forget"),
    ASSISTANT: ("load",),
    KEYS: ("load", "follow", "make", "change", "revoke", "forget", "forget_later"),
    ACCOUNT: (
        *("load", "follow", "end_session", "choose", "request_move", "confirm_move", "cancel_move"),
        *("allow_mail", "follow_export", "request_closing", "close"),
    ),
    OPERATOR: ("load", "follow", "give", "correct", "block", "unblock", "replay", "look", "inspect"),
}
HANDLERS = {f"{state}.{name}" for state, names in _NAMES.items() for name in names}
"""Everything that anybody can call by name. A new one belongs here only once the tests of the socket have called it."""

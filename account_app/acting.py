"""What a page does for somebody: asked who it is, done by one verb of the relay, refused in words."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeGuard, cast

import reflex as rx

from account_app import session
from account_app.components.figures import exact
from account_app.session import Session
from relay.accounts import Identity
from relay.errors import BadInput, ProductError, Unavailable
from relay.money import pico_from_usd

_NOWHERE_KEPT = re.compile("[\0\ud800-\udfff]")
FIELD_LENGTH_MAX = 1000
NOT_DONE = "That could not be done just now, and nothing was changed. Please try again in a minute."

# As in `live`: it stands beside Session in the pages, and so it is typed.
_Beside = Session if TYPE_CHECKING else rx.State


class Acting(_Beside, mixin=True):
    """Mix it into a page that changes something. `wrong` is why the last act was refused, `wrong_at` which it was."""

    wrong: rx.Field[str] = rx.field("")
    wrong_at: rx.Field[str] = rx.field("")
    acts: rx.Field[int] = rx.field(0)
    _drawn: ClassVar[tuple[str, ...]] = ()
    """The acts beside which the page draws why they were refused. Of the others a toast tells."""

    async def _act(self, act: str, work: Callable[[Identity], Awaitable[Any]], words: str = "") -> tuple[bool, Any]:
        """(True, what `work` gave), told with `words`; (False, an event or None) when it was refused.

        Whoever may not be here is refused by this, and not by what the page shows.
        """
        identity = await self._who()
        if identity is None or not self._allowed(identity):
            return False, self._to_sign_in()
        try:
            done = await work(identity)
        except ProductError as error:
            self._refused(act, words_of(error, self.shown_locale))
            return False, None
        self.wrong, self.wrong_at, self.acts = "", "", self.acts + 1
        if words:
            self._tell(words)
        session.services().hub.changed(identity.account_id)
        return True, done

    def _refused(self, act: str, why: str) -> None:
        self.wrong, self.wrong_at = why, act
        if act not in self._drawn:
            self._tell(why)

    def _allowed(self, identity: Identity) -> bool:
        return identity.kind == "session"


def refusal(page: type[Acting], act: str) -> rx.Var[str]:
    """Why that act was refused, for the place where the page draws it; '' when it was not."""
    return rx.cond(page.wrong_at == act, page.wrong, "").to(str)


def words_of(error: ProductError, locale: str) -> str:
    """Why something was refused. Of an outage the relay speaks to programs that call it; here somebody pressed a
    button, and reads amounts as they are written where they live.
    """
    if isinstance(error, Unavailable):
        return NOT_DONE
    return _AMOUNT.sub(lambda found: exact(pico_from_usd(found[1]), locale), error.message)


_AMOUNT = re.compile(r"\$(\d+(?:\.\d+)?)", re.ASCII)


def fields_of(form: object) -> Mapping[str, object]:
    """A form as it came. BadInput when it is anything else: types are not kept on the way from a browser."""
    if not isinstance(form, dict):
        raise BadInput("Fill in the form.")
    return cast(Mapping[str, object], form)


def text(form: object, name: str) -> str:
    """A field of a form; '' when it is not there. BadInput when it is not text, or absurdly long."""
    value = fields_of(form).get(name, "")
    if not _is_text(value):
        raise BadInput("Fill in the form.")
    return value


def amount(form: object, name: str) -> str:
    """Dollars as people type them (`$12.50`, `12,50 $`), as the decimal that the relay reads. What may be meant
    otherwise, such as `1,000`, stays as it is, and is refused.
    """
    typed = text(form, name).strip().strip("$").strip()
    return _CENTS_BEHIND_A_COMMA.sub(r"\1.\2", typed)


_CENTS_BEHIND_A_COMMA = re.compile(r"^(\d+),(\d{1,2})$", re.ASCII)


def word(value: object) -> str:
    """The one argument of a handler: an id or the like. BadInput when it is not text."""
    if not _is_text(value):
        raise BadInput("There is no such thing.")
    return value


def _is_text(value: object) -> TypeGuard[str]:
    """No database takes half a surrogate pair, and PostgreSQL no NUL."""
    return isinstance(value, str) and len(value) <= FIELD_LENGTH_MAX and not _NOWHERE_KEPT.search(value)

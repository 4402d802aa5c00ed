"""A stand-in for Resend: takes mails as its API does, and shows them."""

from sandbox.mail.events import new_secret
from sandbox.mail.letters import Letterbox
from sandbox.mail.server import app

__all__ = ["Letterbox", "app", "new_secret"]

"""ValidateLogin: users, who log in, apart from the clients that they own."""

from hashlib import sha256

from sandbox.whmcs.install import ApiError, Install
from sandbox.whmcs.listing import Row
from sandbox.whmcs.params import Params, text
from sandbox.world.world import FIRST_CLIENT_ID

_REFUSAL = "Email or Password Invalid"


def password_of(user_id: int) -> str:
    """What a user of the world logs in with."""
    return f"whmcs-password-{user_id}"


class Users:
    """The users of one install: one for each client of the world, under the same id, and those that came since."""

    def __init__(self, install: Install) -> None:
        self.install = install

    def add(self, user_id: int, email: str, password: str) -> None:
        """A user, with the password that AddClient was given."""
        self.install.put("user", user_id, email=email, password=_digest(password))

    def validate_login(self, params: Params) -> Row:
        """The user's id, which need not be that of a client with the same e-mail address."""
        email, password = text(params, "email"), text(params, "password2")
        user_id = self._user_of(email)
        if user_id is None or _digest(password) != self._password(user_id):
            raise ApiError(_REFUSAL)
        self.install.note("login", user_id)
        if str(user_id) in self.install.quirk("two_factor").split():
            return {"result": "success", "userid": user_id, "twoFactorEnabled": "true"}
        return {
            "result": "success",
            "userid": user_id,
            "passwordhash": self._password(user_id),
            "twoFactorEnabled": "false",
        }

    def _user_of(self, email: str) -> int | None:
        """Users keep their address when a client of theirs gets another."""
        for key, change in self.install.state.overlay.changed("whmcs", "user").items():
            if str(change.fields.get("email", "")).lower() == email.lower():
                return int(key)
        tail = email.partition("@")[0].rpartition(".")[2]
        number = int(tail) if tail.isdecimal() else -1
        world = self.install.world
        known = world.client_number(FIRST_CLIENT_ID + number) is not None
        return FIRST_CLIENT_ID + number if known and world.email(number).lower() == email.lower() else None

    def _password(self, user_id: int) -> str:
        change = self.install.change("user", user_id)
        return str(change.fields["password"]) if change else _digest(password_of(user_id))


def _digest(password: str) -> str:
    return sha256(password.encode()).hexdigest()

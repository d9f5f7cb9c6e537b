"""Every kind of problem the API answers with, and the page behind each `type` (RFC 9457)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """`name` is the last part of the problem's `type`, stable for ever."""

    name: str
    status: int
    title: str
    meaning: str

    @property
    def type(self) -> str:
        return f"/problems/{self.name}"


INVALID_REQUEST = Kind(
    "invalid-request",
    400,
    "The request is not valid",
    "A value of the request is malformed, out of its range or unknown. `errors` names each field and says why;"
    " `field` is the first of them.",
)
INVALID_TOKEN = Kind(
    "invalid-token",
    401,
    "A valid token is needed",
    "The bearer token is missing, garbled, expired, not meant for this API, or names a customer the hub does not know."
    " Get a new one. A service key has ended, or may not act for the customer in `X-Customer`, or there is none.",
)
INVALID_SIGNATURE = Kind(
    "invalid-signature",
    401,
    "A valid signature is needed",
    "The webhook is not signed with the secret that it shares with the hub, or its timestamp is more than five minutes"
    " away from the hub's clock. Compare the two secrets, then the two clocks.",
)
WRONG_CREDENTIALS = Kind(
    "wrong-credentials",
    401,
    "E-mail address and password do not belong together",
    "Nobody logs in with these two. Which of them is wrong is not said, nor whether there is such a person.",
)
CHALLENGE_ENDED = Kind(
    "challenge-ended",
    401,
    "This log-in cannot be gone on with",
    "A log-in that waits for a second factor can be gone on with for ten minutes, five times, once, and by the browser"
    " that began it. Begin anew with the password.",
)
WRONG_CODE = Kind(
    "wrong-code",
    400,  # no 401: a page that is logged in would take that for a token that has ended, refresh it, and try again
    "The code is not right",
    "It is not what the app shows now, or what was sent, or it was used before: each code is good once. Wait for the"
    " app's next one. Where none is taken, the device's clock may be wrong.",
)
PASSKEY_REFUSED = Kind(
    "passkey-refused",
    400,  # no 401: as above
    "The passkey does not count",
    "The browser's answer is right once, for five minutes, for the browser that asked and a page of the portal, and its"
    " authenticator must have made sure of the person. Or nobody has that passkey, or somebody else, or has it already;"
    " or it was copied. Which it is, is not said. Ask for options again.",
)
SESSION_ENDED = Kind(
    "session-ended",
    401,
    "The session is over",
    "The refresh token is missing, too old, logged out, or was used before: a token is good once, but for whoever lost"
    " the answer and asks again within seconds. One that was used by somebody else ends the session. Log in again.",
)
LINK_ENDED = Kind(
    "link-ended",
    410,
    "The link is good no more",
    "A link that was sent by e-mail is good once, and for a while: this one was used, is too old, was withdrawn or"
    " followed by another or by another password, or never was one. Ask for another.",
)
SIGN_UP_ENDED = Kind(
    "sign-up-ended",
    410,
    "This sign-up cannot be gone on with",
    "It is too old, or was guessed at too often. Ask for another code.",
)
SIGN_UP_REFUSED = Kind(
    "sign-up-refused",
    409,
    "Nobody can be signed up so",
    "The `code` in `errors` says what to do instead. `PORTAL_ACCOUNT`: log in. `WHMCS_CLIENT`: link the account at the"
    " billing system. `NUMBER_UNKNOWN`: there is no account of that customer number that may be signed up for; whoever"
    " has a log-in for it logs in. `UNDER_WAY`: another sign-up has the same e-mail address, or customer number, and"
    " is not done yet. Any other says why this sign-up failed, as `GET /auth/get-started` does: begin anew.",
)
PERSON_LOCKED = Kind(
    "person-locked",
    403,
    "This log-in is locked",
    "The password is right, but an operator keeps the person out for now. Support knows why, and until when.",
)
NO_ACCOUNT = Kind(
    "no-account",
    403,
    "There is no account to act for",
    "The person is known, but may act for no customer: was never given one, or was removed from the last one.",
)
NO_AGENT = Kind(
    "no-agent",
    403,
    "Only support agents may do this",
    "To look at the portal as a customer sees it, one must be a support agent, which an operator makes of a person.",
)
LOG_IN_NEEDED = Kind(
    "log-in-needed",
    403,
    "Log in with the invited address",
    "Somebody logs in with the address that is invited. A link alone gives nothing to whoever holds it: log in as that"
    " person, and accept the invitation with the token of that session.",
)
LAST_OWNER = Kind(
    "last-owner",
    409,
    "The account keeps an owner",
    "Nobody else owns the account: without an owner, nobody could decide who acts for it. Make somebody else one"
    " first.",
)
FOREIGN_ORIGIN = Kind(
    "foreign-origin",
    403,
    "A page of another site asks",
    "Logging in, refreshing and logging out are for pages of the portal alone (AUTH_ORIGINS), as their browser says in"
    " Origin and Sec-Fetch-Site.",
)
TOO_MANY_TRIES = Kind(
    "too-many-tries",
    429,
    "It was tried too often",
    "Log-ins and refreshes are limited per account, address and token. RateLimit-Policy says which limit is reached;"
    " try again after Retry-After seconds. What is refused is not counted, so the wait ends by itself.",
)
FORBIDDEN_ROLE = Kind(
    "forbidden-role",
    403,
    "The role may not do this",
    "Whoever acts for a customer does so in a role: the owner may do everything; `billing` what costs money;"
    " `technical` what changes a line; `read_only` asks for nothing. `detail` says which roles may. An owner can give"
    " another role; a token carries it from the next refresh on.",
)
FRESH_AUTHENTICATION_NEEDED = Kind(
    "fresh-authentication-needed",
    403,
    "Prove again who you are",
    "What is hard to take back, or opens the way to more, needs that whoever asks has proven who they are within the"
    " last `maxAge` seconds. Do so by one of `methods` at POST /auth/step-up, and ask again with the token that it"
    " gives.",
)
PASSWORD_TOO_SHORT = Kind(
    "password-too-short",
    409,
    "The password is too short to be the only factor",
    "A password that is all somebody proves needs more characters than one beside a second factor. Change it first.",
)
LAST_WAY_IN = Kind(
    "last-way-in",
    409,
    "Nothing would be left to log in with",
    "There is no password, and this is the last passkey. Set a password first, by a link that resets it.",
)
NOT_FOUND = Kind(
    "not-found", 404, "There is no such thing", "Nothing is at this address, or it belongs to another customer."
)
METHOD_NOT_ALLOWED = Kind(
    "method-not-allowed", 405, "This method is not offered here", "The header Allow lists the methods that are."
)
TOO_LARGE = Kind("too-large", 413, "The body is too large", "No request of this kind needs as many bytes.")
TOO_SLOW = Kind(
    "too-slow",
    408,
    "The body did not come in time",
    "The body stopped coming, or came more slowly than any connection that is of use. Nothing was done: send it again.",
)
REJECTED = Kind("rejected", 400, "The request was refused", "The request as a whole is not usable; `detail` says why.")
BROKEN_RULES = Kind(
    "broken-rules",
    422,
    "The request breaks rules of the business",
    "The request is well-formed, but what it asks for may not be done. `errors` names every rule that is broken, each"
    " with a stable `code`, so that all of them can be mended at once.",
)
KEY_REUSED = Kind(
    "key-reused",
    422,
    "This Idempotency-Key was used for something else",
    "A key stands for one request: the same key with the same body is answered as the first time. Use a new key for a"
    " new request.",
)
NUMBER_DISPUTED = Kind(
    "number-disputed",
    409,
    "It is not certain whose number this is",
    "Another open service has the line's number as well, as when a number was given out again, and the network has not"
    " shown whose line it is. Until it has, or the other service ends, the line shows `isDisputed` and takes no change."
    " Whoever runs the hub is told.",
)
TOO_MANY_OPEN = Kind(
    "too-many-open",
    429,
    "Too much is still to be done",
    "The customer has as many unfinished commands as may wait at a time. Try again when one of them has ended.",
)
TOO_MANY_STREAMS = Kind(
    "too-many-streams",
    429,
    "There are too many live streams",
    "The customer, or the address, follows as many live streams as one may. Close one, or try again after Retry-After"
    " seconds. The same with status 503: the hub as a whole serves as many as it can.",
)
TOO_MANY_REQUESTS = Kind(
    "too-many-requests",
    429,
    "The customer asks for too much",
    "What costs work elsewhere is limited for each customer, so that nobody's work is everybody's wait. The `code` in"
    " `errors` says which limit is reached: what is limited, and how (`..._AT_ONCE`, `..._PER_MINUTE`, `..._PER_DAY`,"
    " or `..._QUOTA_SHARE`, the customer's share of the calls that a system allows in a day). Try again after"
    " Retry-After seconds, with the same Idempotency-Key.",
)
UNAVAILABLE = Kind(
    "unavailable",
    503,
    "The hub cannot answer now",
    "The database, or a system that must be reached at once, does not answer. Nothing is wrong with the request:"
    " try again after Retry-After seconds.",
)
NOT_SET_UP = Kind(
    "not-set-up",
    503,
    "This is not set up",
    "The hub knows how to do this but lacks the setting for it. Whoever runs the hub finds it in docs/settings.md.",
)
INTERNAL_ERROR = Kind(
    "internal-error",
    500,
    "The hub made a mistake",
    "This is a defect of the hub. Report it with the X-Request-ID of the answer.",
)

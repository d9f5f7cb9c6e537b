"""Everything about Freebit's API that the reference marks as assumed: whoever holds the specification corrects it here.

Marks as in the reference: A is our own decision, B the commissioner's word, A? plausible. What is seen in published
material (POST, one form field `json`, `authKey` in every call, `resultCode` 100 for success) lives in the client.
"""

from datetime import timedelta

from core.errors import BusyError, CredentialsError, RejectedError, SourceError, UnavailableError

# Paths below the base URL (§4).
AUTHENTICATE = "authOem/"  # S3
ACCOUNT_DETAIL = "master/getDetail/"  # B; S2 has `mvno/getDetail/`
TRAFFIC = "mvno/getTrafficInfo/"  # S1
QUOTA_HISTORY = "mvno/getQuotaHistory/"  # A?

DETAIL_VERSION = "2"  # S1 shows it, sending it always is A
LINE_KIND = "MVNO"  # S1

KEY_LIFETIME = timedelta(minutes=50)  # A: keys live 60 minutes, we renew at 50

# Waits between the tries of a read: 1, 2, 4 seconds (§1).
FIRST_WAIT_SECONDS = 1.0  # A
LONGEST_WAIT_SECONDS = 4.0  # A
CONNECT_SECONDS = 5.0  # A

DATE = "%Y%m%d"  # S1

# Detail codes of a failure (§3): assigned by us, except 400-356.
EXPIRED_KEY = ("401", "001")
WRONG_CREDENTIALS = ("401", "002")
NOT_FOUND = ("400", "210")
BUSY = {("400", "230"), ("400", "231")}
BUSY_SECONDS = 1800.0  # B
FAULT = "5"
"""How the results of their faults begin: 500 and 503 are known, the vendor's list is not."""


def error_from(result_code: str, detail: str) -> SourceError:
    """The error a failed answer stands for. Its code is the vendor's `resultCode-detail`."""
    pair, code = (result_code, detail), f"{result_code}-{detail}"
    if pair in {EXPIRED_KEY, WRONG_CREDENTIALS}:
        return CredentialsError("freebit", "does not accept our key", code=code)
    if result_code.startswith(FAULT):
        return UnavailableError("freebit", "has a fault or is under maintenance", code=code)
    if pair in BUSY:
        reason = "is still working on an earlier request for the line"
        return BusyError("freebit", reason, code=code, retry_after=BUSY_SECONDS)
    if pair == NOT_FOUND:
        return RejectedError("freebit", "has no such line", code=code)
    return RejectedError("freebit", "refused the call", code=code)


# Paths of what changes a line (§4), and the words of their requests (§5).
REGISTER_LINE = "master/addAcnt/"  # S1
CANCEL_LINE = "master/cnclAcnt/"  # S1
ADD_QUOTA = "master/addSpec/"  # S2
REGISTER_VOICE = "mvno/talkoption/addOrder/"  # S1
CHANGE_VOICE = "mvno/talkoption/changeOrder/"  # S1
CHANGE_PLAN = "mvno/changePlan/"  # A?
CHANGE_NETWORK = "mvno/contractline/change/"  # S1
ESIM = "mvno/esim/addAcnt/"  # S1
YES, NO = "10", "20"  # S1
# PA05-05's block about the subscriber: that there is one is S1, its name and items, those of `mnp`, are A. It is sent
# whole or not at all, and only orders that bring a number along say all of it: no other system of ours has a name in
# kanji and in kana. Which registrations need it is not known.
IDENTITY = "identificationData"  # A
OPENING_GIVEN_UP_AFTER_SECONDS = 900.0  # A
VOICE_PENDING, CANCEL_PENDING = "change", "cancel"  # A?: `async.func` in a line's details
SIM_KINDS = {"voice": "E0", "data": "E2"}  # S3
UNKNOWN_LINE = "400-210"  # A

"""What a browser is asked with for a passkey, and whether its answer is right (WebAuthn, by py_webauthn).

Of passkeys there is one kind here: kept by an authenticator that knows by itself whose they are, so that nobody needs
to say who they are first, and that makes sure of the person, by a PIN or their body, before it signs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import (
    base64url_to_bytes,
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    options_to_json_dict,
    parse_client_data_json,
)
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from core.settings import AuthSettings
from read_api.auth.errors import PasskeyRefusedError
from read_api.http.problems.errors import NotSetUpError

MINUTES = 5
"""For how long an answer is waited for."""
LONGEST_ID = 1023
"""Of a credential, in bytes (WebAuthn, 4)."""
Answer = Mapping[str, Any]
"""A credential as browsers write it (`toJSON()`): RegistrationResponseJSON or AuthenticationResponseJSON."""


@dataclass(frozen=True)
class Site:
    """The pages that passkeys are for.

    An answer is anybody's bytes, in JSON, CBOR, COSE and ASN.1, and what reads those has no family of errors: whatever
    is raised over them, the answer is not right.
    """

    domain: str
    origins: list[str]
    name: str

    @staticmethod
    def of(settings: AuthSettings) -> "Site":
        """Raises NotSetUpError: there is none."""
        if settings.passkey_domain is None:
            raise NotSetUpError("passkeys are not set up: there is no AUTH_PASSKEY_DOMAIN")
        return Site(settings.passkey_domain, settings.passkey_origins, settings.portal_name)

    def to_make(self, challenge: bytes, person: UUID, email: str, held: Iterable[bytes]) -> dict[str, Any]:
        """PublicKeyCredentialCreationOptionsJSON. `held`: credentials of the person's, of which a device has one."""
        options = generate_registration_options(
            rp_id=self.domain,
            rp_name=self.name,
            user_id=person.bytes,
            user_name=email,
            challenge=challenge,
            timeout=MINUTES * 60_000,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=each) for each in held],
        )
        return options_to_json_dict(options)

    def to_use(self, challenge: bytes) -> dict[str, Any]:
        """PublicKeyCredentialRequestOptionsJSON: of any passkey that the browser has for the site."""
        options = generate_authentication_options(
            rp_id=self.domain,
            challenge=challenge,
            timeout=MINUTES * 60_000,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return options_to_json_dict(options)

    def made(self, answer: Answer) -> VerifiedRegistration:
        """The passkey that was made. Whether `challenge_of` it is one that was asked with is for whoever asks.

        Raises:
            PasskeyRefusedError: it is for another site, or in a frame of one, made by hand, or the person was not
                made sure of.
        """
        try:
            made = verify_registration_response(
                credential=dict(answer),
                expected_challenge=_challenge(answer),
                expected_rp_id=self.domain,
                expected_origin=self.origins,
                require_user_verification=True,
            )
            # A key that cannot be read would be found out when it is used: too late.
            decoded_public_key_to_cryptography(decode_credential_public_key(made.credential_public_key))
        except Exception as error:
            raise PasskeyRefusedError("the passkey is not accepted") from error
        if len(made.credential_id) > LONGEST_ID:
            raise PasskeyRefusedError("the passkey is not accepted")
        return made

    def used(self, answer: Answer, public_key: bytes) -> VerifiedAuthentication:
        """What an authenticator signed. That its count goes on is for whoever keeps it.

        Raises:
            PasskeyRefusedError: as `made`, or another key signed it.
        """
        try:
            return verify_authentication_response(
                credential=dict(answer),
                expected_challenge=_challenge(answer),
                expected_rp_id=self.domain,
                expected_origin=self.origins,
                credential_public_key=public_key,
                credential_current_sign_count=0,
                require_user_verification=True,
            )
        except Exception as error:
            raise PasskeyRefusedError("the passkey is not accepted") from error


def challenge_of(answer: Answer) -> str:
    """What is kept of what an answer says it was asked with, in hexadecimal.

    Raises:
        PasskeyRefusedError: it says nothing that can be read.
    """
    try:
        return sha256(_challenge(answer)).hexdigest()
    except Exception as error:
        raise PasskeyRefusedError("the passkey is not accepted") from error


def _challenge(answer: Answer) -> bytes:
    said = parse_client_data_json(base64url_to_bytes(answer["response"]["clientDataJSON"]))
    if said.cross_origin:
        raise ValueError("another site has the page in a frame")
    return said.challenge

"""Log-in at the company's own provider: OpenID Connect, code flow with PKCE, state and nonce. Denied until a group has a role."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec
from authlib.common.errors import AuthlibBaseError  # type: ignore[import-untyped]
from authlib.integrations.requests_client import OAuth2Session  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from requests import RequestException

from allears.clock import Clock, SystemClock
from allears.errors import NotAllowed, Refused, WorldFailed
from allears.guard.access import Principal, make_principal
from allears.guard.vault import Vault
from allears.settings import OidcSettings

BACK = "/login/oidc/back"
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
PREFIX = "oidc:"
ASKED_SECONDS = 600
_LABEL = "oidc"
_LEEWAY_SECONDS = 60


class _Asked(msgspec.Struct):
    state: str
    nonce: str
    verifier: str
    target: str
    at: float


class Provider:
    """The provider of a space.

    Parameters
    ----------
    settings
        Who it is, and which group has which role.
    secret
        The client's secret at the provider.
    vault
        Seals what a browser keeps between going there and coming back.
    clock
        What time it is.
    sight
        Names the sight of somebody in some groups, if one does.
    """

    def __init__(
        self,
        settings: OidcSettings,
        secret: str,
        vault: Vault,
        clock: Clock | None = None,
        sight: Callable[[list[Any]], str | None] = lambda groups: None,
    ) -> None:
        self._settings, self._secret, self._vault = settings, secret, vault
        self._clock, self._sight = clock or SystemClock(), sight

    def leave(self, target: str) -> tuple[str, bytes]:
        """Begin: where to send the browser, and what it keeps, sealed, until it comes back."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        asked = _Asked(state, nonce, verifier, target, self._clock.now().timestamp())
        with self._session() as session:
            told = self._told(session)
            url, _ = session.create_authorization_url(
                told["authorization_endpoint"],
                state=asked.state,
                nonce=asked.nonce,
                code_verifier=asked.verifier,
            )
        return str(url), self._vault.seal_space(msgspec.json.encode(asked), _LABEL)

    def back(self, kept: bytes, given: dict[str, str]) -> tuple[Principal, str]:
        """Finish: who came back, and where they wanted to go.

        Parameters
        ----------
        kept
            What `leave` gave the browser.
        given
            What the provider put into the address: ``state`` and ``code``.

        Raises
        ------
        NotAllowed
            Not what was asked for, not signed by the provider, or no group has a role.
        WorldFailed
            The provider cannot be reached.
        """
        asked = self._kept(kept)
        if not hmac.compare_digest(asked.state.encode(), given.get("state", "").encode()):
            raise NotAllowed("that is no answer to this log-in; begin again")
        if not given.get("code"):
            raise NotAllowed("the provider let nobody in")
        with self._session() as session:
            told = self._told(session)
            try:
                token = session.fetch_token(
                    told["token_endpoint"],
                    grant_type="authorization_code",
                    code=given["code"],
                    code_verifier=asked.verifier,
                    timeout=10,
                    allow_redirects=False,
                )
                keys = KeySet.import_key_set(self._get(session, told["jwks_uri"]))
            except AuthlibBaseError:
                raise NotAllowed("the provider did not stand by its answer; begin again") from None
            except RequestException:
                raise WorldFailed("the provider cannot be reached", again=True) from None
            except (ValueError, KeyError, TypeError, JoseError):
                raise NotAllowed("the provider's answer cannot be read") from None
        return self._principal(self._claims(token, keys, asked.nonce)), asked.target

    def _claims(self, token: Any, keys: KeySet, nonce: str) -> dict[str, Any]:
        expected = jwt.JWTClaimsRegistry(
            now=int(self._clock.now().timestamp()),
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": self._settings.issuer},
            aud={"essential": True, "value": self._settings.client_id},
            nonce={"essential": True, "value": nonce},
            sub={"essential": True},
            exp={"essential": True},
        )
        try:
            claims = jwt.decode(str(token["id_token"]), keys, algorithms=ALGORITHMS).claims
            expected.validate(claims)
        except (JoseError, ValueError, KeyError, TypeError):
            raise NotAllowed(
                "the provider's word does not hold: signature, time, nonce or audience"
            ) from None
        audience = claims["aud"]
        several = isinstance(audience, list) and len(audience) > 1
        # OpenID Connect Core 3.1.3.7: meant for several, it must name us as the one it was given to.
        if claims.get("azp", None if several else self._settings.client_id) != self._settings.client_id:
            raise NotAllowed("the provider's word was given to somebody else")
        return claims

    def _principal(self, claims: dict[str, Any]) -> Principal:
        groups = claims.get(self._settings.groups_claim)
        groups = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        # The first that the settings name: their order says which counts for somebody in several.
        role = next((role for group, role in self._settings.roles.items() if group in groups), None)
        if role is None:
            raise NotAllowed("none of your groups has a role here")
        name = claims.get(self._settings.name_claim) or claims["sub"]
        if not isinstance(name, str) or not name.isprintable():
            raise NotAllowed("the provider's name for you cannot be read")
        return make_principal("user", f"{PREFIX}{name}"[:64], role, None, self._sight(groups))

    def _kept(self, kept: bytes) -> _Asked:
        try:
            asked = msgspec.json.decode(self._vault.open_space(kept, _LABEL), type=_Asked)
        except (Refused, msgspec.DecodeError):
            raise NotAllowed("this browser began no log-in; begin again") from None
        if not -_LEEWAY_SECONDS <= self._clock.now().timestamp() - asked.at <= ASKED_SECONDS:
            raise NotAllowed("that took too long; begin again")
        return asked

    def _told(self, session: OAuth2Session) -> dict[str, str]:
        issuer = self._settings.issuer
        try:
            told = self._get(session, issuer.rstrip("/") + "/.well-known/openid-configuration")
            found = {
                name: str(told[name]) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
            }
        except (RequestException, ValueError, KeyError, TypeError):
            raise WorldFailed("the provider cannot be reached", again=True) from None
        if told.get("issuer") != issuer or not all(_safe(url, issuer) for url in found.values()):
            raise WorldFailed("the provider says it is another", again=False)
        return found

    def _get(self, session: OAuth2Session, url: str) -> Any:
        answer = session.get(url, withhold_token=True, timeout=10, allow_redirects=False)
        answer.raise_for_status()
        return answer.json()

    def _session(self) -> OAuth2Session:
        return OAuth2Session(
            self._settings.client_id,
            self._secret,
            scope="openid profile",
            redirect_uri=self._settings.url.rstrip("/") + BACK,
            code_challenge_method="S256",
        )


def _safe(url: str, issuer: str) -> bool:
    # In clear only where the issuer itself is: on loopback.
    there, home = urlsplit(url), urlsplit(issuer)
    return there.scheme == "https" or there[:2] == home[:2]

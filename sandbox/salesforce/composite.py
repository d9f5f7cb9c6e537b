"""/composite: up to 25 calls in one, later ones using what earlier ones answered (salesforce.md, section 2.5)."""

import re
from collections.abc import Callable
from urllib.parse import parse_qsl, unquote, urlsplit

from sandbox.salesforce.calls import Answer, RestCall
from sandbox.salesforce.errors import SalesforceError, not_found
from sandbox.salesforce.savepoint import rolled_back_on_failure
from sandbox.state import State

MOST_CALLS, MOST_QUERIES = 25, 5
Document = dict[str, object]
_REFERENCE = re.compile(r"@\{(\w+)((?:\.\w+|\[\d+\])*)\}")
_PREFIX = re.compile(r"/services/data/v(\d\d\.\d)/")
_ROLLED_BACK = "The transaction was rolled back since another operation in the same transaction failed."


def compose(body: object, state: State, dispatch: Callable[[RestCall], Answer]) -> Answer:
    """Answers of all subrequests. Raises SalesforceError when the request as a whole is wrong."""
    requests = _requests(body)
    all_or_none = isinstance(body, dict) and bool(body.get("allOrNone", False))
    answers: dict[str, Answer] = {}
    with rolled_back_on_failure(state, active=all_or_none) as attempt:
        for request in requests:
            reference = str(request["referenceId"])
            if attempt.failed and all_or_none:
                answers[reference] = _halted(_ROLLED_BACK)
                continue
            answers[reference] = _answer(request, answers, dispatch)
            attempt.failed |= answers[reference].status >= 400
    if all_or_none and attempt.failed:
        answers = {name: answer if answer.status >= 400 else _halted(_ROLLED_BACK) for name, answer in answers.items()}
    return Answer({"compositeResponse": [_result(name, answer) for name, answer in answers.items()]})


def _requests(body: object) -> list[Document]:
    requests = body.get("compositeRequest") if isinstance(body, dict) else None
    if not isinstance(requests, list) or not all(isinstance(r, dict) and "url" in r for r in requests):
        raise SalesforceError(400, "JSON_PARSER_ERROR", "compositeRequest must be a list of subrequests")
    names = [str(request.get("referenceId", "")) for request in requests]
    if len(set(names)) < len(names) or not all(re.fullmatch(r"\w+", name, re.ASCII) for name in names):
        raise SalesforceError(400, "INVALID_INPUT", "referenceId must be unique, of letters, digits and underscores")
    queries = [r for r in requests if re.search(r"/(query|queryAll|composite/sobjects)\b", str(r["url"]))]
    if len(requests) > MOST_CALLS or len(queries) > MOST_QUERIES:
        raise SalesforceError(400, "LIMIT_EXCEEDED", "At most 25 subrequests, 5 of them queries or collections")
    return requests


def _answer(request: Document, answers: dict[str, Answer], dispatch: Callable[[RestCall], Answer]) -> Answer:
    try:
        return dispatch(_call(request, answers))
    except SalesforceError as error:
        return Answer([error.as_rest()], error.status)


def _call(request: Document, answers: dict[str, Answer]) -> RestCall:
    url = urlsplit(str(_filled(request["url"], answers)))
    match = _PREFIX.match(url.path)
    if match is None:
        raise not_found()
    body = _filled(request.get("body"), answers)
    return RestCall(
        str(request.get("method", "GET")).upper(),
        unquote(url.path[match.end() :]).strip("/"),
        match.group(1),
        dict(parse_qsl(url.query)),
        {},
        body if isinstance(body, dict) else None,
    )


def _filled(value: object, answers: dict[str, Answer]) -> object:
    """The value with every `@{reference.path}` in it replaced."""
    if isinstance(value, dict):
        return {name: _filled(part, answers) for name, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, answers) for part in value]
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole:
        return _referred(whole, answers)
    return _REFERENCE.sub(lambda match: str(_referred(match, answers)), value)


def _referred(match: re.Match[str], answers: dict[str, Answer]) -> object:
    name, path = match.group(1), match.group(2)
    found: object = answers[name].body if name in answers and answers[name].status < 400 else None
    for key, index in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        if index and isinstance(found, list) and int(index) < len(found):
            found = found[int(index)]
        elif key and isinstance(found, dict):
            found = found.get(key)
        else:
            found = None
    if found is None:
        wanted = name + path
        problem = f"Invalid reference specified. No value for {wanted} found in {name}"
        raise SalesforceError(400, "PROCESSING_HALTED", problem)
    return found


def _halted(message: str) -> Answer:
    return Answer([SalesforceError(400, "PROCESSING_HALTED", message).as_rest()], 400)


def _result(name: str, answer: Answer) -> Document:
    return {
        "body": answer.body,
        "httpHeaders": dict(answer.headers),
        "httpStatusCode": answer.status,
        "referenceId": name,
    }

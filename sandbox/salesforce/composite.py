"""/composite, /composite/graph, /composite/batch and /composite/tree (salesforce.md, section 2.5).

Composite: up to 25 calls in one, later ones using what earlier ones answered. `@{reference.field}` is replaced in the
address and in every text of a body, whoever wrote that text.
"""

import re
from collections.abc import Callable
from urllib.parse import parse_qsl, unquote, urlsplit

from sandbox.salesforce.calls import Answer, RestCall
from sandbox.salesforce.errors import SalesforceError, not_found
from sandbox.salesforce.savepoint import rolled_back_on_failure
from sandbox.state import State

MOST_CALLS, MOST_QUERIES = 25, 5
MOST_GRAPHS, MOST_NODES = 75, 500
Document = dict[str, object]
_REFERENCE = re.compile(r"@\{(\w*)([^{}]*)\}")
_WELL_FORMED = re.compile(r"(?:\.\w+|\[\d+\])*")
_PREFIX = re.compile(r"(?:/services/data/)?v(\d\d\.\d)/")
_ROLLED_BACK = "The transaction was rolled back since another operation in the same transaction failed."


def compose(body: object, state: State, dispatch: Callable[[RestCall], Answer]) -> Answer:
    """Answers of all subrequests. Raises SalesforceError when the request as a whole is wrong."""
    requests = _requests(body, MOST_CALLS)
    all_or_none = isinstance(body, dict) and bool(body.get("allOrNone", False))
    return Answer({"compositeResponse": _responses(requests, all_or_none, state, dispatch)[0]})


def graphs(body: object, state: State, dispatch: Callable[[RestCall], Answer]) -> Answer:
    """Composites side by side, each all or nothing ("Composite Graphs"). Raises SalesforceError."""
    wanted = body.get("graphs") if isinstance(body, dict) else None
    if not isinstance(wanted, list) or not all(isinstance(graph, dict) and "graphId" in graph for graph in wanted):
        raise SalesforceError(400, "JSON_PARSER_ERROR", "graphs must be a list of graphs with a graphId")
    nodes = [_requests(graph, MOST_NODES) for graph in wanted]
    if len(wanted) > MOST_GRAPHS or sum(map(len, nodes)) > MOST_NODES:
        raise SalesforceError(400, "LIMIT_EXCEEDED", "At most 75 graphs and 500 nodes")
    answered = []
    for graph, requests in zip(wanted, nodes, strict=True):
        responses, is_successful = _responses(requests, True, state, dispatch)
        found: Document = {"graphId": graph["graphId"], "graphResponse": {"compositeResponse": responses}}
        answered.append(found | {"isSuccessful": is_successful})
    return Answer({"graphs": answered})


def batch(body: object, dispatch: Callable[[RestCall], Answer]) -> Answer:
    """Up to 25 calls that know nothing of each other ("Composite Batch"). Raises SalesforceError."""
    requests = body.get("batchRequests") if isinstance(body, dict) else None
    if not isinstance(requests, list) or not all(isinstance(r, dict) and "url" in r for r in requests):
        raise SalesforceError(400, "JSON_PARSER_ERROR", "batchRequests must be a list of requests")
    if len(requests) > MOST_CALLS:
        raise SalesforceError(400, "LIMIT_EXCEEDED", "At most 25 subrequests")
    halts = isinstance(body, dict) and bool(body.get("haltOnError", False))
    results: list[Document] = []
    failed = False
    for request in requests:
        answer = (
            _halted("", 412)
            if failed and halts
            else _answer(request | {"body": request.get("richInput")}, {}, dispatch)
        )
        failed |= answer.status >= 400
        results.append({"statusCode": answer.status, "result": answer.body})
    return Answer({"hasErrors": failed, "results": results})


def _responses(
    requests: list[Document], all_or_none: bool, state: State, dispatch: Callable[[RestCall], Answer]
) -> tuple[list[Document], bool]:
    """The answers in order, and whether none of them failed."""
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
    return [_result(name, answer) for name, answer in answers.items()], not attempt.failed


def _requests(body: object, most: int) -> list[Document]:
    requests = body.get("compositeRequest") if isinstance(body, dict) else None
    if not isinstance(requests, list) or not all(isinstance(r, dict) and "url" in r for r in requests):
        raise SalesforceError(400, "JSON_PARSER_ERROR", "compositeRequest must be a list of subrequests")
    names = [str(request.get("referenceId", "")) for request in requests]
    if len(set(names)) < len(names) or not all(re.fullmatch(r"\w+", name, re.ASCII) for name in names):
        raise SalesforceError(400, "INVALID_INPUT", "referenceId must be unique, of letters, digits and underscores")
    queries = [r for r in requests if re.search(r"/(query|queryAll|composite/sobjects)\b", str(r["url"]))]
    if len(requests) > most or len(queries) > MOST_QUERIES:
        problem = f"At most {most} subrequests, 5 of them queries or collections"
        raise SalesforceError(400, "LIMIT_EXCEEDED", problem)
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
    if not _WELL_FORMED.fullmatch(path):
        found = None
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


def _halted(message: str, status: int = 400) -> Answer:
    code = "PROCESSING_HALTED" if status == 400 else "BATCH_PROCESSING_HALTED"
    return Answer([SalesforceError(status, code, message).as_rest()], status)


def _result(name: str, answer: Answer) -> Document:
    return {
        "body": answer.body,
        "httpHeaders": dict(answer.headers),
        "httpStatusCode": answer.status,
        "referenceId": name,
    }

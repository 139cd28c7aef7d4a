"""
Stands in for GitHub's `gh`: the comments of a pull request, and issues, in a JSON file.

It takes the calls that the workflows make, in GitHub's own shapes, runs their `--jq` queries with
jq, and fails on everything else. The first argument is the file.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import jq


def api(store: dict[str, Any], words: list[str]) -> Any:
    """Answer `gh api`: list, add and change the comments of a pull request."""
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("--method", default="GET")
    parser.add_argument("--field")
    parser.add_argument("--jq")
    parser.add_argument("--paginate", action="store_true")
    parser.add_argument("--silent", action="store_true")
    given = parser.parse_args(words)
    body = Path(given.field.removeprefix("body=@")).read_text() if given.field else None
    comments: list[dict[str, Any]] = store.setdefault("comments", [])
    match given.method, given.path.split("?")[0].split("/")[3:]:
        case "GET", ["issues", "7", "comments"]:
            assert given.paginate, "there may be more than one page"
            return printed(given.jq, comments)
        case "POST", ["issues", "7", "comments"]:
            comments.append({"id": 100 + len(comments), "body": body})
        case "PATCH", ["issues", "comments", number]:
            next(c for c in comments if c["id"] == int(number))["body"] = body
        case other:
            raise SystemExit(f"gh: Not Found (HTTP 404): {other}")
    return ""


def issue(store: dict[str, Any], words: list[str]) -> Any:
    """Answer `gh issue`: list, create, comment."""
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["list", "create", "comment"])
    parser.add_argument("number", nargs="?")
    for option in ("repo", "state", "search", "json", "jq", "title", "body-file"):
        parser.add_argument(f"--{option}")
    given = parser.parse_args(words)
    issues: list[dict[str, Any]] = store.setdefault("issues", [])
    if given.verb == "list":
        title = given.search.removeprefix('in:title "').removesuffix('"')
        return printed(given.jq, [{"number": i["number"]} for i in issues if title in i["title"]])
    body = Path(given.body_file).read_text()
    if given.verb == "create":
        issues.append({"number": len(issues) + 1, "title": given.title, "bodies": [body]})
    else:
        issues[int(given.number) - 1]["bodies"].append(body)
    return ""


def printed(query: str, value: Any) -> str:
    """Return what a query finds, a line each."""
    return "\n".join(map(str, jq.compile(query).input_value(value).all()))


def main(file: str, command: str, *words: str) -> int:
    """Answer one call, and keep what it did."""
    if not os.environ.get("GH_TOKEN"):
        print("gh: To use GitHub CLI in a GitHub Actions workflow, set GH_TOKEN", file=sys.stderr)
        return 4
    path = Path(file)
    store = json.loads(path.read_text()) if path.exists() else {}
    answer = {"api": api, "issue": issue}[command](store, list(words))
    path.write_text(json.dumps(store))
    if answer:
        print(answer)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

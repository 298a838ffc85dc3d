"""What a program begins with, ready to be run: for a terminal, Python and JavaScript."""

from collections.abc import Set
from dataclasses import dataclass

from labelloop.domain.machine_clients import Scope


@dataclass(frozen=True)
class Access:
    """A program, and what it needs to know."""

    name: str
    client_id: str
    client_secret: str
    api: str
    token_url: str


def snippets(access: Access, scopes: Set[Scope]) -> dict[str, str]:
    """By language. They detect an image, or read the log where they may not."""
    detects = Scope.DETECT in scopes
    token = f"grant_type=client_credentials {access.token_url}"
    asked = (
        f'-H "Content-Type: image/jpeg" --data-binary @image.jpg "{access.api}/detect"'
        if detects
        else f'"{access.api}/detections"'
    )
    curl = (
        f"TOKEN=$(curl -s -u {access.client_id}:{access.client_secret} -d {token} \\\n"
        "    | python3 -c 'import json, sys; print(json.load(sys.stdin)[\"access_token\"])')\n"
        f'curl -H "Authorization: Bearer $TOKEN" {asked}'
    )
    python = (
        "from labelloop.client import LabelLoop\n\n"
        f'loop = LabelLoop("{access.api}",\n'
        f'    "{access.client_id}", "{access.client_secret}")\n'
        + (
            'print(loop.detect("image.jpg").label)'
            if detects
            else "print([result.label for result in loop.results()])"
        )
    )
    javascript = (
        f'const token = await (await fetch("{access.token_url}", {{\n'
        '  method: "POST",\n'
        f'  headers: {{ Authorization: "Basic " + btoa("{access.client_id}:"\n'
        f'    + "{access.client_secret}") }},\n'
        '  body: new URLSearchParams({ grant_type: "client_credentials" }),\n'
        "})).json();\n"
        "const headers = { Authorization: `Bearer ${token.access_token}` };\n"
        + (
            'const image = await (await import("node:fs/promises")).readFile("image.jpg");\n'
            f'const answer = await fetch("{access.api}/detect", {{\n'
            '  method: "POST",\n'
            '  headers: { ...headers, "Content-Type": "image/jpeg" },\n'
            "  body: image,\n"
            "});\n"
            if detects
            else f'const answer = await fetch("{access.api}/detections", {{ headers }});\n'
        )
        + "console.log(await answer.json());"
    )
    return {"curl": curl, "python": python, "javascript": javascript}

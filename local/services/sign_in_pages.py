"""The sign-in pages, which stand in for Amazon Cognito's."""

from __future__ import annotations

import html

from local.http_messages import Response


def sign_in_form(problem: str = "", name: str = "") -> Response:
    return page(
        200,
        problem,
        f"""<label>E-mail address
          <input name="username" autocomplete="username" value="{html.escape(name)}" autofocus>
        </label>
        <label>Password
          <input name="password" type="password" autocomplete="current-password">
        </label>
        <button>Sign in</button>""",
    )


def new_password_form(name: str, session: str, problem: str = "") -> Response:
    return page(
        200,
        problem or "Choose a password of your own.",
        f"""<input name="username" type="hidden" value="{html.escape(name)}">
        <input name="session" type="hidden" value="{html.escape(session)}">
        <label>New password
          <input name="new_password" type="password" autocomplete="new-password" autofocus>
        </label>
        <button>Change password</button>""",
    )


def app_code_form(half: str, secret: str | None, problem: str) -> Response:
    first = f"Give your authenticator app this secret: {secret}" if secret else ""
    return page(
        200,
        f"{problem} {first}".strip() or "Your authenticator app shows a code.",
        f"""<input name="half" type="hidden" value="{html.escape(half)}">
        <label>Code
          <input name="app_code" inputmode="numeric" autocomplete="one-time-code" autofocus>
        </label>
        <button>Sign in</button>""",
    )


def page(status: int, text: str, fields: str = "") -> Response:
    form = f'<form method="post">{fields}</form>' if fields else ""
    content = f"""<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Sign in</title>
    <link rel="icon" href="data:,">
    <style>
      :root {{ color-scheme: light dark; font-family: sans-serif }}
      body {{ max-width: 22rem; margin: 10vh auto; padding: 0 1rem }}
      form, label {{ display: grid; gap: .5rem }}
      form {{ gap: 1rem }}
      input, button {{ font: inherit; padding: .6rem }}
    </style>
  </head>
  <body>
    <h1>Sign in</h1>
    <p>This page stands in for Amazon Cognito's on this machine.</p>
    <p role="alert">{html.escape(text)}</p>
    {form}
  </body>
</html>
"""
    return Response(status, [("Content-Type", "text/html; charset=utf-8")], content.encode())

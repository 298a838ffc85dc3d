import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { SignedOut, Unavailable } from "./service";
import { SignIn, SignInFailed } from "./session";

const CONFIG = {
  client_id: "client",
  issuer: "https://issuer.example/pool",
  sign_in_url: "https://sign-in.example",
  stack: "stack",
};
const HOUR_S = 3600;
const HTML = { "content-type": "text/html" };

interface Asked {
  where: URL;
  form: URLSearchParams;
}

let kept: Map<string, string>;
let address: URL;
let left: URL | null;
let asked: Asked[];
let answers: (() => Response)[];

beforeEach(() => {
  kept = new Map();
  address = new URL("https://page.example/stage/");
  left = null;
  asked = [];
  answers = [];
  vi.stubGlobal("sessionStorage", {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, text: string) => kept.set(name, text),
    removeItem: (name: string) => kept.delete(name),
  });
  vi.stubGlobal("location", {
    get search() {
      return address.search;
    },
    assign: (where: URL) => {
      left = where;
    },
  });
  vi.stubGlobal("history", { replaceState: () => (address.search = "") });
  vi.stubGlobal("fetch", (where: string, { body }: { body: URLSearchParams }) => {
    asked.push({ where: new URL(where), form: body });
    const answer = answers.shift();
    return answer === undefined ? Promise.reject(new TypeError("no connection")) : Promise.resolve(answer());
  });
});

afterEach(() => vi.unstubAllGlobals());

function token(claims: Record<string, unknown>): string {
  const now = Math.floor(Date.now() / 1000);
  const all = { iss: CONFIG.issuer, aud: CONFIG.client_id, sub: "somebody", iat: now, exp: now + HOUR_S, ...claims };
  const part = (value: unknown) => base64url(JSON.stringify(value));
  return `${part({ alg: "RS256" })}.${part(all)}.s`;
}

function base64url(text: string): string {
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function tokens(claims: Record<string, unknown>, more: Record<string, unknown> = {}): () => Response {
  const found = { id_token: token(claims), access_token: "a", token_type: "Bearer", expires_in: HOUR_S, ...more };
  return () => Response.json(found);
}

/** An answer whose connection ends within its body. */
function cutOff(begun: string): Response {
  const body = new ReadableStream({
    start: (to) => to.enqueue(new TextEncoder().encode(begun)),
    pull: (to) => to.error(new TypeError("terminated")),
  });
  return new Response(body, { headers: { "content-type": "application/json" } });
}

function signInAt(base = address.href, config = CONFIG): SignIn {
  return new SignIn(config, new URL(base));
}

/** Come back from the sign-in page, with what the ID token says. */
async function comeBack(signIn: SignIn, claims: (nonce: string) => Record<string, unknown>): Promise<void> {
  await signIn.begin();
  const sent = left?.searchParams;
  address.search = new URLSearchParams({ code: "c", state: sent?.get("state") ?? "" }).toString();
  answers.push(tokens(claims(sent?.get("nonce") ?? ""), { refresh_token: "r" }));
  await signIn.finish();
}

async function signedIn(): Promise<SignIn> {
  const signIn = signInAt();
  await comeBack(signIn, (nonce) => ({ nonce }));
  return signIn;
}

it("brings somebody to the sign-in page and back, and proves that it is the same page", async () => {
  const signIn = await signedIn();

  expect(left?.origin).toBe(CONFIG.sign_in_url);
  expect(left?.searchParams.get("redirect_uri")).toBe("https://page.example/stage/");
  const challenge = await crypto.subtle.digest(
    "SHA-256",
    new TextEncoder().encode(asked[0]?.form.get("code_verifier") ?? ""),
  );
  expect(left?.searchParams.get("code_challenge")).toBe(base64url(String.fromCharCode(...new Uint8Array(challenge))));
  expect(asked.map(({ where }) => where.href)).toEqual([`${CONFIG.sign_in_url}/oauth2/token`]);
  expect([signIn.known, signIn.subject, address.search]).toEqual([true, "somebody", ""]);
});

it.each([
  ["of another issuer", { iss: "https://other.example" }],
  ["for another client", { aud: "other" }],
  ["of another attempt", { nonce: "other" }],
  ["without a person", { sub: undefined }],
])("takes no token %s", async (_, claims) => {
  const signIn = signInAt();

  await expect(comeBack(signIn, (nonce) => ({ nonce, ...claims }))).rejects.toThrow(SignInFailed);
  expect(signIn.known).toBe(false);
});

it.each([-365, 365])("signs somebody in at a machine whose clock is %s days off", async (days) => {
  const now = Date.now() / 1000 + days * 24 * HOUR_S;
  const signIn = signInAt();

  await comeBack(signIn, (nonce) => ({ nonce, iat: now, exp: now + HOUR_S }));

  await expect(signIn.idToken()).resolves.toContain(".");
  expect(asked).toHaveLength(1);
});

it.each([
  ["https://page.example/", false],
  ["http://127.0.0.1:1234/", true],
  ["http://localhost:1234/", true],
])("at %s, tokens may be asked for without encryption: %s", async (base, may) => {
  const signIn = signInAt(base, { ...CONFIG, sign_in_url: "http://127.0.0.1:1234/sign-in" });

  const coming = comeBack(signIn, (nonce) => ({ nonce }));

  if (may) await coming;
  else await expect(coming).rejects.toThrow("HTTPS");
  expect([signIn.known, asked.length]).toEqual([may, may ? 1 : 0]);
});

it("renews once for all who ask meanwhile, and keeps the refresh token where no other comes", async () => {
  const signIn = await signedIn();
  const old = await signIn.idToken();
  answers.push(tokens({ jti: "second" }), tokens({ jti: "third" }));

  const [one, other] = await Promise.all([signIn.idToken(old), signIn.idToken(old)]);

  expect(one).toBe(other);
  expect(one).not.toBe(old);
  await signIn.idToken(one);
  expect(asked.slice(1).map(({ form }) => form.get("refresh_token"))).toEqual(["r", "r"]);
});

it.each([
  ["no connection", undefined],
  ["trouble", () => new Response("", { status: 503 })],
  ["too much asked", () => Response.json({ error: "too_many" }, { status: 429 })],
  ["an answer that is cut off", () => cutOff('{"id_token": "')],
  ["the page of a network that wants to be signed in to", () => new Response("<html>", { headers: HTML })],
])("keeps the session through %s", async (_, answer) => {
  const signIn = await signedIn();
  const old = await signIn.idToken();
  if (answer !== undefined) answers.push(answer);

  await expect(signIn.idToken(old)).rejects.toThrow(Unavailable);

  expect(signIn.known).toBe(true);
});

it("ends with the session", async () => {
  const signIn = await signedIn();
  const old = await signIn.idToken();
  answers.push(() => Response.json({ error: "invalid_grant" }, { status: 400 }));

  await expect(signIn.idToken(old)).rejects.toThrow(SignedOut);

  expect(signIn.known).toBe(false);
});

it("makes tokens useless when somebody signs out, and forgets them without a connection too", async () => {
  const signIn = await signedIn();

  await signIn.end();

  expect(asked[1]?.where.pathname).toBe("/oauth2/revoke");
  expect(asked[1]?.form.get("token")).toBe("r");
  expect([signIn.known, left?.pathname, left?.searchParams.get("logout_uri")]).toEqual([
    false,
    "/logout",
    "https://page.example/stage/",
  ]);
});

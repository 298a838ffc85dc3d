// Who is signed in: Cognito's code flow with PKCE, tokens and their renewal, signing out.
//
// There is no secret here. Tokens are kept for this tab alone (sessionStorage), so that they outlive
// a reload and end with the tab.

import { SignedOut, Unavailable, type Tokens } from "./service";

export interface Config {
  client_id: string;
  sign_in_url: string;
  stack: string;
}

interface Kept {
  idToken: string;
  refreshToken: string;
  expires: number;
}

const KEPT = "labelloop.tokens";
const LEAVING = "labelloop.signing-in";
const SOON_MS = 60_000;

/** Signing in was begun and came to nothing, for this reason. */
export class SignInFailed extends Error {}

/** Where the page is: everything else is found relative to it. */
export function pageBase(): URL {
  return new URL(".", location.origin + location.pathname);
}

export async function readConfig(base: URL): Promise<Config> {
  const response = await fetch(new URL("config.json", base));
  if (!response.ok) throw new Unavailable(`config.json: status ${response.status}`);
  return (await response.json()) as Config;
}

export class SignIn implements Tokens {
  private renewing: Promise<string> | null = null;

  constructor(
    private readonly config: Config,
    private readonly base: URL,
  ) {}

  /** Whether somebody is signed in, as far as this page knows. */
  get known(): boolean {
    return read() !== null;
  }

  /** Who the tokens are about; changes with the person. */
  get subject(): string {
    const kept = read();
    const subject = kept === null ? undefined : claims(kept.idToken).sub;
    return typeof subject === "string" ? subject : "";
  }

  /** Go to the sign-in page; it comes back with a code. */
  async begin(): Promise<void> {
    const verifier = random(48);
    const state = random(16);
    sessionStorage.setItem(LEAVING, JSON.stringify({ verifier, state }));
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
    const where = new URL(`${this.config.sign_in_url}/oauth2/authorize`);
    where.search = new URLSearchParams({
      response_type: "code",
      client_id: this.config.client_id,
      redirect_uri: this.base.href,
      scope: "openid email profile",
      state,
      code_challenge: base64url(new Uint8Array(digest)),
      code_challenge_method: "S256",
    }).toString();
    location.assign(where);
  }

  /** Take the code out of the page's address, if there is one, and exchange it for tokens. */
  async finish(): Promise<void> {
    const given = new URLSearchParams(location.search);
    const left = sessionStorage.getItem(LEAVING);
    sessionStorage.removeItem(LEAVING);
    if (!given.has("code") && !given.has("error")) return;
    history.replaceState(null, "", this.base.pathname);
    const error = given.get("error_description") ?? given.get("error");
    if (error !== null) throw new SignInFailed(error);
    const expected = left === null ? null : (JSON.parse(left) as { verifier: string; state: string });
    if (expected === null || expected.state !== given.get("state")) {
      // A code that this tab did not ask for: somebody else's, or an old address opened again.
      if (this.known) return;
      throw new SignInFailed("the answer belongs to another attempt");
    }
    await this.fetchTokens({
      grant_type: "authorization_code",
      code: given.get("code") ?? "",
      redirect_uri: this.base.href,
      code_verifier: expected.verifier,
    });
  }

  async idToken(refused?: string): Promise<string> {
    const kept = read();
    if (kept === null) throw new SignedOut();
    if (kept.idToken !== refused && kept.expires - Date.now() > SOON_MS) return kept.idToken;
    this.renewing ??= this.renew(kept).finally(() => {
      this.renewing = null;
    });
    return this.renewing;
  }

  /** Forget the tokens, make them useless, and go to the sign-out page. */
  async end(): Promise<void> {
    const kept = read();
    sessionStorage.removeItem(KEPT);
    if (kept !== null) {
      await this.post("revoke", { token: kept.refreshToken }).catch(() => null);
    }
    const where = new URL(`${this.config.sign_in_url}/logout`);
    where.search = new URLSearchParams({
      client_id: this.config.client_id,
      logout_uri: this.base.href,
    }).toString();
    location.assign(where);
  }

  private async renew(kept: Kept): Promise<string> {
    try {
      return await this.fetchTokens(
        { grant_type: "refresh_token", refresh_token: kept.refreshToken },
        kept.refreshToken,
      );
    } catch (error) {
      if (!(error instanceof SignInFailed)) throw error;
      sessionStorage.removeItem(KEPT);
      throw new SignedOut();
    }
  }

  private async fetchTokens(form: Record<string, string>, refreshToken = ""): Promise<string> {
    const response = await this.post("token", form);
    if (response.status >= 500 || response.status === 429) {
      throw new Unavailable(`status ${response.status}`);
    }
    const found = (await response.json().catch(() => ({}))) as Record<string, string | number>;
    if (!response.ok || typeof found.id_token !== "string") {
      throw new SignInFailed(String(found.error ?? `status ${response.status}`));
    }
    const kept: Kept = {
      idToken: found.id_token,
      refreshToken: typeof found.refresh_token === "string" ? found.refresh_token : refreshToken,
      expires: Date.now() + Number(found.expires_in) * 1000,
    };
    sessionStorage.setItem(KEPT, JSON.stringify(kept));
    return kept.idToken;
  }

  private async post(what: string, form: Record<string, string>): Promise<Response> {
    try {
      return await fetch(`${this.config.sign_in_url}/oauth2/${what}`, {
        method: "POST",
        body: new URLSearchParams({ ...form, client_id: this.config.client_id }),
      });
    } catch (error) {
      throw new Unavailable(String(error));
    }
  }
}

function read(): Kept | null {
  const text = sessionStorage.getItem(KEPT);
  return text === null ? null : (JSON.parse(text) as Kept);
}

function claims(token: string): Record<string, unknown> {
  const part = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
  const bytes = Uint8Array.from(atob(part), (letter) => letter.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
}

function random(bytes: number): string {
  return base64url(crypto.getRandomValues(new Uint8Array(bytes)));
}

function base64url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// Who is signed in: Cognito's code flow, tokens and their renewal, signing out.
//
// There is no secret here. Tokens are kept for this tab alone (sessionStorage), so that they outlive
// a reload and end with the tab.

import * as oauth from "oauth4webapi";

import { SignedOut, Unavailable, type Tokens } from "./service";

export interface Config {
  client_id: string;
  issuer: string;
  sign_in_url: string;
  stack: string;
}

interface Kept {
  idToken: string;
  refreshToken: string;
  expires: number;
}

/** A sign-in that was begun in this tab. */
interface Attempt {
  verifier: string;
  state: string;
  nonce: string;
}

const KEPT = "labelloop.tokens";
const LEAVING = "labelloop.signing-in";
const SOON_MS = 60_000;
/** This machine's clock may be wrong; whether a token is good still, the service judges by its own. */
const ANY_CLOCK_S = 1e10;
const HERE = ["127.0.0.1", "localhost", "[::1]"];

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
  private readonly server: oauth.AuthorizationServer;
  private readonly client: oauth.Client;
  private readonly options: oauth.TokenEndpointRequestOptions;

  constructor(
    private readonly config: Config,
    private readonly base: URL,
  ) {
    const { client_id, issuer, sign_in_url } = config;
    this.server = {
      issuer,
      token_endpoint: `${sign_in_url}/oauth2/token`,
      revocation_endpoint: `${sign_in_url}/oauth2/revoke`,
    };
    this.client = { client_id, [oauth.clockTolerance]: ANY_CLOCK_S };
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so that nobody uses it elsewhere
    this.options = { [oauth.allowInsecureRequests]: HERE.includes(base.hostname) };
  }

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
    const attempt: Attempt = {
      verifier: oauth.generateRandomCodeVerifier(),
      state: oauth.generateRandomState(),
      nonce: oauth.generateRandomNonce(),
    };
    sessionStorage.setItem(LEAVING, JSON.stringify(attempt));
    this.leave("oauth2/authorize", {
      response_type: "code",
      redirect_uri: this.base.href,
      scope: "openid email profile",
      state: attempt.state,
      nonce: attempt.nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(attempt.verifier),
      code_challenge_method: "S256",
    });
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
    const attempt = left === null ? null : (JSON.parse(left) as Attempt);
    const answer = attempt === null ? null : this.answerTo(attempt, given);
    if (attempt === null || answer === null) {
      // A code that this tab did not ask for: somebody else's, or an old address opened again.
      if (this.known) return;
      throw new SignInFailed("the answer belongs to another attempt");
    }
    const { server, client, options } = this;
    await this.keep(
      oauth.authorizationCodeGrantRequest(
        server, client, oauth.None(), answer, this.base.href, attempt.verifier, options,
      ),
      (response) =>
        oauth.processAuthorizationCodeResponse(server, client, response, { expectedNonce: attempt.nonce }),
    );
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
      const { server, client, options } = this;
      await oauth.revocationRequest(server, client, oauth.None(), kept.refreshToken, options).catch(() => null);
    }
    this.leave("logout", { logout_uri: this.base.href });
  }

  private leave(what: string, parameters: Record<string, string>): void {
    const where = new URL(`${this.config.sign_in_url}/${what}`);
    where.search = new URLSearchParams({ client_id: this.config.client_id, ...parameters }).toString();
    location.assign(where);
  }

  private answerTo(attempt: Attempt, given: URLSearchParams): URLSearchParams | null {
    try {
      return oauth.validateAuthResponse(this.server, this.client, given, attempt.state);
    } catch {
      return null;
    }
  }

  private async renew({ refreshToken }: Kept): Promise<string> {
    const { server, client, options } = this;
    try {
      return await this.keep(
        oauth.refreshTokenGrantRequest(server, client, oauth.None(), refreshToken, options),
        (response) => oauth.processRefreshTokenResponse(server, client, response),
        refreshToken,
      );
    } catch (error) {
      if (!(error instanceof SignInFailed)) throw error;
      sessionStorage.removeItem(KEPT);
      throw new SignedOut();
    }
  }

  private async keep(
    request: Promise<Response>,
    checked: (response: Response) => Promise<oauth.TokenEndpointResponse>,
    refreshToken = "",
  ): Promise<string> {
    const response = await request.catch((error: unknown) => {
      throw new Unavailable(String(error));
    });
    if (response.status >= 500 || response.status === 429) {
      throw new Unavailable(`status ${response.status}`);
    }
    const found = await checked(response).catch((error: unknown) => {
      if (response.ok && isCutOff(error)) throw new Unavailable(String(error));
      throw new SignInFailed(error instanceof oauth.ResponseBodyError ? error.error : String(error));
    });
    if (found.id_token === undefined) throw new SignInFailed("the answer has no ID token");
    const kept: Kept = {
      idToken: found.id_token,
      refreshToken: found.refresh_token ?? refreshToken,
      expires: Date.now() + (found.expires_in ?? 0) * 1000,
    };
    sessionStorage.setItem(KEPT, JSON.stringify(kept));
    return kept.idToken;
  }
}

/** Whether an answer ended before its body did, or is some other machine's on the way. */
function isCutOff(error: unknown): boolean {
  const codes: (string | undefined)[] = [oauth.PARSE_ERROR, oauth.RESPONSE_IS_NOT_JSON];
  return error instanceof oauth.OperationProcessingError && codes.includes(error.code);
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

// How the page asks the service: what its contract (openapi.json) names, as who is signed in.

import type { components, paths } from "../../made/contract";

type Method = "get" | "post";

/** The paths that are served by this method. */
type Served<How extends Method> = {
  [Path in keyof paths]: paths[Path][How] extends { responses: unknown } ? Path : never;
}[keyof paths];

type Json<Message> = Message extends { content: { "application/json": infer Found } } ? Found : never;

/** What is sent with a request. */
type Sent<Operation> = Operation extends { requestBody?: infer Message } ? Json<NonNullable<Message>> : undefined;

/** What comes back; null where there may be nothing. */
type Found<Operation> = Operation extends { responses: infer Responses }
  ? (Responses extends { 200: infer Message } ? Json<Message> : never) | (Responses extends { 204: unknown } ? null : never)
  : never;

interface More<Body> {
  /** What stands for {id} in the path. */
  id?: string;
  body?: Body;
  /** Whether the request arrives though the page goes. */
  keepalive?: boolean;
}

/** The service refused for good: asking again as it is would not help. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** The service could not be reached, or is in trouble: asking again may help, not before that time. */
export class Unavailable extends Error {
  constructor(
    message: string,
    readonly retryAfterMs = 0,
  ) {
    super(message);
  }
}

/** Nobody is signed in any more. */
export class SignedOut extends Error {}

export interface Tokens {
  /** A token that is good now; a new one where the present one was refused. Throws SignedOut. */
  idToken(refused?: string): Promise<string>;
}

const TIMEOUT_MS = 35_000;
const LONGEST_RETRY_MS = 300_000;

export class Service {
  constructor(
    private readonly base: URL,
    private readonly tokens: Tokens,
  ) {}

  /** What the service answers. Throws Refused, Unavailable or SignedOut. */
  async ask<How extends Method, Path extends Served<How>>(
    how: How,
    path: Path,
    { id = "", body, keepalive = false }: More<Sent<paths[Path][How]>> = {},
  ): Promise<Found<paths[Path][How]>> {
    const where = new URL(path.slice(1).replace("{id}", encodeURIComponent(id)), this.base);
    const send = (token: string) => sent(where, how, body, token, keepalive);
    const token = await this.tokens.idToken();
    let response = await send(token);
    if (response.status === 401) response = await send(await this.tokens.idToken(token));
    if (response.status === 401) throw new SignedOut();
    if (response.status === 204) return null as Found<paths[Path][How]>;
    if (response.status >= 500 || response.status === 429) {
      throw new Unavailable(`status ${response.status}`, retryAfterMs(response.headers));
    }
    const found: unknown = await response.json().catch((error: unknown) => {
      if (response.ok) throw new Unavailable(String(error)); // cut off on its way
      return null;
    });
    if (response.ok) return found as Found<paths[Path][How]>;
    throw refusal(response.status, found);
  }
}

async function sent(where: URL, how: Method, body: unknown, token: string, keepalive: boolean): Promise<Response> {
  try {
    return await fetch(where, {
      method: how.toUpperCase(),
      headers: {
        Authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      keepalive,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    throw new Unavailable(String(error));
  }
}

/** What the header Retry-After says: seconds, or a moment. */
export function retryAfterMs(headers: Headers): number {
  const text = headers.get("Retry-After") ?? "";
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(wait) ? 0 : Math.min(Math.max(wait, 0), LONGEST_RETRY_MS);
}

/** What the service says, or API Gateway, which has words alone. */
function refusal(status: number, found: unknown): Refused {
  const { error, message } = (found ?? {}) as Partial<components["schemas"]["Refused"] & { message: string }>;
  return new Refused(status, error?.code ?? "Unknown", error?.message ?? message ?? `status ${status}`);
}

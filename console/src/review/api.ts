// The review API, as its contract says it.

export type ModelType = "classification" | "multi-label" | "detection";

export interface SessionInfo {
  model_type: ModelType;
  labels: string[];
  none: string;
  allow_new_labels: boolean;
  show_model_answer: boolean;
  lease_s: number;
  most_boxes: number;
  name: string;
}

export interface Summary {
  open: number;
  agreed: number;
  compared: number;
}

/** A box in pixels of the upright image; its label is empty while it has none yet. */
export interface Box {
  label: string;
  left: number;
  top: number;
  width: number;
  height: number;
}

export type Answer =
  | { label: string }
  | { labels: string[] }
  | { boxes: Box[]; size: { width: number; height: number } }
  | { none: true };

/** A label that the model gave, its box in ratios of the image's size. */
export interface Suggested {
  name: string;
  confidence_pct: number;
  box?: { left: number; top: number; width: number; height: number };
}

export interface Task {
  task_id: string;
  image_url: string;
  file_name: string;
  lease_until: string;
  suggestion: { labels: Suggested[] } | null;
  answer: Answer | null;
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

/** What the queue needs of the service. */
export interface ReviewApi {
  next(count: number, except: string[]): Promise<Task[]>;
  /** Until when the task is this person's now. */
  extend(taskId: string): Promise<string>;
  answer(taskId: string, answer: Answer): Promise<void>;
  skip(taskId: string): Promise<void>;
  /** Give a task back; with the end of its lease, only where no other page has taken it since. */
  release(taskId: string, leaseUntil?: string): Promise<void>;
  undo(taskId: string): Promise<Task>;
}

const TIMEOUT_MS = 35_000;
const LONGEST_RETRY_MS = 300_000;

export class Api implements ReviewApi {
  constructor(
    private readonly base: URL,
    private readonly tokens: Tokens,
  ) {}

  session(): Promise<SessionInfo> {
    return this.ask<SessionInfo>("GET", "review/session");
  }

  summary(): Promise<Summary> {
    return this.ask<Summary>("GET", "review/summary");
  }

  async next(count: number, except: string[]): Promise<Task[]> {
    const found = await this.ask<{ tasks: Task[] } | null>("POST", "review/tasks/next", { count, except });
    return found?.tasks ?? [];
  }

  async extend(taskId: string): Promise<string> {
    const found = await this.ask<{ lease_until: string }>("POST", path(taskId, "extend"));
    return found.lease_until;
  }

  async answer(taskId: string, answer: Answer): Promise<void> {
    await this.ask("POST", path(taskId, "answer"), answer);
  }

  async skip(taskId: string): Promise<void> {
    await this.ask("POST", path(taskId, "release"), { skip: true });
  }

  async release(taskId: string, leaseUntil?: string): Promise<void> {
    const body = leaseUntil === undefined ? {} : { lease_until: leaseUntil };
    await this.ask("POST", path(taskId, "release"), body, leaseUntil !== undefined);
  }

  undo(taskId: string): Promise<Task> {
    return this.ask<Task>("POST", path(taskId, "undo"));
  }

  private async ask<Found>(
    method: string,
    where: string,
    body?: unknown,
    keepalive = false, // arrives though the page goes
  ): Promise<Found> {
    const token = await this.tokens.idToken();
    let response = await this.send(method, where, body, token, keepalive);
    if (response.status === 401) {
      response = await this.send(method, where, body, await this.tokens.idToken(token), keepalive);
    }
    if (response.status === 401) throw new SignedOut();
    if (response.status === 204) return null as Found;
    if (response.status >= 500 || response.status === 429) {
      throw new Unavailable(`status ${response.status}`, retryAfterMs(response.headers));
    }
    const found: unknown = await response.json().catch(() => null);
    if (response.ok) return found as Found;
    throw refusal(response.status, found);
  }

  private async send(
    method: string,
    where: string,
    body: unknown,
    token: string,
    keepalive: boolean,
  ): Promise<Response> {
    try {
      return await fetch(new URL(where, this.base), {
        method,
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
}

/** What the header Retry-After says: seconds, or a moment. */
export function retryAfterMs(headers: Headers): number {
  const text = headers.get("Retry-After") ?? "";
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(wait) ? 0 : Math.min(Math.max(wait, 0), LONGEST_RETRY_MS);
}

function path(taskId: string, verb: string): string {
  return `review/tasks/${encodeURIComponent(taskId)}/${verb}`;
}

function refusal(status: number, found: unknown): Refused {
  const error = (found as { error?: { code?: string; message?: string }; message?: string } | null) ?? {};
  const message = error.error?.message ?? error.message ?? `status ${status}`;
  return new Refused(status, error.error?.code ?? "Unknown", message);
}

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

/** The service could not be reached, or is in trouble: asking again may help. */
export class Unavailable extends Error {}

/** Nobody is signed in any more. */
export class SignedOut extends Error {}

export interface Tokens {
  /** A token that is good now; a new one where the present one was refused. Throws SignedOut. */
  idToken(refused?: string): Promise<string>;
}

/** What the queue needs of the service. */
export interface ReviewApi {
  next(count: number, except: string[]): Promise<Task[]>;
  extend(taskId: string): Promise<void>;
  answer(taskId: string, answer: Answer): Promise<void>;
  skip(taskId: string): Promise<void>;
  release(taskId: string): Promise<void>;
  undo(taskId: string): Promise<Task>;
}

const TIMEOUT_MS = 35_000;

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

  async extend(taskId: string): Promise<void> {
    await this.ask("POST", path(taskId, "extend"));
  }

  async answer(taskId: string, answer: Answer): Promise<void> {
    await this.ask("POST", path(taskId, "answer"), answer);
  }

  async skip(taskId: string): Promise<void> {
    await this.ask("POST", path(taskId, "release"), { skip: true });
  }

  async release(taskId: string): Promise<void> {
    await this.ask("POST", path(taskId, "release"));
  }

  undo(taskId: string): Promise<Task> {
    return this.ask<Task>("POST", path(taskId, "undo"));
  }

  private async ask<Found>(method: string, where: string, body?: unknown): Promise<Found> {
    const token = await this.tokens.idToken();
    let response = await this.send(method, where, body, token);
    if (response.status === 401) {
      response = await this.send(method, where, body, await this.tokens.idToken(token));
    }
    if (response.status === 401) throw new SignedOut();
    if (response.status === 204) return null as Found;
    if (response.status >= 500 || response.status === 429) {
      throw new Unavailable(`status ${response.status}`);
    }
    const found: unknown = await response.json().catch(() => null);
    if (response.ok) return found as Found;
    throw refusal(response.status, found);
  }

  private async send(method: string, where: string, body: unknown, token: string): Promise<Response> {
    try {
      return await fetch(new URL(where, this.base), {
        method,
        headers: {
          Authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        },
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (error) {
      throw new Unavailable(String(error));
    }
  }
}

function path(taskId: string, verb: string): string {
  return `review/tasks/${encodeURIComponent(taskId)}/${verb}`;
}

function refusal(status: number, found: unknown): Refused {
  const error = (found as { error?: { code?: string; message?: string }; message?: string } | null) ?? {};
  const message = error.error?.message ?? error.message ?? `status ${status}`;
  return new Refused(status, error.error?.code ?? "Unknown", message);
}

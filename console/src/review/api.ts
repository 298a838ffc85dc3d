// The review's part of the service, in the words of its contract.

import type { components } from "../../made/contract";
import type { Service } from "../shared/service";

type Schemas = components["schemas"];

export type ModelType = Schemas["ModelType"];
export type SessionInfo = Schemas["Session"];
export type Summary = Schemas["Summary"];

/** A box in pixels of the upright image; its label is empty while it has none yet. */
export type Box = Schemas["BoxBody"];

/** A label that the model gave, its box in ratios of the image's size. */
export type Suggested = Schemas["ShownLabel"];

type Given<Name extends keyof Schemas["AnswerBody"]> = {
  [Each in Name]: NonNullable<Schemas["AnswerBody"][Each]>;
};
export type Answer = Given<"label"> | Given<"labels"> | Given<"boxes" | "size"> | { none: true };

export type Task = Omit<Schemas["ShownTask"], "answer"> & { answer: Answer | null };

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

export class Api implements ReviewApi {
  constructor(private readonly service: Service) {}

  session(): Promise<SessionInfo> {
    return this.service.ask("get", "/review/session");
  }

  summary(): Promise<Summary> {
    return this.service.ask("get", "/review/summary");
  }

  async next(count: number, except: string[]): Promise<Task[]> {
    const found = await this.service.ask("post", "/review/tasks/next", { body: { count, except } });
    return (found?.tasks ?? []) as Task[];
  }

  async extend(id: string): Promise<string> {
    const found = await this.service.ask("post", "/review/tasks/{id}/extend", { id });
    return found.lease_until;
  }

  async answer(id: string, answer: Answer): Promise<void> {
    await this.service.ask("post", "/review/tasks/{id}/answer", { id, body: answer });
  }

  async skip(id: string): Promise<void> {
    await this.service.ask("post", "/review/tasks/{id}/release", { id, body: { skip: true } });
  }

  async release(id: string, leaseUntil?: string): Promise<void> {
    const body = leaseUntil === undefined ? {} : { lease_until: leaseUntil };
    const keepalive = leaseUntil !== undefined;
    await this.service.ask("post", "/review/tasks/{id}/release", { id, body, keepalive });
  }

  async undo(id: string): Promise<Task> {
    return (await this.service.ask("post", "/review/tasks/{id}/undo", { id })) as Task;
  }
}

// Answers on their way: each is confirmed by the service, or waits and is sent again, or is refused.
// Those that wait outlive a reload of the page.

import { Refused } from "../../shared/service";
import type { Answer, ReviewApi } from "../api";
import type { Held } from "./hand";

export interface Outgoing {
  readonly taskId: string;
  readonly fileName: string;
  readonly answer: Answer | null; // null: skipped
  readonly held: Held | null;
}

interface Sent {
  onSent: () => void;
  onRefused: (one: Outgoing, refusal: Refused) => void;
  onFailed: (error: unknown) => void;
}

interface Waiting extends Outgoing {
  sending: Promise<void> | null;
  failed: boolean;
}

export class Outbox {
  private all: Waiting[] = [];

  constructor(
    private readonly api: ReviewApi,
    private readonly keptAs: string,
    private readonly sent: Sent,
  ) {}

  get ids(): string[] {
    return this.all.map((one) => one.taskId);
  }

  /** How many answers are not confirmed. */
  get waiting(): number {
    return this.all.filter((one) => one.answer !== null).length;
  }

  get isEmpty(): boolean {
    return this.all.length === 0;
  }

  /** Whether something was sent in vain. */
  get isStuck(): boolean {
    return this.all.some((one) => one.failed);
  }

  add(outgoing: Outgoing): void {
    this.all.push({ ...outgoing, sending: null, failed: false });
    this.keep();
  }

  /** Send all that is not being sent. */
  pump(): void {
    for (const one of this.all) {
      one.sending ??= this.send(one).finally(() => {
        one.sending = null;
      });
    }
  }

  /** Resolves when all that is being sent is confirmed or has failed. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.all.flatMap((one) => one.sending ?? []));
  }

  /**
   * Keep the answer to a task from going out, or from going out again; gives back how to put it back.
   * It may have arrived though nothing came back.
   */
  async withdraw(taskId: string): Promise<() => void> {
    const one = this.all.find((other) => other.taskId === taskId);
    await one?.sending;
    const waits = this.all.filter((other) => other === one);
    if (one !== undefined) this.drop(one);
    return () => {
      this.all.push(...waits);
      this.keep();
    };
  }

  /** Take over what an earlier page left. */
  recall(): void {
    const kept = JSON.parse(sessionStorage.getItem(this.keptAs) ?? "[]") as Outgoing[];
    this.all = kept.map(({ taskId, fileName, answer }) => ({
      ...{ taskId, fileName, answer, held: null },
      ...{ sending: null, failed: false },
    }));
  }

  private keep(): void {
    const answers = this.all
      .filter((one) => one.answer !== null)
      .map(({ taskId, fileName, answer }) => ({ taskId, fileName, answer }));
    if (answers.length > 0) sessionStorage.setItem(this.keptAs, JSON.stringify(answers));
    else sessionStorage.removeItem(this.keptAs);
  }

  private drop(one: Waiting): void {
    this.all = this.all.filter((other) => other !== one);
    this.keep();
  }

  private async send(one: Waiting): Promise<void> {
    try {
      if (one.answer === null) await this.api.skip(one.taskId);
      else await this.api.answer(one.taskId, one.answer);
      this.drop(one);
      this.sent.onSent();
    } catch (error) {
      if (error instanceof Refused) {
        this.drop(one);
        this.sent.onRefused(one, error);
      } else {
        one.failed = true;
        this.sent.onFailed(error);
      }
    }
  }
}

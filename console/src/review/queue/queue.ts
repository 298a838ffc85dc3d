// The queue between the service and the person: tasks are claimed and their images decoded ahead,
// answers are sent behind. No request stands between an answer and the next image.
//
// What is promised: an answer is confirmed by the service, or waits and is sent again, or comes back
// with words. Answers that wait outlive a reload of the page.

import { Refused, SignedOut, Unavailable } from "../../shared/service";
import { TEXTS } from "../../shared/texts";
import type { Answer, ReviewApi, Task } from "../api";
import { Connection } from "./connection";
import { decoded, Hand, type Held, type LoadImage } from "./hand";
import { Notices, type Notice } from "./notices";
import { Outbox, type Outgoing } from "./outbox";
import { Past, type Answered } from "./past";

/** So many images are ready behind the one that is shown, at least and at most. */
export const AHEAD = 4;
const MOST_AHEAD = 9;
const AHEAD_S = 5; // as much as somebody answers in that time: a slow answer of the service
const LOOK_AGAIN_MS = 15_000;
const LEAVING_MS = 5_000;

export type Phase = "starting" | "working" | "empty" | "away" | "signed-out" | "not-allowed";

/** What the page shows of the queue. A new object with each change. */
export interface View {
  readonly phase: Phase;
  readonly current: Held | null;
  readonly ready: number;
  readonly connected: boolean;
  readonly waiting: number;
  readonly undoing: boolean;
  /** What an undo takes back. */
  readonly last: Pick<Answered, "fileName" | "answer"> | null;
  /** How many images are this person's now. */
  readonly held: number;
  readonly answered: number;
  readonly paceS: number | null;
  readonly notices: readonly Notice[];
}

export interface Options {
  readonly leaseS: number;
  /** Under which name answers that wait are kept; a person's own. */
  readonly keptAs: string;
  readonly loadImage?: LoadImage;
}

export class TaskQueue {
  private readonly hand: Hand;
  private readonly outbox: Outbox;
  private readonly past = new Past();
  private readonly notices = new Notices();
  private readonly connection = new Connection(() => this.tryAgain());
  private phase: Phase = "starting";
  private undoing = false;
  private filling = false;
  private wishes = 0;
  private shownAt = 0;
  private shownId = "";
  private lastActive = Date.now();
  private lookTimer: ReturnType<typeof setTimeout> | undefined;
  private leaseTimer: ReturnType<typeof setInterval> | undefined;
  private listeners = new Set<() => void>();
  private view: View;
  private readonly leaseMs: number;

  constructor(
    private readonly api: ReviewApi,
    options: Options,
  ) {
    this.leaseMs = options.leaseS * 1000;
    this.hand = new Hand(options.loadImage ?? decoded, () => this.changed());
    this.outbox = new Outbox(api, options.keptAs, {
      onSent: () => {
        this.succeeded();
        this.changed();
      },
      onRefused: (one, refusal) => this.refused(one, refusal),
      onFailed: (error) => this.failed(error),
    });
    this.view = this.seen();
  }

  /** Send what an earlier page left, and claim the first tasks. */
  start(): void {
    this.outbox.recall();
    this.leaseTimer = setInterval(() => this.tend(), Math.min(10_000, this.leaseMs / 10));
    this.outbox.pump();
    void this.fill();
  }

  stop(): void {
    this.connection.stop();
    clearTimeout(this.lookTimer);
    clearInterval(this.leaseTimer);
    this.phase = "signed-out";
  }

  // --- What the page reads ------------------------------------------------------------------------

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  snapshot = (): View => this.view;

  // --- What the person does -----------------------------------------------------------------------

  /** The person did something: leases are worth keeping. */
  touch = (): void => {
    this.lastActive = Date.now();
    if (this.phase === "away") {
      this.phase = "starting";
      this.changed();
      void this.fill();
    }
  };

  answer(answer: Answer): void {
    const held = this.takeCurrent();
    if (held === null) return;
    const { task_id: taskId, file_name: fileName } = held.task;
    this.past.add({ taskId, fileName, answer, held, tookMs: Date.now() - this.shownAt });
    this.post({ taskId, fileName, answer, held });
  }

  skip(): void {
    const held = this.takeCurrent();
    if (held === null) return;
    this.post({ taskId: held.task.task_id, fileName: held.task.file_name, answer: null, held: null });
  }

  /** Note what is begun on an image, for when another one comes in between. */
  keepDraft(taskId: string, answer: Answer): void {
    this.hand.draft(taskId, answer);
  }

  /** Take the last answer back. */
  async undo(): Promise<void> {
    if (this.undoing) return;
    const last = this.past.take();
    if (last === undefined) {
      this.say("info", TEXTS.nothingToUndo);
      return;
    }
    this.undoing = true;
    this.changed();
    const sendAfterAll = await this.outbox.withdraw(last.taskId);
    try {
      const task = await this.api.undo(last.taskId);
      this.succeeded();
      this.past.uncount(last);
      this.comeBack(last.held, { ...task, answer: task.answer ?? last.answer });
    } catch (error) {
      const refused = error instanceof Refused;
      if (!refused) {
        this.past.putBack(last);
        sendAfterAll();
      }
      this.failed(error, TEXTS.undoRefused(refused ? error.message : TEXTS.undoLater));
    } finally {
      this.undoing = false;
      this.changed();
    }
  }

  /** Look for tasks now. */
  lookAgain = (): void => {
    this.touch();
    void this.fill();
  };

  /** Load the current image again. */
  reloadImage = (): void => this.hand.reload();

  dismiss = (id: number): void => {
    this.notices.dismiss(id);
    this.changed();
  };

  say(kind: Notice["kind"], text: string): void {
    this.notices.say(kind, text);
    this.changed();
  }

  /** Send what waits, before signing out: how many answers are left after a moment. */
  async sendAll(): Promise<number> {
    this.outbox.pump();
    await Promise.race([this.outbox.settled(), new Promise((over) => setTimeout(over, LEAVING_MS))]);
    return this.view.waiting;
  }

  /** The page goes, perhaps for good: others need not wait until the leases run out. */
  leave(): void {
    for (const { task } of this.hand.list) {
      void this.api.release(task.task_id, task.lease_until).catch(() => undefined);
    }
  }

  /** The browser shows the page again as it was left: its images may be others' by now. */
  comeBackToPage(): void {
    this.hand.clear();
    if (this.phase !== "signed-out") this.phase = "starting";
    this.changed();
    void this.fill();
  }

  /** The browser has its connection again. */
  online = (): void => this.connection.online();

  /** Give back what is held, before signing out. */
  async releaseAll(): Promise<void> {
    const { ids } = this.hand;
    this.stop();
    await Promise.allSettled(ids.map((id) => this.api.release(id)));
  }

  // --- Claiming ahead -----------------------------------------------------------------------------

  private takeCurrent(): Held | null {
    this.touch();
    if (this.undoing) return null;
    this.notices.workGoesOn();
    return this.hand.takeFirst();
  }

  private async fill(): Promise<void> {
    const count = this.ahead() + 1 - this.hand.list.length;
    const rests = this.phase === "away" || this.phase === "signed-out" || this.phase === "not-allowed";
    if (rests || count <= 0) return;
    this.wishes += 1;
    if (this.filling) return;
    const wish = this.wishes;
    this.filling = true;
    clearTimeout(this.lookTimer);
    let found: Task[] = [];
    let reached = false;
    try {
      found = await this.api.next(count, this.known());
      this.succeeded();
      reached = true;
      const known = new Set(this.known());
      for (const task of found) {
        if (!known.has(task.task_id)) this.hand.add(task);
      }
    } catch (error) {
      this.failed(error);
    } finally {
      this.filling = false;
    }
    if (this.phase === "starting" || this.phase === "working" || this.phase === "empty") {
      if (reached) this.phase = this.hand.first !== null ? "working" : "empty";
      if (found.length === 0 && reached) {
        this.lookTimer = setTimeout(() => void this.fill(), LOOK_AGAIN_MS);
      }
    }
    this.changed();
    // What was asked for did not know of what has changed since.
    if (found.length > 0 || this.wishes > wish) void this.fill();
  }

  /** The tasks that the service need not give: held, or with answers on their way. */
  private known(): string[] {
    return [...this.hand.ids, ...this.outbox.ids];
  }

  private ahead(): number {
    const { paceS } = this.past;
    if (paceS === null) return AHEAD;
    return Math.min(MOST_AHEAD, Math.max(AHEAD, Math.ceil(AHEAD_S / paceS)));
  }

  private comeBack(before: Held | null, task: Task): void {
    this.hand.putFirst(before, task);
    this.phase = "working";
  }

  // --- Sending behind -----------------------------------------------------------------------------

  private post(outgoing: Outgoing): void {
    this.outbox.add(outgoing);
    if (!this.connection.rests) {
      this.outbox.pump();
      void this.fill();
    }
    this.changed();
  }

  private refused(one: Outgoing, refusal: Refused): void {
    this.succeeded();
    if (one.answer !== null) {
      this.past.forget(one.taskId);
      const mendable = refusal.status === 400 || refusal.status === 413;
      if (mendable && one.held !== null) this.comeBack(one.held, { ...one.held.task, answer: one.answer });
      this.failed(refusal, TEXTS.answerRefused(one.fileName, refusal.message));
    }
    this.changed();
  }

  // --- Leases -------------------------------------------------------------------------------------

  private tend(): void {
    const now = Date.now();
    const works = now - this.lastActive < this.leaseMs;
    const over = this.hand.list.filter((one) => now - one.leaseFrom >= this.leaseMs);
    if (over.length > 0) {
      this.hand.drop(over.map(({ task }) => task.task_id));
      if (works) void this.fill();
      else if (this.hand.first === null) this.phase = "away";
      this.changed();
    }
    if (!works) return;
    for (const one of this.hand.list) {
      if (now - one.leaseFrom > this.leaseMs / 2) void this.extend(one);
    }
  }

  private async extend({ task }: Held): Promise<void> {
    const asked = Date.now();
    try {
      const leaseUntil = await this.api.extend(task.task_id);
      this.succeeded();
      this.hand.extended(task.task_id, asked, leaseUntil);
    } catch (error) {
      if (!(error instanceof Refused)) return this.failed(error);
      const wasShown = this.hand.first?.task.task_id === task.task_id;
      this.hand.drop([task.task_id]);
      if (wasShown) this.say("error", TEXTS.taskLost(task.file_name));
      this.changed();
      void this.fill();
    }
  }

  // --- The connection -----------------------------------------------------------------------------

  private succeeded(): void {
    if (!this.outbox.isStuck) this.connection.succeeded();
  }

  private failed(error: unknown, words?: string): void {
    if (error instanceof SignedOut) {
      this.stop();
    } else if (error instanceof Unavailable) {
      this.connection.failed(error.retryAfterMs);
    } else if (error instanceof Refused && error.status === 403) {
      this.phase = "not-allowed";
    } else if (!(error instanceof Refused)) {
      throw error;
    }
    if (words !== undefined) this.say("error", words);
    this.changed();
  }

  private tryAgain(): void {
    this.outbox.pump();
    void this.fill();
    if (this.outbox.isEmpty && this.hand.list.length > this.ahead()) this.succeeded();
    this.changed();
  }

  // --- Telling the page ---------------------------------------------------------------------------

  private changed(): void {
    const current = this.hand.first;
    if (current !== null && current.imageState !== "loading" && current.task.task_id !== this.shownId) {
      this.shownId = current.task.task_id;
      this.shownAt = Date.now();
    }
    this.view = this.seen();
    for (const listener of this.listeners) listener();
  }

  private seen(): View {
    return {
      phase: this.phase,
      current: this.hand.first,
      ready: this.hand.list.filter((one) => one.imageState === "ready").length,
      connected: this.connection.connected,
      waiting: this.outbox.waiting,
      undoing: this.undoing,
      last: this.past.last,
      held: this.hand.list.length,
      answered: this.past.answered,
      paceS: this.past.paceS,
      notices: this.notices.list,
    };
  }
}

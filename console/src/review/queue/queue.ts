// The queue between the service and the person: tasks are claimed and their images decoded ahead,
// answers are sent behind. No request stands between an answer and the next image.
//
// What is promised: an answer is confirmed by the service, or waits and is sent again, or comes back
// with words. Answers that wait outlive a reload of the page.

import { TEXTS } from "../../shared/texts";
import { Refused, SignedOut, Unavailable, type Answer, type ReviewApi, type Task } from "../api";

/** So many images are ready behind the one that is shown, at least and at most. */
export const AHEAD = 4;
const MOST_AHEAD = 9;
const AHEAD_S = 5; // as much as somebody answers in that time: a slow answer of the service
const REMEMBERED = 50;
const IMAGES_REMEMBERED = 3;
const LOOK_AGAIN_MS = 15_000;
const RETRY_MS = [1_000, 2_000, 5_000, 10_000, 30_000];
const PACE_OF = 20;
const LONGEST_LOOK_MS = 120_000;
const LEAVING_MS = 5_000;

export type ImageState = "loading" | "ready" | "failed";

/** A claimed task and its image. */
export interface Held {
  readonly task: Task;
  readonly image: HTMLImageElement | null;
  readonly imageState: ImageState;
  readonly leaseFrom: number;
}

export interface Notice {
  readonly id: number;
  readonly kind: "error" | "info";
  readonly text: string;
}

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
  readonly last: Pick<Past, "fileName" | "answer"> | null;
  /** How many images are this person's now. */
  readonly held: number;
  readonly answered: number;
  readonly paceS: number | null;
  readonly notices: readonly Notice[];
}

interface Outgoing {
  readonly taskId: string;
  readonly fileName: string;
  readonly answer: Answer | null; // null: skipped
  readonly held: Held | null;
  sending: Promise<void> | null;
  failed: boolean;
}

interface Past {
  readonly taskId: string;
  readonly fileName: string;
  readonly answer: Answer;
  held: Held | null;
  readonly tookMs: number;
}

export interface Options {
  readonly leaseS: number;
  /** Under which name answers that wait are kept; a person's own. */
  readonly keptAs: string;
  readonly loadImage?: (address: string) => Promise<HTMLImageElement>;
}

export class TaskQueue {
  private held: Held[] = [];
  private outgoing: Outgoing[] = [];
  private past: Past[] = [];
  private notices: Notice[] = [];
  private tookMs: number[] = [];
  private phase: Phase = "starting";
  private connected = true;
  private undoing = false;
  private answered = 0;
  private filling = false;
  private wishes = 0;
  private failures = 0;
  private noticeId = 0;
  private shownAt = 0;
  private shownId = "";
  private lastActive = Date.now();
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private retryAt = 0;
  private lookTimer: ReturnType<typeof setTimeout> | undefined;
  private leaseTimer: ReturnType<typeof setInterval> | undefined;
  private listeners = new Set<() => void>();
  private view: View;
  private readonly leaseMs: number;
  private readonly keptAs: string;
  private readonly loadImage: (address: string) => Promise<HTMLImageElement>;

  constructor(
    private readonly api: ReviewApi,
    options: Options,
  ) {
    this.leaseMs = options.leaseS * 1000;
    this.keptAs = options.keptAs;
    this.loadImage = options.loadImage ?? decoded;
    this.view = this.seen();
  }

  /** Send what an earlier page left, and claim the first tasks. */
  start(): void {
    this.recall();
    this.leaseTimer = setInterval(() => this.tend(), Math.min(10_000, this.leaseMs / 10));
    this.pump();
    void this.fill();
  }

  stop(): void {
    clearTimeout(this.retryTimer);
    this.retryTimer = undefined;
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
    const current = this.takeCurrent();
    if (current === null) return;
    const tookMs = Date.now() - this.shownAt;
    const { task_id: taskId, file_name: fileName } = current.task;
    this.past.push({ taskId, fileName, answer, held: current, tookMs });
    if (this.past.length > REMEMBERED) this.past.shift();
    for (const old of this.past.slice(0, -IMAGES_REMEMBERED)) old.held = null;
    this.answered += 1;
    this.tookMs.push(tookMs);
    this.post({ taskId, fileName, answer, held: current, sending: null, failed: false });
  }

  skip(): void {
    const current = this.takeCurrent();
    if (current === null) return;
    const { task_id: taskId, file_name: fileName } = current.task;
    this.post({ taskId, fileName, answer: null, held: null, sending: null, failed: false });
  }

  /** Note what is begun on an image, for when another one comes in between. The page shows it already. */
  keepDraft(taskId: string, answer: Answer): void {
    this.held = this.held.map((one) =>
      one.task.task_id === taskId ? { ...one, task: { ...one.task, answer } } : one,
    );
  }

  /** Take the last answer back. */
  async undo(): Promise<void> {
    if (this.undoing) return;
    const last = this.past.pop();
    if (last === undefined) {
      this.say("info", TEXTS.nothingToUndo);
      return;
    }
    const unsent = this.outgoing.find((one) => one.taskId === last.taskId);
    this.undoing = true;
    this.changed();
    await unsent?.sending;
    // It may have arrived though nothing came back, and must not go out again.
    const waits = this.outgoing.filter((one) => one === unsent);
    if (unsent !== undefined) this.drop(unsent);
    try {
      const task = await this.api.undo(last.taskId);
      this.succeeded();
      this.forgetTime(last);
      this.comeBack(last.held, { ...task, answer: task.answer ?? last.answer });
    } catch (error) {
      const refused = error instanceof Refused;
      if (!refused) {
        this.past.push(last);
        this.outgoing.push(...waits);
        this.keep();
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
  reloadImage = (): void => {
    const current = this.held[0];
    if (current !== undefined) this.load(current.task);
  };

  dismiss = (id: number): void => {
    this.notices = this.notices.filter((notice) => notice.id !== id);
    this.changed();
  };

  /** Send what waits, before signing out: how many answers are left after a moment. */
  async sendAll(): Promise<number> {
    this.pump();
    const sent = Promise.allSettled(this.outgoing.flatMap((one) => one.sending ?? []));
    await Promise.race([sent, new Promise((over) => setTimeout(over, LEAVING_MS))]);
    return this.view.waiting;
  }

  /** The page goes, perhaps for good: others need not wait until the leases run out. */
  leave(): void {
    for (const { task } of this.held) void this.api.release(task.task_id, task.lease_until).catch(() => undefined);
  }

  /** The browser shows the page again as it was left: its images may be others' by now. */
  comeBackToPage(): void {
    this.held = [];
    if (this.phase !== "signed-out") this.phase = "starting";
    this.changed();
    void this.fill();
  }

  /** The browser has its connection again. */
  online = (): void => {
    if (this.retryTimer === undefined) return;
    this.failures = 0;
    this.tryAgain();
  };

  /** Give back what is held, before signing out. */
  async releaseAll(): Promise<void> {
    const ids = this.held.map(({ task }) => task.task_id);
    this.stop();
    await Promise.allSettled(ids.map((id) => this.api.release(id)));
  }

  // --- Claiming ahead -----------------------------------------------------------------------------

  private takeCurrent(): Held | null {
    this.touch();
    if (this.undoing) return null;
    this.notices = this.notices.filter((notice) => notice.kind === "error");
    return this.held.shift() ?? null;
  }

  private async fill(): Promise<void> {
    const count = this.ahead() + 1 - this.held.length;
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
      const known = [...this.held.map(({ task }) => task.task_id), ...this.outgoing.map((one) => one.taskId)];
      found = await this.api.next(count, known);
      this.succeeded();
      reached = true;
      const now = new Set([...this.held.map(({ task }) => task.task_id), ...this.outgoing.map((one) => one.taskId)]);
      for (const task of found) {
        if (!now.has(task.task_id)) this.add(task);
      }
    } catch (error) {
      this.failed(error);
    } finally {
      this.filling = false;
    }
    if (this.phase === "starting" || this.phase === "working" || this.phase === "empty") {
      if (reached) this.phase = this.held.length > 0 ? "working" : "empty";
      if (found.length === 0 && reached) {
        this.lookTimer = setTimeout(() => void this.fill(), LOOK_AGAIN_MS);
      }
    }
    this.changed();
    // What was asked for did not know of what has changed since.
    if (found.length > 0 || this.wishes > wish) void this.fill();
  }

  private ahead(): number {
    const { paceS } = this.view;
    if (paceS === null) return AHEAD;
    return Math.min(MOST_AHEAD, Math.max(AHEAD, Math.ceil(AHEAD_S / paceS)));
  }

  private add(task: Task): void {
    this.held.push({ task, image: null, imageState: "loading", leaseFrom: Date.now() });
    this.load(task);
  }

  private load(task: Task): void {
    this.replace(task.task_id, { image: null, imageState: "loading" });
    this.loadImage(task.image_url).then(
      (image) => this.replace(task.task_id, { image, imageState: "ready" }),
      () => this.replace(task.task_id, { image: null, imageState: "failed" }),
    );
  }

  private replace(taskId: string, change: Partial<Held>): void {
    this.held = this.held.map((one) => (one.task.task_id === taskId ? { ...one, ...change } : one));
    this.changed();
  }

  private comeBack(before: Held | null, task: Task): void {
    this.held = this.held.filter((one) => one.task.task_id !== task.task_id);
    const image = before?.image ?? null;
    this.held.unshift({ task, image, imageState: image ? "ready" : "loading", leaseFrom: Date.now() });
    if (image === null) this.load(task);
    this.phase = "working";
  }

  // --- Sending behind -----------------------------------------------------------------------------

  private post(outgoing: Outgoing): void {
    this.outgoing.push(outgoing);
    this.keep();
    // While the service gets its rest, this waits with the others.
    if (this.retryTimer === undefined) {
      this.pump();
      void this.fill();
    }
    this.changed();
  }

  private pump(): void {
    for (const one of this.outgoing) {
      one.sending ??= this.send(one).finally(() => {
        one.sending = null;
      });
    }
  }

  private async send(one: Outgoing): Promise<void> {
    try {
      if (one.answer === null) await this.api.skip(one.taskId);
      else await this.api.answer(one.taskId, one.answer);
      this.drop(one);
      this.succeeded();
    } catch (error) {
      if (error instanceof Refused) {
        this.drop(one);
        this.succeeded();
        if (one.answer !== null) this.refused(one, one.answer, error);
      } else {
        one.failed = true;
        this.failed(error);
      }
    }
    this.changed();
  }

  private refused(one: Outgoing, answer: Answer, error: Refused): void {
    const last = this.past.find((past) => past.taskId === one.taskId);
    this.past = this.past.filter((past) => past !== last);
    if (last !== undefined) this.forgetTime(last);
    const mendable = error.status === 400 || error.status === 413;
    if (mendable && one.held !== null) this.comeBack(one.held, { ...one.held.task, answer });
    this.failed(error, TEXTS.answerRefused(one.fileName, error.message));
  }

  private drop(one: Outgoing): void {
    this.outgoing = this.outgoing.filter((other) => other !== one);
    this.keep();
  }

  private keep(): void {
    const answers = this.outgoing
      .filter((one) => one.answer !== null)
      .map(({ taskId, fileName, answer }) => ({ taskId, fileName, answer }));
    if (answers.length > 0) sessionStorage.setItem(this.keptAs, JSON.stringify(answers));
    else sessionStorage.removeItem(this.keptAs);
  }

  private recall(): void {
    const kept = JSON.parse(sessionStorage.getItem(this.keptAs) ?? "[]") as Outgoing[];
    this.outgoing = kept.map(({ taskId, fileName, answer }) => ({
      taskId,
      fileName,
      answer,
      held: null,
      sending: null,
      failed: false,
    }));
  }

  // --- Leases -------------------------------------------------------------------------------------

  private tend(): void {
    const now = Date.now();
    const works = now - this.lastActive < this.leaseMs;
    const over = this.held.filter((one) => now - one.leaseFrom >= this.leaseMs);
    if (over.length > 0) {
      this.held = this.held.filter((one) => !over.includes(one));
      if (works) void this.fill();
      else if (this.held.length === 0) this.phase = "away";
      this.changed();
    }
    if (!works) return;
    for (const one of this.held) {
      if (now - one.leaseFrom > this.leaseMs / 2) void this.extend(one);
    }
  }

  private async extend(one: Held): Promise<void> {
    const id = one.task.task_id;
    const asked = Date.now();
    try {
      const lease_until = await this.api.extend(id);
      this.succeeded();
      const held = this.held.find(({ task }) => task.task_id === id);
      if (held !== undefined) this.replace(id, { leaseFrom: asked, task: { ...held.task, lease_until } });
    } catch (error) {
      if (!(error instanceof Refused)) return this.failed(error);
      const wasShown = this.held[0]?.task.task_id === id;
      this.held = this.held.filter((other) => other.task.task_id !== id);
      if (wasShown) this.say("error", TEXTS.taskLost(one.task.file_name));
      this.changed();
      void this.fill();
    }
  }

  // --- The connection -----------------------------------------------------------------------------

  private succeeded(): void {
    if (this.outgoing.some((one) => one.failed)) return;
    this.failures = 0;
    this.connected = true;
  }

  private failed(error: unknown, words?: string): void {
    if (error instanceof SignedOut) {
      this.stop();
    } else if (error instanceof Unavailable) {
      this.connected = false;
      this.waitToTryAgain(error.retryAfterMs);
    } else if (error instanceof Refused && error.status === 403) {
      this.phase = "not-allowed";
    } else if (!(error instanceof Refused)) {
      throw error;
    }
    if (words !== undefined) this.say("error", words);
    this.changed();
  }

  /** All that failed in one round waits together, as long as the most patient answer asked for. */
  private waitToTryAgain(leastMs: number): void {
    const waits = this.retryTimer !== undefined;
    if (waits && Date.now() + leastMs <= this.retryAt) return;
    const usual = RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)] ?? 0;
    const wait = waits ? leastMs : Math.max(usual, leastMs);
    if (!waits) this.failures += 1;
    clearTimeout(this.retryTimer);
    this.retryAt = Date.now() + wait;
    this.retryTimer = setTimeout(() => this.tryAgain(), wait);
  }

  private tryAgain(): void {
    clearTimeout(this.retryTimer);
    this.retryTimer = undefined;
    this.pump();
    void this.fill();
    if (this.outgoing.length === 0 && this.held.length > this.ahead()) this.succeeded();
    this.changed();
  }

  // --- Telling the page ---------------------------------------------------------------------------

  say(kind: Notice["kind"], text: string): void {
    this.noticeId += 1;
    const others = this.notices.filter((notice) => notice.text !== text);
    this.notices = [...others.slice(-3), { id: this.noticeId, kind, text }];
    this.changed();
  }

  private forgetTime(past: Past): void {
    this.answered -= 1;
    const place = this.tookMs.lastIndexOf(past.tookMs);
    if (place >= 0) this.tookMs.splice(place, 1);
  }

  private changed(): void {
    const current = this.held[0];
    if (current !== undefined && current.imageState !== "loading" && current.task.task_id !== this.shownId) {
      this.shownId = current.task.task_id;
      this.shownAt = Date.now();
    }
    this.view = this.seen();
    for (const listener of this.listeners) listener();
  }

  private seen(): View {
    const looks = this.tookMs.filter((time) => time <= LONGEST_LOOK_MS).slice(-PACE_OF);
    const total = looks.reduce((sum, time) => sum + time, 0);
    const current = this.held[0] ?? null;
    return {
      phase: this.phase,
      current,
      ready: this.held.filter((one) => one.imageState === "ready").length,
      connected: this.connected,
      waiting: this.outgoing.filter((one) => one.answer !== null).length,
      undoing: this.undoing,
      last: this.past.at(-1) ?? null,
      held: this.held.length,
      answered: this.answered,
      paceS: looks.length > 0 ? total / looks.length / 1000 : null,
      notices: this.notices,
    };
  }
}

/** The image at the address, ready to be painted. */
async function decoded(address: string): Promise<HTMLImageElement> {
  const image = new Image();
  image.draggable = false;
  image.src = address;
  await image.decode();
  return image;
}

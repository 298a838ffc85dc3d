// What this person has answered in this page: what can be taken back, and how fast it goes.

import type { Answer } from "../api";
import type { Held } from "./hand";

const REMEMBERED = 50;
const IMAGES_REMEMBERED = 3;
const PACE_OF = 20;
const LONGEST_LOOK_MS = 120_000;

export interface Answered {
  readonly taskId: string;
  readonly fileName: string;
  readonly answer: Answer;
  held: Held | null;
  readonly tookMs: number;
}

export class Past {
  private all: Answered[] = [];
  private tookMs: number[] = [];
  private count = 0;

  get last(): Answered | null {
    return this.all.at(-1) ?? null;
  }

  get answered(): number {
    return this.count;
  }

  /** Seconds an image, of late; null before the first one. */
  get paceS(): number | null {
    const looks = this.tookMs.filter((time) => time <= LONGEST_LOOK_MS).slice(-PACE_OF);
    const total = looks.reduce((sum, time) => sum + time, 0);
    return looks.length > 0 ? total / looks.length / 1000 : null;
  }

  add(answered: Answered): void {
    this.all.push(answered);
    if (this.all.length > REMEMBERED) this.all.shift();
    for (const old of this.all.slice(0, -IMAGES_REMEMBERED)) old.held = null;
    this.count += 1;
    this.tookMs.push(answered.tookMs);
  }

  /** Take the last answer out, to be taken back; it counts until it is. */
  take(): Answered | undefined {
    return this.all.pop();
  }

  putBack(answered: Answered): void {
    this.all.push(answered);
  }

  /** It was not answered after all. */
  uncount({ tookMs }: Answered): void {
    this.count -= 1;
    const place = this.tookMs.lastIndexOf(tookMs);
    if (place >= 0) this.tookMs.splice(place, 1);
  }

  /** The answer to this task was not taken. */
  forget(taskId: string): void {
    const found = this.all.find((one) => one.taskId === taskId);
    this.all = this.all.filter((one) => one !== found);
    if (found !== undefined) this.uncount(found);
  }
}

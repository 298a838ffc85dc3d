import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { Refused, retryAfterMs, SignedOut, Unavailable } from "../../shared/service";
import type { Answer, ReviewApi, Task } from "../api";
import { AHEAD, TaskQueue } from "./queue";

const LEASE_S = 300;
const GEAR: Answer = { label: "gear" };

/** A service whose tasks are t0, t1, …; each call can be made to fail. */
class Service implements ReviewApi {
  readonly answers = new Map<string, Answer>();
  readonly skipped: string[] = [];
  readonly released: [string, string | undefined][] = [];
  readonly extended: string[] = [];
  readonly asked: { count: number; except: string[] }[] = [];
  failure: Error | null = null;
  private given = 0;

  constructor(private readonly tasks: number) {}

  next(count: number, except: string[]): Promise<Task[]> {
    this.asked.push({ count, except });
    return this.answering(() => {
      const first = this.given;
      this.given = Math.min(this.tasks, first + count);
      return Array.from({ length: this.given - first }, (_, place) => task(`t${first + place}`));
    });
  }

  answer(taskId: string, answer: Answer): Promise<void> {
    return this.answering(() => void this.answers.set(taskId, answer));
  }

  skip(taskId: string): Promise<void> {
    return this.answering(() => void this.skipped.push(taskId));
  }

  extend(taskId: string): Promise<string> {
    return this.answering(() => `until ${this.extended.push(taskId)}`);
  }

  release(taskId: string, leaseUntil?: string): Promise<void> {
    return this.answering(() => void this.released.push([taskId, leaseUntil]));
  }

  undo(taskId: string): Promise<Task> {
    return this.answering(() => {
      const before = this.answers.get(taskId) ?? null;
      this.answers.delete(taskId);
      return { ...task(taskId), answer: before };
    });
  }

  private answering<Found>(act: () => Found): Promise<Found> {
    return this.failure === null ? Promise.resolve(act()) : Promise.reject(this.failure);
  }
}

function task(id: string): Task {
  return { task_id: id, image_url: `/${id}`, file_name: `${id}.jpg`, lease_until: "", suggestion: null, answer: null };
}

const image = {} as HTMLImageElement;
let kept: Map<string, string>;

async function started(service: Service): Promise<TaskQueue> {
  const queue = new TaskQueue(service, { leaseS: LEASE_S, keptAs: "answers", loadImage: () => Promise.resolve(image) });
  queue.start();
  await settled();
  return queue;
}

async function settled(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

function shown(queue: TaskQueue): string | undefined {
  return queue.snapshot().current?.task.task_id;
}

function texts(queue: TaskQueue): string {
  return queue.snapshot().notices.map((notice) => notice.text).join("\n");
}

beforeEach(() => {
  vi.useFakeTimers();
  kept = new Map();
  vi.stubGlobal("sessionStorage", {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, text: string) => kept.set(name, text),
    removeItem: (name: string) => kept.delete(name),
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("working ahead", () => {
  it("has the next images ready, and never asks for what it holds", async () => {
    const service = new Service(20);
    const queue = await started(service);
    await vi.advanceTimersByTimeAsync(3_000);

    expect(queue.snapshot().ready).toBe(AHEAD + 1);
    queue.answer(GEAR);
    expect(shown(queue)).toBe("t1");
    expect(queue.snapshot().current?.image).toBe(image);
    await settled();

    expect(service.asked.at(-1)).toEqual({ count: 1, except: ["t1", "t2", "t3", "t4", "t0"] });
    expect(queue.snapshot().ready).toBe(AHEAD + 1);
  });

  it("has more ready for somebody who is quick", async () => {
    const queue = await started(new Service(40));
    for (let count = 0; count < 5; count += 1) {
      await vi.advanceTimersByTimeAsync(700);
      queue.answer(GEAR);
    }
    await settled();

    expect(queue.snapshot().ready).toBe(9);
  });

  it("asks once more when something has changed while it asked", async () => {
    const service = new Service(0);
    const queue = await started(service);

    queue.lookAgain();
    queue.lookAgain();
    await settled();

    expect(service.asked.length).toBe(3);
  });

  it("looks again by itself when there is nothing", async () => {
    const service = new Service(0);
    const queue = await started(service);
    expect(queue.snapshot().phase).toBe("empty");

    await vi.advanceTimersByTimeAsync(31_000);

    expect(service.asked.length).toBe(3);
  });
});

describe("answers", () => {
  it("wait while there is no connection, and are sent again", async () => {
    const service = new Service(20);
    const queue = await started(service);
    service.failure = new Unavailable("gone");
    queue.answer(GEAR);
    queue.answer({ none: true });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(queue.snapshot()).toMatchObject({ connected: false, waiting: 2 });

    service.failure = null;
    await vi.advanceTimersByTimeAsync(30_000);

    expect([...service.answers.keys()]).toEqual(["t0", "t1"]);
    expect(queue.snapshot()).toMatchObject({ connected: true, waiting: 0 });
  });

  it("that cannot be sent are told though other requests succeed, ever less often tried", async () => {
    const service = new Service(20);
    const queue = await started(service);
    const answer = vi.spyOn(service, "answer").mockRejectedValue(new Unavailable("status 503"));
    queue.answer(GEAR);
    await settled();
    queue.skip();
    await vi.advanceTimersByTimeAsync(60_000);

    expect(service.skipped).toEqual(["t1"]);
    expect(queue.snapshot()).toMatchObject({ connected: false, waiting: 1 });
    expect(answer.mock.calls.length).toBeLessThan(8);

    answer.mockRestore();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(queue.snapshot()).toMatchObject({ connected: true, waiting: 0 });
  });

  it("wait together for one more try a round, however many they are", async () => {
    const service = new Service(20);
    const queue = await started(service);
    service.failure = new Unavailable("gone");
    const answer = vi.spyOn(service, "answer");
    for (let count = 0; count < 4; count += 1) {
      queue.answer(GEAR);
      await settled();
    }
    expect(answer).toHaveBeenCalledTimes(1);

    await vi.advanceTimersByTimeAsync(1_000);
    expect(answer).toHaveBeenCalledTimes(5);
    await vi.advanceTimersByTimeAsync(1_999);
    expect(answer).toHaveBeenCalledTimes(5);
    await vi.advanceTimersByTimeAsync(1);
    expect(answer).toHaveBeenCalledTimes(9);
  });

  it("are sent as soon as the browser has its connection again", async () => {
    const service = new Service(20);
    const queue = await started(service);
    service.failure = new Unavailable("gone");
    queue.answer(GEAR);
    await vi.advanceTimersByTimeAsync(20_000);

    service.failure = null;
    queue.online();
    await settled();

    expect(service.answers.size).toBe(1);
    expect(queue.snapshot()).toMatchObject({ connected: true, waiting: 0 });
  });

  it("are not tried before the service wants them", async () => {
    const service = new Service(20);
    const queue = await started(service);
    const answer = vi.spyOn(service, "answer").mockRejectedValueOnce(new Unavailable("status 429", 20_000));
    queue.answer(GEAR);
    await vi.advanceTimersByTimeAsync(19_999);
    expect(answer).toHaveBeenCalledTimes(1);

    await vi.advanceTimersByTimeAsync(1);
    expect(service.answers.size).toBe(1);
  });

  it("are sent once more before signing out, and those that are left are counted", async () => {
    const service = new Service(20);
    const queue = await started(service);
    service.failure = new Unavailable("gone");
    queue.answer(GEAR);
    queue.answer(GEAR);
    await settled();
    expect(await queue.sendAll()).toBe(2);

    service.failure = null;
    expect(await queue.sendAll()).toBe(0);
    expect(service.answers.size).toBe(2);

    vi.spyOn(service, "answer").mockReturnValueOnce(new Promise(() => undefined));
    queue.answer(GEAR);
    const hanging = queue.sendAll();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await hanging).toBe(1);
  });

  it("outlive the page", async () => {
    const service = new Service(20);
    const queue = await started(service);
    service.failure = new SignedOut();
    queue.answer(GEAR);
    await settled();
    expect(queue.snapshot().phase).toBe("signed-out");

    service.failure = null;
    await started(service);

    expect(service.answers.get("t0")).toEqual(GEAR);
    expect(kept.size).toBe(0);
  });

  it("come back with words where they can be mended, and are told where they cannot", async () => {
    const service = new Service(20);
    const queue = await started(service);
    service.failure = new Refused(400, "InvalidRequest", "There is no such label.");
    queue.answer(GEAR);
    await settled();

    expect(shown(queue)).toBe("t0");
    expect(queue.snapshot().current?.task.answer).toEqual(GEAR);
    expect(texts(queue)).toContain("There is no such label.");

    service.failure = new Refused(409, "Conflict", "Somebody else has it.");
    queue.answer(GEAR);
    await settled();

    expect(shown(queue)).toBe("t1");
    expect(texts(queue)).toContain("Somebody else has it.");
    expect(queue.snapshot().answered).toBe(0);
  });

  it("that are taken back while they are sent do not go out again", async () => {
    const service = new Service(20);
    const queue = await started(service);
    let fail: (reason: Error) => void = () => undefined;
    const hanging = new Promise<void>((_, reject) => (fail = reject));
    vi.spyOn(service, "answer").mockReturnValueOnce(hanging);
    queue.answer(GEAR);

    const undone = queue.undo();
    fail(new Unavailable("timeout"));
    await undone;
    expect(shown(queue)).toBe("t0");
    expect(queue.snapshot().current?.task.answer).toEqual(GEAR);
    await vi.advanceTimersByTimeAsync(60_000);

    expect(service.answers.size).toBe(0);
    expect(queue.snapshot()).toMatchObject({ connected: true, waiting: 0 });
    expect(kept.size).toBe(0);
  });

  it("that arrived without a confirmation are taken back at the service", async () => {
    const service = new Service(20);
    const queue = await started(service);
    vi.spyOn(service, "answer").mockImplementationOnce((id, answer) => {
      service.answers.set(id, answer);
      return Promise.reject(new Unavailable("status 503"));
    });
    queue.answer(GEAR);
    await settled();
    expect(service.answers.get("t0")).toEqual(GEAR);

    await queue.undo();

    expect(shown(queue)).toBe("t0");
    expect(service.answers.size).toBe(0);
  });

  it("that cannot be taken back now stand, and can be taken back later", async () => {
    const service = new Service(20);
    const queue = await started(service);
    service.failure = new Unavailable("gone");
    queue.answer(GEAR);
    await settled();

    await queue.undo();
    expect(shown(queue)).toBe("t1");
    expect(texts(queue)).toContain("It stands until you take it back again.");
    expect(queue.snapshot()).toMatchObject({ last: { fileName: "t0.jpg" }, waiting: 1 });
    service.failure = null;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(service.answers.get("t0")).toEqual(GEAR);
    await queue.undo();

    expect(shown(queue)).toBe("t0");
    expect(service.answers.size).toBe(0);
  });

  it("that the service does not give back stand, with its words, and the work goes on", async () => {
    const service = new Service(20);
    const queue = await started(service);
    queue.answer(GEAR);
    await settled();
    service.failure = new Refused(409, "Conflict", "Somebody else is looking at it by now.");

    await queue.undo();
    expect(texts(queue)).toContain("could not be taken back: Somebody else is looking at it by now.");
    expect(queue.snapshot()).toMatchObject({ phase: "working", undoing: false, last: null });
    service.failure = null;
    queue.answer(GEAR);
    await settled();

    expect([...service.answers.keys()]).toEqual(["t0", "t1"]);
  });

  it("are taken back one after the other, the last one first", async () => {
    const service = new Service(20);
    const queue = await started(service);
    for (let count = 0; count < 5; count += 1) {
      queue.answer(GEAR);
      await settled();
    }
    for (const id of ["t4", "t3", "t2", "t1", "t0"]) {
      await queue.undo();
      await settled();
      expect(shown(queue)).toBe(id);
      expect(queue.snapshot().current).toMatchObject({ imageState: "ready", task: { answer: GEAR } });
    }
    await queue.undo();
    expect(texts(queue)).toContain("nothing to take back");
  });

  it("are not taken while one is being taken back", async () => {
    const service = new Service(20);
    const queue = await started(service);
    queue.answer(GEAR);
    await settled();

    const undone = queue.undo();
    queue.answer({ none: true });
    await undone;

    expect(shown(queue)).toBe("t0");
    expect(service.answers.size).toBe(0);
  });
});

describe("leases", () => {
  it("are extended while somebody works", async () => {
    const service = new Service(2);
    const queue = await started(service);

    await vi.advanceTimersByTimeAsync(140_000);
    queue.touch();
    await vi.advanceTimersByTimeAsync(20_000);

    expect(service.extended).toEqual(["t0", "t1"]);
  });

  it("run out when nobody does, and the tasks go", async () => {
    const service = new Service(2);
    const queue = await started(service);
    service.failure = new Unavailable("gone");

    await vi.advanceTimersByTimeAsync((LEASE_S + 20) * 1000);

    expect(queue.snapshot()).toMatchObject({ phase: "away", current: null });
  });

  it("are given back when the page goes, as they are by then, and taken anew when it comes back", async () => {
    const service = new Service(20);
    const queue = await started(service);
    await vi.advanceTimersByTimeAsync(140_000);
    queue.touch();
    await vi.advanceTimersByTimeAsync(20_000);

    queue.leave();
    expect(service.released.map(([id]) => id)).toEqual(["t0", "t1", "t2", "t3", "t4"]);
    expect(service.released[1]).toEqual(["t1", "until 2"]);
    queue.comeBackToPage();
    await settled();

    expect(shown(queue)).toBe("t5");
  });

  it("that are lost are told", async () => {
    const service = new Service(2);
    const queue = await started(service);
    service.failure = new Refused(409, "Conflict", "Somebody else has it.");

    await vi.advanceTimersByTimeAsync(160_000);

    expect(queue.snapshot().current).toBeNull();
    expect(texts(queue)).toContain("t0.jpg ran out");
  });
});

it.each([
  ["7", 7_000],
  [new Date(Date.UTC(2030, 0, 1, 0, 0, 9)).toUTCString(), 9_000],
  [new Date(Date.UTC(2029, 0, 1)).toUTCString(), 0],
  ["999999", 300_000],
  ["soon", 0],
  ["", 0],
])("understands Retry-After: %s", (text, expected) => {
  vi.setSystemTime(Date.UTC(2030, 0, 1));
  expect(retryAfterMs(new Headers(text === "" ? {} : { "Retry-After": text }))).toBe(expected);
});

it("says how fast it goes, without what was taken back", async () => {
  const service = new Service(20);
  const queue = await started(service);
  for (const seconds of [2, 4]) {
    await vi.advanceTimersByTimeAsync(seconds * 1000);
    queue.answer(GEAR);
    await settled();
  }
  expect(queue.snapshot()).toMatchObject({ answered: 2, paceS: 3 });

  await queue.undo();

  expect(queue.snapshot()).toMatchObject({ answered: 1, paceS: 2 });
});

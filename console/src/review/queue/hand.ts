// The tasks that are this person's now, and their images, decoded ahead. The first one is shown.

import type { Answer, Task } from "../api";

export type ImageState = "loading" | "ready" | "failed";

/** A claimed task and its image. */
export interface Held {
  readonly task: Task;
  readonly image: HTMLImageElement | null;
  readonly imageState: ImageState;
  readonly leaseFrom: number;
}

export type LoadImage = (address: string) => Promise<HTMLImageElement>;

export class Hand {
  private all: readonly Held[] = [];

  constructor(
    private readonly loadImage: LoadImage,
    private readonly onChange: () => void,
  ) {}

  get list(): readonly Held[] {
    return this.all;
  }

  get first(): Held | null {
    return this.all[0] ?? null;
  }

  get ids(): string[] {
    return this.all.map(({ task }) => task.task_id);
  }

  add(task: Task): void {
    this.all = [...this.all, { task, image: null, imageState: "loading", leaseFrom: Date.now() }];
    this.load(task);
  }

  /** Show a task again, in the place of what is known of it. */
  putFirst(before: Held | null, task: Task): void {
    this.drop([task.task_id]);
    const image = before?.image ?? null;
    const held = { task, image, imageState: image ? "ready" : "loading", leaseFrom: Date.now() } as const;
    this.all = [held, ...this.all];
    if (image === null) this.load(task);
  }

  takeFirst(): Held | null {
    const [first, ...rest] = this.all;
    this.all = rest;
    return first ?? null;
  }

  drop(ids: readonly string[]): void {
    this.all = this.all.filter(({ task }) => !ids.includes(task.task_id));
  }

  clear(): void {
    this.all = [];
  }

  /** Load the image of the first task again. */
  reload(): void {
    if (this.first !== null) this.load(this.first.task);
  }

  /** Note what is begun on an image. The page shows it already. */
  draft(taskId: string, answer: Answer): void {
    this.change(taskId, ({ task }) => ({ task: { ...task, answer } }));
  }

  extended(taskId: string, leaseFrom: number, lease_until: string): void {
    this.change(taskId, ({ task }) => ({ leaseFrom, task: { ...task, lease_until } }));
    this.onChange();
  }

  private load(task: Task): void {
    const show = (image: HTMLImageElement | null, imageState: ImageState) => {
      this.change(task.task_id, () => ({ image, imageState }));
      this.onChange();
    };
    show(null, "loading");
    this.loadImage(task.image_url).then(
      (image) => show(image, "ready"),
      () => show(null, "failed"),
    );
  }

  private change(taskId: string, changed: (one: Held) => Partial<Held>): void {
    this.all = this.all.map((one) => (one.task.task_id === taskId ? { ...one, ...changed(one) } : one));
  }
}

/** The image at the address, ready to be painted. */
export async function decoded(address: string): Promise<HTMLImageElement> {
  const image = new Image();
  image.draggable = false;
  image.src = address;
  await image.decode();
  return image;
}

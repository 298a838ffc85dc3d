// Rules about boxes: pixels of the upright image, whole numbers, inside of it. And the sheet on which
// they are drawn, which has them as they are at this moment.

import type { Box, Suggested } from "../api";

export interface Size {
  width: number;
  height: number;
}

export interface Point {
  x: number;
  y: number;
}

/** A box that is being edited; without a label it has the empty one. */
export interface Item extends Box {
  id: string;
}

/** Which sides of a box are dragged: -1 the left or upper one, 1 the right or lower one, 0 neither. */
export type Handle = readonly [-1 | 0 | 1, -1 | 0 | 1];

export const HANDLES: readonly Handle[] = [
  [-1, -1],
  [0, -1],
  [1, -1],
  [1, 0],
  [1, 1],
  [0, 1],
  [-1, 1],
  [-1, 0],
];

/** The box in whole pixels and inside the image; at least one pixel wide and high. */
export function inside(box: Box, size: Size): Box {
  const left = between(Math.round(box.left), 0, size.width - 1);
  const top = between(Math.round(box.top), 0, size.height - 1);
  const right = between(Math.round(box.left + box.width), left + 1, size.width);
  const bottom = between(Math.round(box.top + box.height), top + 1, size.height);
  return { label: box.label, left, top, width: right - left, height: bottom - top };
}

/** The box moved, and kept whole inside the image. */
export function moved(box: Box, right: number, down: number, size: Size): Box {
  return {
    ...box,
    left: between(box.left + right, 0, Math.max(0, size.width - box.width)),
    top: between(box.top + down, 0, Math.max(0, size.height - box.height)),
  };
}

/** The box with its lower right corner moved. */
export function resized(box: Box, right: number, down: number, size: Size): Box {
  return inside(
    { ...box, width: Math.max(1, box.width + right), height: Math.max(1, box.height + down) },
    size,
  );
}

/** The box of these two corners, whichever they are. */
export function spanned(label: string, one: Point, other: Point): Box {
  return {
    label,
    left: Math.min(one.x, other.x),
    top: Math.min(one.y, other.y),
    width: Math.abs(one.x - other.x),
    height: Math.abs(one.y - other.y),
  };
}

/** The box with these sides dragged by so much, beyond the opposite ones too. */
export function stretched(box: Box, [across, along]: Handle, right: number, down: number): Box {
  const one = { x: box.left + (across < 0 ? right : 0), y: box.top + (along < 0 ? down : 0) };
  const other = {
    x: box.left + box.width + (across > 0 ? right : 0),
    y: box.top + box.height + (along > 0 ? down : 0),
  };
  return spanned(box.label, one, other);
}

/** Where a handle of the box is. */
export function handleAt(box: Box, [across, along]: Handle): Point {
  return { x: box.left + (box.width * (across + 1)) / 2, y: box.top + (box.height * (along + 1)) / 2 };
}

/** The handle of the box that is meant by this point; of a small box they leave its middle free. */
export function handleNear(box: Box, point: Point, reach: number): Handle | null {
  const least = Math.min(box.width, box.height);
  const near = contains(box, point) ? Math.min(reach, least / 4) : reach;
  const [nearest] = HANDLES.map((handle) => {
    const { x, y } = handleAt(box, handle);
    return { handle, far: Math.hypot(x - point.x, y - point.y) };
  }).sort((one, other) => one.far - other.far);
  return nearest !== undefined && nearest.far <= near ? nearest.handle : null;
}

/** The smallest box at this point, or not farther from it; of equal ones the selected, else the last. */
export function boxAt(items: readonly Item[], point: Point, selected: string | null, reach = 0): Item | null {
  let found: Item | null = null;
  for (const item of items) {
    if (!contains(item, point, reach)) continue;
    const difference = found === null ? -1 : area(item) - area(found);
    if (difference < 0 || (difference === 0 && found?.id !== selected)) found = item;
  }
  return found;
}

/** The boxes that the model found. */
export function fromModel(labels: readonly Suggested[], size: Size, most: number): Box[] {
  return labels
    .flatMap(({ name, box }) =>
      box === undefined
        ? []
        : [
            inside(
              {
                label: name,
                left: box.left * size.width,
                top: box.top * size.height,
                width: box.width * size.width,
                height: box.height * size.height,
              },
              size,
            ),
          ],
    )
    .slice(0, most);
}

/** A new box in the middle of the image. */
export function inTheMiddle(size: Size): Box {
  const { width, height } = size;
  return inside({ label: "", left: width / 4, top: height / 4, width: width / 2, height: height / 2 }, size);
}

/** What new boxes are labelled; one for all images of a page. */
export interface Brush {
  label: string;
}

/** A box that is being dragged: drawn, or, with the name of one, moved or resized. */
export interface Draft {
  readonly id: string | null;
  readonly box: Box;
}

/** What is shown of a sheet. A new object with each change. */
export interface Shown {
  readonly items: readonly Item[];
  readonly selected: string | null;
  /** Whether the selected box was picked: then a drag moves or resizes it, and draws nothing. */
  readonly picked: boolean;
  readonly draft: Draft | null;
}

/** What is shown beside the image: it stays the same while a box is dragged. */
export interface Listed {
  readonly items: readonly Item[];
  readonly selected: string | null;
  /** The label of the box that the next key labels, or that the next box will have. */
  readonly label: string;
  readonly brush: string;
}

/**
 * The boxes of one image while somebody edits them.
 *
 * There is no other copy: whoever draws, labels or sends does it here, and at once. What is on the
 * screen follows and is never read.
 */
export class Sheet {
  private shown: Shown;
  private beside: Listed;
  private before: (readonly Item[])[] = [];
  private undone: (readonly Item[])[] = [];
  private listeners = new Set<() => void>();

  constructor(
    readonly image: HTMLImageElement | null,
    initial: readonly Box[],
    readonly size: Size,
    private readonly brush: Brush,
  ) {
    this.shown = { items: initial.map(named), selected: null, picked: false, draft: null };
    this.beside = this.besides();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  snapshot = (): Shown => this.shown;

  listed = (): Listed => this.beside;

  get items(): readonly Item[] {
    return this.shown.items;
  }

  get selected(): Item | undefined {
    return this.items.find((item) => item.id === this.shown.selected);
  }

  /** Whether a box is being dragged at this moment. */
  get busy(): boolean {
    return this.shown.draft !== null;
  }

  /** Show a box that is being dragged. */
  drag(id: string | null, box: Box): void {
    // One that is drawn is what the next key is about, as soon as its drag has begun.
    const label = this.shown.draft?.box.label ?? (id === null ? this.brush.label : box.label);
    const selected = id === null ? { selected: null, picked: false } : {};
    this.show({ ...selected, draft: { id, box: inside({ ...box, label }, this.size) } });
  }

  /** The dragged box is where it shall be. */
  drop(): void {
    const { draft } = this.shown;
    if (draft === null) return;
    this.show({ draft: null });
    if (draft.id === null) this.add(draft.box);
    else this.change(draft.id, draft.box);
  }

  /** Leave everything as it was before the drag. */
  cancel(): void {
    if (this.busy) this.show({ draft: null });
  }

  /** Add a box and select it; ``picked`` with its handles. */
  add(box: Box, picked = false): void {
    const item = named({ ...box, label: box.label || this.brush.label });
    this.keep([...this.items, item], { selected: item.id, picked });
  }

  change(id: string, box: Box): void {
    this.keep(this.items.map((item) => (item.id === id ? { ...inside(box, this.size), id } : item)), {});
  }

  remove(id: string): void {
    this.keep(this.items.filter((item) => item.id !== id), {});
  }

  /** Put these boxes in the place of all that are there. */
  setAll(boxes: readonly Box[]): void {
    this.keep(boxes.map(named), {});
  }

  /** Pick a box, or none. */
  pick(id: string | null): void {
    this.show({ selected: id, picked: id !== null });
  }

  /** Label the box that is drawn or selected, else the last one without a label, else the next one. */
  label(label: string): void {
    const { draft } = this.shown;
    const target = this.selected ?? this.items.findLast((item) => item.label === "");
    const ahead = draft === null && target === undefined;
    this.brush.label = ahead && this.brush.label === label ? "" : label;
    if (draft !== null) this.show({ draft: { ...draft, box: { ...draft.box, label } } });
    else if (target === undefined) this.show({});
    else {
      const items = this.items.map((item) => (item.id === target.id ? { ...item, label } : item));
      this.keep(items, { selected: target.id });
    }
  }

  /** Take the last change back. */
  undo(): void {
    this.travel(this.before, this.undone);
  }

  /** Make the change again that was taken back. */
  redo(): void {
    this.travel(this.undone, this.before);
  }

  private besides(): Listed {
    const { items, selected, draft } = this.shown;
    const brush = this.brush.label;
    return { items, selected, label: draft?.box.label ?? this.selected?.label ?? brush, brush };
  }

  private travel(from: (readonly Item[])[], to: (readonly Item[])[]): void {
    const items = from.pop();
    if (items === undefined) return;
    to.push(this.items);
    this.show({ items });
  }

  private keep(items: readonly Item[], change: Partial<Shown>): void {
    this.before.push(this.items);
    this.undone = [];
    this.show({ ...change, items });
  }

  private show(change: Partial<Shown>): void {
    const next = { ...this.shown, ...change };
    const there = next.items.some((item) => item.id === next.selected);
    this.shown = there ? next : { ...next, selected: null, picked: false };
    const { items, selected, label, brush } = this.besides();
    const old = this.beside;
    if (items !== old.items || selected !== old.selected || label !== old.label || brush !== old.brush) {
      this.beside = { items, selected, label, brush };
    }
    for (const listener of this.listeners) listener();
  }
}

function named(box: Box): Item {
  return { ...box, id: crypto.randomUUID() };
}

function contains({ left, top, width, height }: Box, { x, y }: Point, reach = 0): boolean {
  return x >= left - reach && x <= left + width + reach && y >= top - reach && y <= top + height + reach;
}

function area({ width, height }: Box): number {
  return width * height;
}

function between(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

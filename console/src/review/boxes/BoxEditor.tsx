// Boxes over an image: drawn, picked, moved and resized with a mouse, a pen or a finger.
//
// A drag draws, wherever it begins: on free ground, on a box, inside one, beyond the image's edge.
// Only a box that was picked before, by a click, a key or in the list, is moved and resized instead.

import { useLayoutEffect, useSyncExternalStore } from "react";

import type { Box } from "../api";
import {
  boxAt,
  HANDLES,
  handleAt,
  handleNear,
  spanned,
  stretched,
  type Handle,
  type Point,
  type Sheet,
} from "./boxes";

/** A pointer that has moved less has clicked: a hand that holds a mouse, and one with a finger. */
const CLICK_PX = 3;
const TAP_PX = 10;
const REACH_PX = 11;
const TOUCH_REACH_PX = 18;
/** So far beside a box it is meant still. */
const NEAR_PX = 4;

interface Props {
  sheet: Sheet;
  image: HTMLImageElement;
  draws: boolean;
}

export default function BoxEditor({ sheet, image, draws }: Props) {
  const { items, selected, picked, draft } = useSyncExternalStore(sheet.subscribe, sheet.snapshot);

  useLayoutEffect(() => {
    const view = image.closest<HTMLElement>(".view");
    if (!draws || view === null) return;
    return follow(sheet, image, view);
  }, [sheet, image, draws]);

  const { width, height } = sheet.size;
  const shown = items.map((item) => (item.id === draft?.id ? { ...item, ...draft.box, label: item.label } : item));
  const drawn = draft !== null && draft.id === null ? [{ ...draft.box, id: "drawn" }] : [];
  const chosen = drawn[0]?.id ?? selected;
  const handled = picked && chosen === selected ? shown.find((item) => item.id === selected) : undefined;
  return (
    <div className={draws ? "boxes draws" : "boxes"} aria-hidden="true">
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none">
        {[...shown, ...drawn].map((item) => (
          <g key={item.id} className={item.id === chosen ? "box box-selected" : "box"}>
            <rect className="box-outer" {...placeOf(item)} />
            <rect className="box-inner" {...placeOf(item)} />
          </g>
        ))}
        {handled !== undefined &&
          HANDLES.map((handle) => {
            const { x, y } = handleAt(handled, handle);
            return <circle key={handle.join(" ")} className="box-handle" cx={x} cy={y} />;
          })}
      </svg>
      <div className="box-names">
        {[...shown, ...drawn].map((item, place) => (
          <span
            key={item.id}
            className={item.id === chosen ? "box-name box-name-selected" : "box-name"}
            style={{ left: `${(100 * item.left) / width}%`, top: `${(100 * item.top) / height}%` }}
            dir="auto"
          >
            {place + 1} {item.label === "" ? "?" : item.label}
          </span>
        ))}
      </div>
    </div>
  );
}

function placeOf({ left, top, width, height }: Box) {
  return { x: left, y: top, width, height };
}

/** What a pointer that went down does when it moves. */
interface Grip {
  readonly pointer: number;
  readonly from: Point;
  readonly onScreen: Point;
  readonly slack: number;
  readonly drags: (to: Point) => void;
}

/** Draw, pick, move and resize as the pointer does around the image; gives back how to stop that. */
function follow(sheet: Sheet, image: HTMLImageElement, view: HTMLElement): () => void {
  let grip: Grip | null = null;
  const fingers = new Set<number>();

  /** Where in the image the pointer is; at its edge where it is beyond. */
  const at = ({ clientX, clientY }: PointerEvent): Point => {
    const { left, top, width, height } = image.getBoundingClientRect();
    const x = ((clientX - left) / width) * sheet.size.width;
    const y = ((clientY - top) / height) * sheet.size.height;
    return { x: within(x, sheet.size.width), y: within(y, sheet.size.height) };
  };
  /** How many pixels of the image one on the screen is. */
  const unit = () => sheet.size.width / image.getBoundingClientRect().width;

  const meant = (point: Point, touch: boolean): { id: string; box: Box; handle: Handle | null } | null => {
    const { selected: box } = sheet;
    if (box === undefined || !sheet.snapshot().picked) return null;
    const handle = handleNear(box, point, (touch ? TOUCH_REACH_PX : REACH_PX) * unit());
    if (handle === null && boxAt(sheet.items, point, box.id)?.id !== box.id) return null;
    return { id: box.id, box, handle };
  };

  const dragging = (from: Point, touch: boolean) => {
    const grasped = meant(from, touch);
    return (to: Point) => {
      if (grasped === null) return sheet.drag(null, spanned("", from, to));
      const { id, box, handle } = grasped;
      const right = to.x - from.x;
      const down = to.y - from.y;
      if (handle !== null) sheet.drag(id, stretched(box, handle, right, down));
      else sheet.drag(id, { ...box, left: box.left + right, top: box.top + down });
    };
  };

  const stop = () => {
    grip = null;
    sheet.cancel();
  };
  const down = (event: PointerEvent) => {
    const touch = event.pointerType === "touch";
    if (touch) fingers.add(event.pointerId);
    if (fingers.size > 1) return stop(); // two fingers zoom
    if (event.button !== 0 || grip !== null || !(event.target instanceof Element)) return;
    // A finger beside the image scrolls the page; a mouse there begins a box at the edge.
    if (touch ? event.target.closest(".picture") === null : event.target.closest("button") !== null) return;
    const from = at(event);
    grip = {
      pointer: event.pointerId,
      from,
      onScreen: { x: event.clientX, y: event.clientY },
      slack: touch ? TAP_PX : CLICK_PX,
      drags: dragging(from, touch),
    };
    view.setPointerCapture(event.pointerId);
  };
  const move = (event: PointerEvent) => {
    if (grip === null) {
      const found = event.pointerType === "touch" ? null : meant(at(event), false);
      view.style.cursor = found === null ? "crosshair" : cursorOf(found.handle);
      return;
    }
    if (event.pointerId !== grip.pointer) return;
    const { clientX, clientY } = event;
    const far = Math.max(Math.abs(clientX - grip.onScreen.x), Math.abs(clientY - grip.onScreen.y));
    if (sheet.busy || far >= grip.slack) grip.drags(at(event));
  };
  const up = (event: PointerEvent) => {
    fingers.delete(event.pointerId);
    if (grip === null || event.pointerId !== grip.pointer) return;
    move(event);
    const { from } = grip;
    grip = null;
    if (sheet.busy) return sheet.drop();
    const { selected } = sheet.snapshot();
    const found = boxAt(sheet.items, from, selected) ?? boxAt(sheet.items, from, selected, NEAR_PX * unit());
    sheet.pick(found?.id ?? null);
  };
  const cancel = (event: PointerEvent) => {
    fingers.delete(event.pointerId);
    if (event.pointerId === grip?.pointer) stop();
  };

  view.addEventListener("pointerdown", down);
  view.addEventListener("pointermove", move);
  window.addEventListener("pointerup", up);
  window.addEventListener("pointercancel", cancel);
  return () => {
    view.removeEventListener("pointerdown", down);
    view.removeEventListener("pointermove", move);
    window.removeEventListener("pointerup", up);
    window.removeEventListener("pointercancel", cancel);
    view.style.cursor = "";
    stop();
  };
}

function cursorOf(handle: Handle | null): string {
  if (handle === null) return "move";
  const [across, along] = handle;
  if (across === 0) return "ns-resize";
  if (along === 0) return "ew-resize";
  return across === along ? "nwse-resize" : "nesw-resize";
}

function within(value: number, most: number): number {
  return Math.min(Math.max(value, 0), most);
}

// Where the focus is, and where it goes: keys mean what they say only where no button has it.

import { useLayoutEffect, useRef, type RefObject } from "react";

/** An element that has the focus where it would fall to nothing, as when an image goes with its buttons. */
export function useKeptFocus(): RefObject<HTMLElement | null> {
  const element = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const { activeElement } = document;
    if (activeElement === null || activeElement === document.body) focus(element.current);
  }, []);
  return element;
}

export function focus(element: HTMLElement | null): void {
  element?.focus({ preventScroll: true });
}

/** Move the focus among the labels, from the first or the last one when it is elsewhere. */
export function focusLabel(panel: HTMLElement | null, by: number): void {
  const buttons = [...(panel?.querySelectorAll<HTMLElement>(".label-list button") ?? [])];
  const place = buttons.findIndex((button) => button === document.activeElement);
  const next = place < 0 ? (by > 0 ? 0 : buttons.length - 1) : (place + by + buttons.length) % buttons.length;
  buttons[next]?.focus();
}

/** Whether the browser presses what has the focus. */
export function isPressable(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("button, a, [role=menuitem], [role=menuitemcheckbox]") !== null;
}

export function isLabel(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest(".label-list") !== null;
}

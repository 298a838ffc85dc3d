// Obeys the table of keys.

import { useEffect, useEffectEvent } from "react";

import { Bounces, signOf } from "../../shared/keys";
import type { ModelType } from "../api";
import { keyFor, KEYS, type Command, type CommandOf, type FieldOfItsOwn } from "./keys";

/** What a command does; it may have the sign of its key, and keep the browser from what that does. */
export type Act = (event: KeyboardEvent, sign: string) => void;

/** One for all images, and for the page without one: a key may bounce from one to the next. */
const bounces = new Bounces();

interface Options {
  kind: ModelType;
  at: "image" | "page";
  /** Whether a dialog is before it. */
  blocked: boolean;
  commands: Partial<Record<Command, Act>>;
  /** What lasts until its key is let go of is over. */
  onLetGo?: () => void;
}

export function useKeys({ kind, at, blocked, commands, onLetGo }: Options): void {
  const press = useEffectEvent((event: KeyboardEvent) => {
    const again = bounces.hears(event);
    if (isOfMenu(event)) return;
    const sign = signOf(event);
    const key = keyFor(sign, kind, isField(event.target) ? ["field", "anywhere"] : [at, "page", "anywhere"]);
    // A key that is held down, or bounces, would answer images that nobody has seen.
    if (key === undefined || (event.repeat && key.repeats === undefined)) return;
    if (again && key.ends) return event.preventDefault();
    if (key.at === "image" || key.at === "page") {
      if (blocked || event.altKey || event.metaKey) return;
      if (event.ctrlKey ? key.ctrl === undefined : key.ctrl === "needed") return;
    }
    if (key.command !== null) commands[key.command as Command]?.(event, sign);
  });
  const letGo = useEffectEvent((event: Event) => {
    // Who leaves the window with a key held lifts it elsewhere.
    const over = !(event instanceof KeyboardEvent) || keyFor(signOf(event), kind, [at])?.lasts;
    if (over) onLetGo?.();
  });

  useEffect(() => {
    const down = (event: KeyboardEvent) => press(event);
    const up = (event: Event) => letGo(event);
    window.addEventListener("keydown", down);
    window.addEventListener("keyup", up);
    window.addEventListener("blur", up);
    return () => {
      window.removeEventListener("keydown", down);
      window.removeEventListener("keyup", up);
      window.removeEventListener("blur", up);
    };
  }, []);
}

/** What a field with keys of its own does when one is pressed in it. */
export function pressedIn<Field extends FieldOfItsOwn>(
  field: Field,
  commands: Record<CommandOf<Field>, () => void>,
): (event: { detail: { key: string } }) => void {
  return ({ detail }) => {
    const found = KEYS.find((row) => row.at === field && row.signs.includes(detail.key));
    if (found !== undefined) commands[found.command as CommandOf<Field>]();
  };
}

/** Whether a menu has taken the key, or is open. */
function isOfMenu({ target, defaultPrevented }: KeyboardEvent): boolean {
  return defaultPrevented || (target instanceof Element && target.closest("[role=menu]") !== null);
}

function isField(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
}

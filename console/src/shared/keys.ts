// What a key means, on whichever keyboard, and whether a hand has pressed it.

/** A key that comes again within this time bounces: no hand is so quick. */
const BOUNCE_MS = 50;

type Pressed = Pick<KeyboardEvent, "key" | "code" | "shiftKey">;

/**
 * The sign of a key: what it writes, whatever the case; its digit or letter by its place where it
 * writes something else, as the row of digits does in France, and all letters do in Greece.
 */
export function signOf({ key, code, shiftKey }: Pressed): string {
  const written = key === "Process" ? "" : key; // an input method has it
  if (written.length > 1) return written;
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(code)?.[1];
  if (digit !== undefined && !shiftKey) return digit;
  if (/^[!-~ ]$/.test(written)) return written.toLowerCase();
  return /^Key([A-Z])$/.exec(code)?.[1]?.toLowerCase() ?? written;
}

/** Tells keys that bounce from those that are pressed. It must hear of each one. */
export class Bounces {
  private code = "";
  private at = -Infinity;

  hears({ code, timeStamp }: Pick<KeyboardEvent, "code" | "timeStamp">): boolean {
    const again = code === this.code && timeStamp - this.at < BOUNCE_MS;
    this.code = code;
    this.at = timeStamp;
    return again;
  }
}

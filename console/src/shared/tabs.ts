// One tab of a browser reviews at a time for a person: two would show the same images.

/** A tab that is being closed or reloaded gives way within this time. */
const GIVES_WAY_MS = 500;

/**
 * Whether this tab is the one. It stays so until another one takes over; then that is told once.
 * ``takeOver`` makes it the one whatever the others do.
 */
export function becomeTheOne(name: string, takeOver: boolean, onTakenOver: () => void): Promise<boolean> {
  const options = takeOver ? { steal: true } : { signal: AbortSignal.timeout(GIVES_WAY_MS) };
  return new Promise((resolve) => {
    let mine = false;
    navigator.locks
      .request(name, options, () => {
        mine = true;
        resolve(true);
        return new Promise(() => undefined); // until the tab goes
      })
      .catch(() => {
        if (mine) onTakenOver();
        else resolve(false);
      });
  });
}

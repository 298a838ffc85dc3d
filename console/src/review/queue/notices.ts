// What the page has to tell.

export interface Notice {
  readonly id: number;
  readonly kind: "error" | "info";
  readonly text: string;
}

const MOST = 4;

export class Notices {
  private given = 0;
  private all: readonly Notice[] = [];

  get list(): readonly Notice[] {
    return this.all;
  }

  /** The same words are said once, and last. */
  say(kind: Notice["kind"], text: string): void {
    this.given += 1;
    const others = this.all.filter((notice) => notice.text !== text);
    this.all = [...others.slice(1 - MOST), { id: this.given, kind, text }];
  }

  dismiss(id: number): void {
    this.all = this.all.filter((notice) => notice.id !== id);
  }

  /** The work goes on: only errors are still of interest. */
  workGoesOn(): void {
    this.all = this.all.filter((notice) => notice.kind === "error");
  }
}

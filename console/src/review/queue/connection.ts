// Whether the service answers, and when it is asked again.

const RETRY_MS = [1_000, 2_000, 5_000, 10_000, 30_000];

export class Connection {
  private works = true;
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private at = 0;

  constructor(private readonly onTryAgain: () => void) {}

  get connected(): boolean {
    return this.works;
  }

  /** Whether the service gets its rest: what is to be sent waits until that is over. */
  get rests(): boolean {
    return this.timer !== undefined;
  }

  succeeded(): void {
    this.failures = 0;
    this.works = true;
  }

  /** All that failed in one round waits together, as long as the most patient answer asked for. */
  failed(leastMs: number): void {
    this.works = false;
    if (this.rests && Date.now() + leastMs <= this.at) return;
    const usual = RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)] ?? 0;
    const wait = this.rests ? leastMs : Math.max(usual, leastMs);
    if (!this.rests) this.failures += 1;
    clearTimeout(this.timer);
    this.at = Date.now() + wait;
    this.timer = setTimeout(() => this.tryAgain(), wait);
  }

  /** The browser has its connection again. */
  online(): void {
    if (!this.rests) return;
    this.failures = 0;
    this.tryAgain();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private tryAgain(): void {
    this.stop();
    this.onTryAgain();
  }
}

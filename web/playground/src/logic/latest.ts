type Run<Value> = (value: Value, signal: AbortSignal) => Promise<void>;

/**
 * Runs one call at a time and always ends with the newest value: what comes while a call runs waits,
 * and replaces what waited before. So calls go out as fast as answers come, and never faster.
 * A call that takes longer than `patience` is given up once something newer waits.
 */
export class Latest<Value> {
  private waiting: { value: Value } | null = null;
  private running: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private run: Run<Value>,
    private readonly patience = 3000,
  ) {}

  /** Later calls go to `run`. */
  use(run: Run<Value>): void {
    this.run = run;
  }

  push(value: Value): void {
    this.waiting = { value };
    if (!this.running) void this.next();
    else this.timer ??= setTimeout(() => this.running?.abort(), this.patience);
  }

  /** Gives up the running call and what waits; a later push starts again. */
  stop(): void {
    this.waiting = null;
    this.running?.abort();
  }

  private async next(): Promise<void> {
    while (this.waiting) {
      const { value } = this.waiting;
      const controller = new AbortController();
      this.waiting = null;
      this.running = controller;
      try {
        await this.run(value, controller.signal);
      } catch (error) {
        // Runs report what can go wrong; anything else is for the developer, and the next value runs.
        console.error(error);
      } finally {
        clearTimeout(this.timer);
        this.timer = undefined;
        this.running = null;
      }
    }
  }
}

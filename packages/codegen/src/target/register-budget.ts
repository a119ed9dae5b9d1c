import { RegisterBudgetError } from '../errors.ts';

/** Counts the registers of one kind that a kernel claims, by role. What is claimed is not given back: kernels are small. */
export class RegisterBudget {
  readonly #targetId: string;
  readonly #available: number;
  readonly #kind: string;
  readonly #remedy: string;
  readonly #claims: { readonly role: string; readonly count: number }[] = [];
  #used = 0;

  /** @param kind as messages name it, in the plural. */
  constructor(
    targetId: string,
    available: number,
    kind = 'vector registers',
    remedy = 'Use fewer rows or columns per tile.',
  ) {
    this.#targetId = targetId;
    this.#available = available;
    this.#kind = kind;
    this.#remedy = remedy;
  }

  /** @throws RegisterBudgetError naming every role and its count. */
  claim(role: string, count: number): void {
    if (this.#used + count > this.#available) {
      const claimed = this.#claims.map((claim) => `${claim.role} ${claim.count}`).join(', ') || 'nothing';
      throw new RegisterBudgetError(`"${role}" does not fit the ${this.#kind} of ${this.#targetId}`, {
        expected: `at most ${this.#available - this.#used} more of ${this.#available} (claimed: ${claimed})`,
        actual: count,
        remedy: this.#remedy,
        facts: { target: this.#targetId, role, count, available: this.#available, claims: [...this.#claims] },
      });
    }
    this.#used += count;
    this.#claims.push({ role, count });
  }

  /** Holds one register while `body` runs. @throws RegisterBudgetError when there is none. */
  lend(role: string, body: () => void): void {
    this.claim(role, 1);
    const claim = this.#claims.at(-1)!;
    body();
    this.#used -= 1;
    this.#claims.splice(this.#claims.indexOf(claim), 1);
  }
}

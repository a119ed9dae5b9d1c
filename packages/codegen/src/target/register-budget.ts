import { RegisterBudgetError } from '../errors.ts';

/** Counts the vector registers that a kernel claims, by role. Nothing is ever given back: kernels are small. */
export class RegisterBudget {
  readonly #targetId: string;
  readonly #available: number;
  readonly #claims: { readonly role: string; readonly count: number }[] = [];
  #used = 0;

  constructor(targetId: string, available: number) {
    this.#targetId = targetId;
    this.#available = available;
  }

  /** @throws RegisterBudgetError naming every role and its count. */
  claim(role: string, count: number): void {
    if (this.#used + count > this.#available) {
      const claimed = this.#claims.map((claim) => `${claim.role} ${claim.count}`).join(', ') || 'nothing';
      throw new RegisterBudgetError(`"${role}" does not fit the vector registers of ${this.#targetId}`, {
        expected: `at most ${this.#available - this.#used} more of ${this.#available} (claimed: ${claimed})`,
        actual: count,
        remedy: 'Use fewer rows or columns per tile.',
        facts: { target: this.#targetId, role, count, available: this.#available, claims: [...this.#claims] },
      });
    }
    this.#used += count;
    this.#claims.push({ role, count });
  }
}

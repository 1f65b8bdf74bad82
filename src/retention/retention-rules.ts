import { namespaceNotFound } from '../access/namespaces.ts';
import { invalid } from '../errors.ts';
import { requireSupport } from '../store/capabilities.ts';
import type { Namespace } from '../store/namespace-store.ts';
import { type Kept, maxRetentionRules, type RetentionLimits, type RetentionRule } from '../store/retention.ts';
import { rulesInForce } from '../store/shared/retention-rules.ts';
import type { Store } from '../store/store.ts';

/** A rule with the messages that it covers, and those that it would delete now. */
export type ListedRule = RetentionRule & {
  /** Whether it comes from the server's settings. */
  readonly isDefault: boolean;
  readonly kept: Kept;
};

/** Retention rules as administrators see and change them. */
export class RetentionRules {
  readonly #store: Store;
  readonly #initial: RetentionLimits;

  /** `initial`: limits of namespaces without a rule for their whole log. */
  constructor(store: Store, initial: RetentionLimits) {
    this.#store = store;
    this.#initial = initial;
  }

  /** The rules in force for a namespace: first the one for its whole log, then by category. */
  async list(namespace: Namespace): Promise<ListedRule[]> {
    requireSupport(this.#store, 'retention');
    const found = await this.#store.namespaces.find(namespace.id);
    if (found?.uid !== namespace.uid) throw namespaceNotFound(namespace.id);
    const rules = rulesInForce(found, this.#initial).toSorted(byCategory);
    const listed: ListedRule[] = [];
    for (const rule of rules) listed.push(await this.#look(found, rule, !found.retention.includes(rule)));
    return listed;
  }

  /** Like {@link list} for a single rule, whether it is in force or not. */
  look(namespace: Namespace, rule: RetentionRule): Promise<ListedRule> {
    requireSupport(this.#store, 'retention');
    return this.#look(namespace, rule, false);
  }

  /** Sets the rule of a category or of the whole log; without limits, removes it. */
  async set(namespace: Namespace, category: string | undefined, limits: RetentionLimits | undefined): Promise<void> {
    requireSupport(this.#store, 'retention');
    const outcome = await this.#store.namespaces.setRetention(namespace, category, limits);
    if (outcome === 'gone') throw namespaceNotFound(namespace.id);
    if (outcome === 'too-many') {
      throw invalid('retention', `limit reached (${maxRetentionRules} rules per namespace); delete one first`);
    }
  }

  async #look({ log }: Namespace, rule: RetentionRule, isDefault: boolean): Promise<ListedRule> {
    return { ...rule, isDefault, kept: await this.#store.log(log).kept(rule, Date.now()) };
  }
}

function byCategory(a: RetentionRule, b: RetentionRule): number {
  const [one = '', other = ''] = [a.category, b.category];
  return one < other ? -1 : Number(one > other);
}

import { Type } from 'typebox';
import type { RetentionRules } from '../../retention/retention-rules.ts';
import { requireSupport } from '../../store/capabilities.ts';
import type { Store } from '../../store/store.ts';
import { readCategory } from '../plumbing/parameters.ts';
import type { BeginRead } from '../plumbing/read-limit.ts';
import { limitsOf, limitsSchema, ruleJson } from '../plumbing/retention-limits.ts';
import type { CountErased } from '../routes/erasure.ts';
import { integer, objectReader, readName } from './arguments.ts';
import type { RpcMethods } from './method.ts';

const readLimits = objectReader('limits', Type.Object(limitsSchema.properties));
const category = Type.Optional(Type.String());
const readRuleOptions = objectReader('options', Type.Object({ category, dryRun: Type.Optional(Type.Boolean()) }));
const readEraseOptions = objectReader('options', Type.Object({ position: integer }));

/** Dependencies of the methods for retention and erasure. */
export type RetentionMethodParts = {
  readonly store: Store;
  readonly rules: RetentionRules;
  readonly erased: CountErased;
  readonly beginRead: BeginRead;
};

/** Pokewire's own methods for retention and erasure in the caller's namespace. */
export function retentionMethods({ store, rules, erased, beginRead }: RetentionMethodParts): RpcMethods {
  const categoryOf = (given: string | undefined) => (given === undefined ? undefined : readCategory('category', given));
  return {
    'ns.retention.list': {
      scope: 'admin',
      async run({ grant, request, reply }) {
        beginRead(request, reply);
        return JSON.stringify((await rules.list(grant.namespace)).map(ruleJson));
      },
    },

    'ns.retention.set': {
      scope: 'admin',
      async run({ call, grant, request, reply }) {
        const limits = limitsOf(readLimits(call.args[0]));
        const { category: name, dryRun = false } = readRuleOptions(call.args[1]);
        const rule = { category: categoryOf(name), limits };
        beginRead(request, reply);
        if (!dryRun) await rules.set(grant.namespace, rule.category, limits);
        return JSON.stringify(ruleJson(await rules.look(grant.namespace, rule)));
      },
    },

    'ns.retention.delete': {
      scope: 'admin',
      async run({ call, grant }) {
        const name = categoryOf(readRuleOptions(call.args[0]).category);
        await rules.set(grant.namespace, name, undefined);
        return JSON.stringify({ category: name ?? null });
      },
    },

    'stream.erase': {
      scope: 'admin',
      async run({ call, grant }) {
        requireSupport(store, 'erasure');
        const stream = readName('stream', call.args[0]);
        const { position } = readEraseOptions(call.args[1]);
        const messages = await store.log(grant.namespace.log).erase(stream, position);
        erased(messages);
        return JSON.stringify({ stream, erased: messages });
      },
    },
  };
}
